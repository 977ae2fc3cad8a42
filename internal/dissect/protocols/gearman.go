// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// gearman: the binary protocol's header: a 4-byte magic, packet type, size.
var gearmanProtocol = &dissect.Protocol{
	Name:      "gearman",
	Spec:      "Gearman PROTOCOL: Binary Packet",
	Category:  "message-queue",
	Over:      dissect.TCP,
	Ports:     []uint16{4730},
	Start:     dissect.FirstBytes("\x00REQ"),
	MinLength: 4,
	Inspect:   inspectGearman,
}

func inspectGearman(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const header, types, longest = 12, 42, 1 << 26
	b := c.First()
	if !couldBe(b, "\x00REQ") && !couldBe(b, "\x00RES") {
		return dissect.No
	}
	if len(b) < header {
		return dissect.NeedMore
	}
	kind := be32(b[4:])
	if kind == 0 || kind > types || be32(b[8:]) > longest {
		return dissect.No
	}
	return dissect.Yes
}
