// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// l2tp: control messages over UDP, versions 2 and 3. Data messages are a tunnel, which package packet decodes.
var l2tpOverUDPProtocol = &dissect.Protocol{
	Name: "l2tp", Spec: "RFC 2661 §3.1, §4.1; RFC 3931 §3.2.1, §4.1.2", Category: "vpn",
	Over: dissect.UDP, Ports: []uint16{1701}, Start: dissect.BytesOf(0xc8, 0xcc, 0xd8, 0xdc, 0xe8, 0xec, 0xf8, 0xfc),
	MinLength: l2tpHeader,
	Members:   []string{"l2tp.host", "l2tp.message_type", "l2tp.vendor", "l2tp.version"},
	Inspect:   inspectL2TP,
}

const (
	// l2tpHeader is the length of a control message's header: flags and version, length, connection (in version 2
	// tunnel and session), the sent and the expected sequence number.
	l2tpHeader = 12
	// l2tpAVP is the length of the header of an attribute-value pair: flags and length, vendor, attribute.
	l2tpAVP = 6
	// maxL2TPAVPs bounds the pairs walked; a request to start a connection has about ten.
	maxL2TPAVPs = 64
)

func inspectL2TP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	// Type, length and sequence are present, offset and priority absent; receivers ignore all reserved bits (RFC 2661
	// §3.1).
	const control, flags, versions = 0xc800, 0xcb00, 0x000f
	d := c.Newest()
	b := d.Payload
	if len(b) < l2tpHeader || be16(b)&flags != control || be16(b[2:]) < l2tpHeader || be16(b[2:]) > d.Length {
		return dissect.No
	}
	version, length := be16(b)&versions, be16(b[2:])
	if version != 2 && version != 3 {
		return dissect.No
	}
	if length == l2tpHeader {
		if len(c.Datagrams) < 2 || be32(b[4:]) == 0 || d.Length != length {
			return dissect.NeedMore // an acknowledgement fixes too few bits
		}
		for i := range c.Datagrams {
			if e := &c.Datagrams[i]; e.FromClient != d.FromClient && len(e.Payload) >= l2tpHeader &&
				be16(e.Payload) == be16(b) {
				return dissect.Yes
			}
		}
		return dissect.NeedMore
	}
	o := r.Object("l2tp")
	o.Int("version", int64(version))
	if !l2tpAVPs(b, length, o) {
		return dissect.No
	}
	return dissect.Yes
}

// l2tpAVPs walks the pairs, the first of which is the message type (RFC 2661 §4.4.1), and reports whether they fill the
// message.
func l2tpAVPs(b []byte, length int, o *dissect.Object) bool {
	const reserved, hidden, lengthBits, lastType = 0x3c00, 0x4000, 0x03ff, 29
	const hostName, vendorName = 7, 8
	at := l2tpHeader
	for n := 0; n < maxL2TPAVPs && at < length; n++ {
		if at+l2tpAVP > len(b) {
			return n > 0 && len(b) < length
		}
		flags, size := be16(b[at:]), be16(b[at:])&lengthBits
		if size < l2tpAVP || at+size > length {
			return false
		}
		vendor, attribute := be16(b[at+2:]), be16(b[at+4:])
		if n == 0 && (flags&hidden != 0 || size != l2tpAVP+2 || vendor != 0 || attribute != 0 || flags&reserved != 0) {
			return false
		}
		value := b[at+l2tpAVP : max(at+l2tpAVP, min(at+size, len(b)))]
		switch {
		case flags&reserved != 0: // an unknown attribute (§4.1)
		case n == 0 && len(value) == 2:
			if be16(value) == 0 || be16(value) > lastType {
				return false
			}
			o.Int("message_type", int64(be16(value)))
		case vendor == 0 && flags&hidden == 0 && attribute == hostName:
			o.Text("host", value)
		case vendor == 0 && flags&hidden == 0 && attribute == vendorName:
			o.Text("vendor", value)
		}
		at += size
	}
	return at >= length
}

// l2tp: version 3 directly over IP, by its control messages: data messages have no fixed form.
var l2tpOverIPProtocol = onIP("l2tp", "RFC 3931 §4.1.1", "vpn", 115, checkL2TPv3)

// checkL2TPv3 wants session 0, then a control message of version 3 with its length.
func checkL2TPv3(d *dissect.Datagram, _ *dissect.Result) bool {
	const control = 16
	b := d.Payload
	return len(b) >= control && be32(b) == 0 && b[4]&0x80 != 0 && b[5]&15 == 3 && be16(b[6:]) == d.Length-4
}
