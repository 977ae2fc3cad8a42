// SPDX-License-Identifier: Apache-2.0

package dissect

// gearman: the binary protocol's header: magic of 4 bytes, packet type, size.
var _ = register(Protocol{
	Name:      "gearman",
	Spec:      "Gearman PROTOCOL: Binary Packet",
	Category:  "message-queue",
	Over:      TCP,
	Ports:     []uint16{4730},
	Start:     Firsts("\x00REQ"),
	MinLength: 4,
	Inspect:   inspectGearman,
})

func inspectGearman(c *Conversation, r *Result) Verdict {
	const header, types, longest = 12, 42, 1 << 26
	b := c.First()
	if !couldBe(b, "\x00REQ") && !couldBe(b, "\x00RES") {
		return No
	}
	if len(b) < header {
		return NeedMore
	}
	kind := be32(b[4:])
	if kind == 0 || kind > types || be32(b[8:]) > longest {
		return No
	}
	return Yes
}
