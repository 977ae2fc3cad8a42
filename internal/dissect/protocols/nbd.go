// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"bytes"

	"github.com/weirnet/weir/internal/dissect"
)

// nbd: the Network Block Device negotiation: the server's magic, then the client's options.
var nbdProtocol = &dissect.Protocol{
	Name:      "nbd",
	Spec:      "NBD doc/proto.md: Handshake phase",
	Category:  "storage",
	Over:      dissect.TCP,
	Ports:     []uint16{10809},
	Start:     dissect.FirstBytes("NBDMAGIC"),
	MinLength: 8,
	Members:   []string{"nbd.export"},
	Inspect:   inspectNBD,
}

func inspectNBD(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const magic, option, oldStyle = "NBDMAGIC", "IHAVEOPT", "\x00\x00\x42\x02\x81\x86\x12\x53"
	server := c.ToClient()
	if !couldBe(server, magic) {
		return dissect.No
	}
	if len(server) < len(magic)+8 {
		return dissect.NeedMore
	}
	if rest := server[len(magic):]; !hasPrefix(rest, option) && !hasPrefix(rest, oldStyle) {
		return dissect.No
	}
	// The client sends 4 bytes of flags, then each option: magic, number, length (4 bytes), name.
	const flags, exportName, head = 4, 1, 4 + 8 + 4 + 4
	client := c.ToServer()
	if len(client) < head {
		return dissect.YesMore
	}
	if size := be32(client[16:]); bytes.HasPrefix(client[flags:], []byte(option)) && be32(client[12:]) == exportName &&
		size <= len(client)-head {
		r.Object("nbd").Text("export", client[head:head+size])
	}
	return dissect.Yes
}
