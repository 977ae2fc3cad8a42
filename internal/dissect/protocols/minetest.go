// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// minetest: the network layer of Luanti (Minetest): a magic number, the peer, the channel, and one of four packet
// types.
var minetestProtocol = &dissect.Protocol{
	Name:      "minetest",
	Spec:      "Luanti networking: connection, base packet",
	Category:  "gaming",
	Over:      dissect.UDP,
	Ports:     []uint16{30000},
	Start:     dissect.FirstBytes(minetestMagic),
	MinLength: minetestHeader,
	Members:   []string{"minetest.peer_id"},
	Inspect:   inspectMinetest,
}

const (
	minetestMagic  = "\x4f\x45\x74\x03"
	minetestHeader = 4 + 2 + 1 + 1
)

func inspectMinetest(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const channels, types = 3, 4
	b := c.Newest().Payload
	if len(b) < minetestHeader || !hasPrefix(b, minetestMagic) || b[6] >= channels || b[7] >= types {
		return dissect.No
	}
	r.Object("minetest").Int("peer_id", int64(be16(b[4:])))
	return dissect.Yes
}
