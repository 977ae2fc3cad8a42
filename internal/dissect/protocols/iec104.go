// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// iec-104: the telecontrol protocol's frames (APDU), which follow one another exactly.
var iec104Protocol = &dissect.Protocol{
	Name:      "iec-104",
	Spec:      "IEC 60870-5-104:2006 §5; IEC 60870-5-101 §7.2",
	Category:  "industrial",
	Over:      dissect.TCP,
	Ports:     []uint16{2404},
	Start:     dissect.BytesOf(iec104Start),
	MinLength: 6,
	Members:   []string{"iec_104.cause", "iec_104.common_address", "iec_104.type_id"},
	Inspect:   inspectIEC104,
}

const (
	iec104Start  = 0x68
	iec104Header = 6  // start, length of the rest, four control bytes
	iec104Frames = 64 // read in each direction
	iec104Enough = 36 // bits
)

func inspectIEC104(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	bits := 0
	var asdu []byte
	for _, b := range [2][]byte{c.First(), c.Second()} {
		for range iec104Frames {
			if len(b) < iec104Header {
				break
			}
			n, fixed := iec104Frame(b)
			if fixed == 0 {
				return dissect.No
			}
			if n > len(b) {
				break
			}
			if b[2]&1 == 0 && asdu == nil {
				asdu = b[iec104Header:n]
			}
			bits += fixed
			b = b[n:]
		}
	}
	if bits < iec104Enough {
		return dissect.NeedMore
	}
	if asdu != nil { // type, number of objects, cause (and originator), common address
		o := r.Object("iec_104")
		o.Int("type_id", int64(asdu[0]))
		o.Int("cause", int64(asdu[2]&0x3f))
		o.Int("common_address", int64(le16(asdu[4:])))
	}
	return dissect.Yes
}

// iec104Frame returns the length of the frame at the start of b and how many bits its format fixes, 0 if b begins with
// none.
func iec104Frame(b []byte) (n, bits int) {
	const asduHeader = 6
	length := int(b[1])
	if b[0] != iec104Start || length < 4 || length > 253 {
		return 0, 0
	}
	switch {
	case b[2]&1 == 0: // information: both sequence numbers have a lowest bit of 0, and the ASDU follows
		if b[4]&1 != 0 || length < 4+asduHeader {
			return 0, 0
		}
		if len(b) >= iec104Header+asduHeader {
			kind, cause := b[6], b[8]&0x3f
			if kind == 0 || kind > 127 || cause == 0 || cause > 47 || b[7]&0x7f == 0 {
				return 0, 0
			}
		}
		return 2 + length, 8 + 8 + 2 + 2
	case b[2]&3 == 1: // supervision
		if length != 4 || b[2] != 1 || b[3] != 0 || b[4]&1 != 0 {
			return 0, 0
		}
		return iec104Header, 33
	}
	switch b[2] { // without numbers: one of start, stop and test, activation or confirmation
	case 0x07, 0x0b, 0x13, 0x23, 0x43, 0x83:
		if length == 4 && b[3] == 0 && b[4] == 0 && b[5] == 0 {
			return iec104Header, 45
		}
	}
	return 0, 0
}
