// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// nbd: the network block device's negotiation: the server's magic, then options of the client.
var _ = register(Protocol{
	Name:      "nbd",
	Spec:      "NBD doc/proto.md: Handshake phase",
	Category:  "storage",
	Over:      TCP,
	Ports:     []uint16{10809},
	Start:     Firsts("NBDMAGIC"),
	MinLength: 8,
	Inspect:   inspectNBD,
})

func inspectNBD(c *Conversation, r *Result) Verdict {
	const magic, option, oldStyle = "NBDMAGIC", "IHAVEOPT", "\x00\x00\x42\x02\x81\x86\x12\x53"
	server := c.ToClient()
	if !couldBe(server, magic) {
		return No
	}
	if len(server) < len(magic)+8 {
		return NeedMore
	}
	if rest := server[len(magic):]; !hasPrefix(rest, option) && !hasPrefix(rest, oldStyle) {
		return No
	}
	// The client sends 4 bytes of flags, then the magic of options, their number (2), length and name.
	const flags, exportName, head = 4, 1, 4 + 8 + 4 + 4
	client := c.ToServer()
	if len(client) < head {
		return YesMore
	}
	if size := be32(client[16:]); bytes.HasPrefix(client[flags:], []byte(option)) && be32(client[12:]) == exportName && size <= len(client)-head {
		r.Object("nbd").Text("export", client[head:head+size])
	}
	return Yes
}
