// SPDX-License-Identifier: Apache-2.0

package dissect

// s7comm: Siemens S7 messages in ISO transport, the older ones and, as s7comm-plus, those of S7-1200 and S7-1500. Siemens
// published no specification; the layout is that of public descriptions of the header.
var _ = register(Protocol{
	Name:      "s7comm",
	Also:      []string{"s7comm-plus"},
	Spec:      "RFC 1006 §6; X.224 §13; S7 header as publicly described",
	Category:  "industrial",
	Over:      TCP,
	Ports:     []uint16{102},
	Start:     Of(3),
	MinLength: tpktHeader + 3,
	Inspect:   inspectS7comm,
})

const (
	s7Magic      = 0x32
	s7PlusMagic  = 0x72
	s7Header     = 10 // magic, type, reserved, reference, length of parameters, length of data
	s7PlusHeader = 4  // magic, version, length
)

func inspectS7comm(c *Conversation, r *Result) Verdict {
	for _, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		data, ok := firstCOTPData(b)
		if !ok {
			return No
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
		return No
	}
	return NeedMore
}

// s7Message checks a message's header; jobs and user data have 10 bytes of it, answers two more, an error.
func s7Message(b []byte, r *Result) Verdict {
	if len(b) < s7Header {
		return No
	}
	header := s7Header
	switch b[1] {
	case 1, 7:
	case 2, 3:
		header += 2
	default:
		return No
	}
	parameters := be16(b[6:])
	if b[2] != 0 || b[3] != 0 || header+parameters+be16(b[8:]) != len(b) {
		return No
	}
	o := r.Object("s7comm")
	o.Int("message_type", int64(b[1]))
	if parameters > 0 {
		o.Int("function", int64(b[header]))
	}
	return Yes
}

// s7Plus checks the header and, where the message is whole, the trailer that repeats magic and version with a length of 0.
func s7Plus(b []byte, r *Result) Verdict {
	if len(b) < s7PlusHeader {
		return No
	}
	length, version := be16(b[2:]), b[1]
	end := s7PlusHeader + length
	if version == 0 || version > 3 && version != 0xfe && version != 0xff || end > len(b) && len(b) < 256 {
		return No
	}
	if rest := b[min(end, len(b)):]; len(rest) >= 4 && (rest[0] != s7PlusMagic || rest[2] != 0 || rest[3] != 0) {
		return No
	}
	r.SetProtocol("s7comm-plus")
	r.Object("s7comm_plus").Int("version", int64(version))
	return Yes
}
