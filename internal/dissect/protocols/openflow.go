// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// openflow: the hello of switch and controller: version, type 0, an exact length, transaction id.
var openflowProtocol = &dissect.Protocol{
	Name:      "openflow",
	Spec:      "OpenFlow Switch Specification 1.5.1 §7.1.1, §7.5.1",
	Category:  "network",
	Over:      dissect.TCP,
	Ports:     []uint16{6633, 6653},
	Start:     dissect.ByteRange(1, 6),
	MinLength: openflowHeader,
	Members:   []string{"openflow.version"},
	Inspect:   inspectOpenFlow,
}

const openflowHeader = 8

func inspectOpenFlow(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	first, second := c.First(), c.Second()
	one, two := openflowHello(first), openflowHello(second)
	if one < 0 || two < 0 {
		return dissect.No
	}
	if one == 0 || two == 0 {
		return dissect.NeedMore // each hello fixes 29 bits
	}
	r.Object("openflow").Int("version", int64(min(first[0], second[0])))
	return dissect.Yes
}

// openflowHello returns the length of the hello at the start of b, 0 if it is incomplete, -1 if b is no hello.
func openflowHello(b []byte) int {
	const longest = 64
	if len(b) < openflowHeader {
		return 0
	}
	n := be16(b[2:])
	if b[0] < 1 || b[0] > 6 || b[1] != 0 || n < openflowHeader || n > longest || n > openflowHeader && n > len(b) {
		return -1
	}
	if rest := b[n:]; len(rest) >= 2 && (rest[0] < 1 || rest[0] > 6 || rest[1] > 35) { // the message after it
		return -1
	}
	if n >= openflowHeader+4 && be16(b[openflowHeader:]) != 1 { // the only element: versions (§7.5.1)
		return -1
	}
	return n
}
