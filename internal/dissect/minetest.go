// SPDX-License-Identifier: Apache-2.0

package dissect

// minetest: Luanti's (Minetest's) network layer: a magic number, the peer, the channel, and a packet of one of four types.
var _ = register(Protocol{
	Name:      "minetest",
	Spec:      "Luanti networking: connection, base packet",
	Category:  "gaming",
	Over:      UDP,
	Ports:     []uint16{30000},
	Start:     Firsts(minetestMagic),
	MinLength: minetestHeader,
	Inspect:   inspectMinetest,
})

const (
	minetestMagic  = "\x4f\x45\x74\x03"
	minetestHeader = 4 + 2 + 1 + 1
)

func inspectMinetest(c *Conversation, r *Result) Verdict {
	const channels, types = 3, 4
	b := c.Newest().Payload
	if len(b) < minetestHeader || !hasPrefix(b, minetestMagic) || b[6] >= channels || b[7] >= types {
		return No
	}
	r.Object("minetest").Int("peer_id", int64(be16(b[4:])))
	return Yes
}
