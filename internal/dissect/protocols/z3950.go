// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// z39-50: the initialize request and response of library catalogs, in BER: context tags 20 and 21, then protocol
// version and options as bit strings.
var z3950Protocol = &dissect.Protocol{
	Name:      "z39-50",
	Spec:      "ANSI/NISO Z39.50-2003 §4.1, ISO 23950",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{210},
	Start:     dissect.BytesOf(0xb4, 0xb5),
	MinLength: 10,
	Inspect:   inspectZ3950,
}

func inspectZ3950(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const request, response = 0xb4, 0xb5
	for _, b := range [2][]byte{c.ToServer(), c.ToClient()} {
		if len(b) > 0 && (b[0] == request || b[0] == response) {
			return z3950Init(b)
		}
	}
	return dissect.No
}

// z3950Init checks the outer length, and the first elements: a reference (2), version (3) and options (4).
func z3950Init(b []byte) dissect.Verdict {
	const reference, version, options = 0x82, 0x83, 0x84
	size, rest := z3950Length(b)
	if len(b) < 4 || rest != nil && size >= 10 && size > len(rest) {
		return dissect.NeedMore
	}
	if rest == nil || size < 10 || size != len(rest) {
		return dissect.No
	}
	for _, tag := range [3]byte{reference, version, options} {
		if tag == reference && rest[0] != tag {
			continue
		}
		if len(rest) < 2 || rest[0] != tag || int(rest[1]) < 2 || int(rest[1]) > 64 || len(rest) < 2+int(rest[1]) {
			return dissect.No
		}
		if tag != reference && (rest[1] > 6 || rest[2] > 7) { // a bit string: the number of unused bits, then the bits
			return dissect.No
		}
		rest = rest[2+int(rest[1]):]
		if len(rest) == 0 && tag != options {
			return dissect.No
		}
	}
	return dissect.Yes
}

// z3950Length reads a length of up to two bytes after a one-byte tag; rest is nil if b has none.
func z3950Length(b []byte) (size int, rest []byte) {
	switch {
	case len(b) >= 2 && b[1] < 0x80:
		return int(b[1]), b[2:]
	case len(b) >= 3 && b[1] == 0x81:
		return int(b[2]), b[3:]
	case len(b) >= 4 && b[1] == 0x82:
		return be16(b[2:]), b[4:]
	}
	return 0, nil
}
