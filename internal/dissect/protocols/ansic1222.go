// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ansi-c12-22: meter messages, ACSE application protocol data units whose user information holds an EPSEM.
var ansiC1222Protocol = &dissect.Protocol{
	Name:      "ansi-c12-22",
	Spec:      "ANSI C12.22-2012 §5.3.4; RFC 6142",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{1153},
	Start:     dissect.BytesOf(c1222ACSE),
	MinLength: 8,
	Inspect:   inspectC1222,
}

const (
	c1222ACSE     = 0x60
	c1222User     = 0xbe // user information, which comes last
	c1222External = 0x28
	c1222Elements = 16
)

func inspectC1222(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	n, size := mmsLength(b)
	if len(b) < 8 || b[0] != c1222ACSE {
		return moreIf(couldBe(b, "\x60") && c.Transport == dissect.TCP)
	}
	if size == 0 || c.Transport == dissect.UDP && size+n != len(b) {
		return dissect.No
	}
	if size+n > len(b) {
		return dissect.NeedMore
	}
	b = b[size : size+n]
	for range c1222Elements {
		if len(b) < 2 {
			return dissect.No
		}
		n, size = mmsLength(b)
		if size == 0 || size+n > len(b) {
			return dissect.No
		}
		switch tag := b[0]; {
		case tag == c1222User: // DLMS shares the frame, but has an octet string here
			if n < 4 || b[size] != c1222External || size+n != len(b) {
				return dissect.No
			}
			return dissect.Yes
		case tag < 0xa1 || tag > 0xac:
			// context, titles and qualifiers of both sides, invocations, mechanism, authentication
			if tag != 0x80 && tag != 0x8b {
				return dissect.No
			}
		}
		b = b[size+n:]
	}
	return dissect.No
}
