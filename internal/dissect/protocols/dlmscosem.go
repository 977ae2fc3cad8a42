// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// dlms-cosem: meters' application messages in the wrapper of the TCP/UDP profile, or in HDLC frames.
var dlmsCosemProtocol = &dissect.Protocol{
	Name:      "dlms-cosem",
	Spec:      "IEC 62056-47 §5 (wrapper), IEC 62056-46 §6.4 (HDLC), IEC 62056-5-3 §9",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{4059},
	Start:     dissect.BytesOf(0, dlmsFlag),
	MinLength: 9,
	Members:   []string{"dlms_cosem.destination_port", "dlms_cosem.source_port", "dlms_cosem.tag"},
	Inspect:   inspectDLMS,
}

const (
	dlmsWrapper = 8 // version 1, source and destination port, length of the message
	dlmsFlag    = 0x7e
)

func inspectDLMS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) <= dlmsWrapper {
		return moreIf(c.Transport == dissect.TCP && (couldBe(b, "\x00\x01\x00") || couldBe(b, "\x7e\xa0")))
	}
	if b[0] == dlmsFlag {
		return dlmsHDLC(b)
	}
	source, destination, length := be16(b[2:]), be16(b[4:]), be16(b[6:])
	whole := dlmsWrapper+length == len(b) || c.Transport == dissect.TCP && len(b) > dlmsWrapper+length &&
		couldBe(b[dlmsWrapper+length:], "\x00\x01")
	if be16(b) != 1 || source == 0 || destination == 0 || source > 0xff && destination > 0xff ||
		!dlmsTag(b[dlmsWrapper]) {
		return dissect.No
	}
	if !whole {
		return moreIf(c.Transport == dissect.TCP && len(b) < dlmsWrapper+length)
	}
	if !dlmsBody(b[dlmsWrapper : dlmsWrapper+length]) {
		return dissect.No
	}
	o := r.Object("dlms_cosem")
	o.Int("source_port", int64(source))
	o.Int("destination_port", int64(destination))
	o.Int("tag", int64(b[dlmsWrapper]))
	return dissect.Yes
}

// dlmsTag reports whether tag begins an application message: initiate, notifications, association, get, set, action,
// and their ciphered forms.
func dlmsTag(tag byte) bool {
	switch tag {
	case 0x01, 0x08, 0x0e, 0x0f, 0x18, 0x21, 0x28, 0x60, 0x61, 0x62, 0x63, 0xd8, 0xdb, 0xdc, 0xdd, 0xe0:
		return true
	}
	return tag >= 0xc0 && tag <= 0xcf
}

// dlmsBody checks the fixed parts after the tag: the length of an association message, and the choice of a service.
func dlmsBody(b []byte) bool {
	switch tag := b[0]; {
	case tag >= 0x60 && tag <= 0x63:
		n, size := mmsLength(b)
		return size > 0 && size+n == len(b)
	case tag >= 0xc0 && tag <= 0xc7 && tag != 0xc2:
		return len(b) >= 3 && b[1] >= 1 && b[1] <= 5
	}
	return len(b) >= 3
}

// dlmsHDLC checks a frame: flag, format 3 and length in 11 bits, addresses, control, checksum of the header, flag.
func dlmsHDLC(b []byte) dissect.Verdict {
	length := (be16(b[1:]) & 0x7ff) + 2
	if b[1]&0xf0 == 0xa0 && length > len(b) {
		return dissect.NeedMore
	}
	if b[1]&0xf0 != 0xa0 || length < 9 || b[length-1] != dlmsFlag {
		return dissect.No
	}
	frame := b[1 : length-1]
	if got := int(frame[len(frame)-1])<<8 | int(frame[len(frame)-2]); crcX25(frame[:len(frame)-2]) != got {
		return dissect.No
	}
	return dissect.Yes
}
