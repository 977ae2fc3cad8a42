// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// s7comm: Siemens S7 messages in ISO transport, the older ones and, as s7comm-plus, those of S7-1200 and S7-1500.
// Siemens published no specification; the layout follows public descriptions of the header.
var s7commProtocol = &dissect.Protocol{
	Name:      "s7comm",
	Also:      []string{"s7comm-plus"},
	Spec:      "RFC 1006 §6; X.224 §13; S7 header as publicly described",
	Category:  "industrial",
	Over:      dissect.TCP,
	Ports:     []uint16{102},
	Start:     dissect.BytesOf(3),
	MinLength: tpktHeader + 3,
	Members:   []string{"s7comm.function", "s7comm.message_type", "s7comm_plus.version"},
	Inspect:   inspectS7comm,
}

const (
	s7Magic  = 0x32
	s7Header = 10 // magic, type, reserved, reference, length of parameters, length of data
)

func inspectS7comm(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	for _, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		data, ok := firstCOTPData(b)
		if !ok {
			return dissect.No
		}
		if data == nil {
			continue
		}
		switch data[0] {
		case s7Magic:
			return s7Message(data, r)
		case s7PlusMagic:
			return s7Plus(data, r)
		}
		return dissect.No
	}
	return dissect.NeedMore
}

// s7Message checks a message's header, which has 10 bytes in jobs and user data; answers have two more, an error code.
func s7Message(b []byte, r *dissect.Result) dissect.Verdict {
	if len(b) < s7Header {
		return dissect.No
	}
	header := s7Header
	switch b[1] {
	case 1, 7:
	case 2, 3:
		header += 2
	default:
		return dissect.No
	}
	parameters := be16(b[6:])
	if b[2] != 0 || b[3] != 0 || header+parameters+be16(b[8:]) != len(b) {
		return dissect.No
	}
	o := r.Object("s7comm")
	o.Int("message_type", int64(b[1]))
	if parameters > 0 {
		o.Int("function", int64(b[header]))
	}
	return dissect.Yes
}
