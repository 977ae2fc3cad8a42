// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// capwap: the control channel, cleartext discovery and DTLS behind a CAPWAP header.
var capwapProtocol = &dissect.Protocol{
	Name: "capwap", Spec: "RFC 5415 §4", Category: "network",
	Over: dissect.UDP, Ports: []uint16{5246, 5247}, Start: dissect.BytesOf(0, 1), MinLength: 16,
	Members: []string{"capwap.message_type"},
	Inspect: inspectCAPWAP,
}

func inspectCAPWAP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const dtls, clear = 1, 0
	d := c.Newest()
	b := d.Payload
	if len(b) < 16 {
		return dissect.No
	}
	if b[0] == dtls {
		const record = 4 // 3 reserved bytes, then DTLS's record: type, version, epoch, sequence number, length
		version := be16(b[record+1:])
		if b[record] >= 20 && b[record] <= 25 && (version == 0xfeff || version == 0xfefd) && len(b) >= record+13 &&
			record+13+be16(b[record+11:]) <= d.Length {
			return dissect.Yes
		}
		return dissect.No
	}
	if b[0] != clear {
		return dissect.No
	}
	return capwapControl(b, d.Length, r)
}

// capwapControl checks a control message: the header (§4.3, whose reserved bits receivers ignore), the control header
// (§4.5.1), and the elements, which fill it.
func capwapControl(b []byte, length int, r *dissect.Result) dissect.Verdict {
	const fragment, control, element, maxElements = 0x80, 8, 4, 256
	header := int(b[1]>>3) * 4
	binding := (b[1]&1)<<4 | b[2]>>4
	if header < 8 || header+control > len(b) || b[3]&fragment != 0 || binding > 3 {
		return dissect.No
	}
	const lastType = 26
	kind := be32(b[header:])
	rest := be16(b[header+5:])
	if kind == 0 || kind > lastType || rest < 3 || header+5+rest != length {
		return dissect.No
	}
	at, elements := header+control, 0
	for ; elements < maxElements && at < length; elements++ {
		if at+element > len(b) {
			break
		}
		if be16(b[at:]) == 0 {
			return dissect.No
		}
		at += element + be16(b[at+2:])
	}
	if at != length && length == len(b) || at > length || elements == 0 && kind != 13 && kind != 14 {
		return dissect.No // only echoes have no element
	}
	r.Object("capwap").Int("message_type", int64(kind))
	return dissect.Yes
}
