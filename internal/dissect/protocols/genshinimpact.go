// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

var genshinImpactProtocol = &dissect.Protocol{
	Name: "genshin-impact", Spec: "Grasscutter: KCP handshake", Category: "gaming",
	Over: dissect.UDP, Ports: []uint16{22101, 22102}, Start: dissect.BytesOf(0), MinLength: kcpHandshake,
	Inspect: inspectKCPHandshake,
}

// kcpHandshake is magic number, conversation, token, data, magic number; big endian.
const kcpHandshake = 20

// kcpHandshakes are the first and the last four bytes: connect, accept, disconnect.
var kcpHandshakes = [...][2]string{
	{"\x00\x00\x00\xff", "\xff\xff\xff\xff"}, {"\x00\x00\x01\x45", "\x14\x51\x45\x45"},
	{"\x00\x00\x01\x94", "\x19\x41\x94\x94"},
}

func inspectKCPHandshake(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := c.Newest()
	if d.Length != kcpHandshake || len(d.Payload) != kcpHandshake {
		return dissect.No
	}
	for _, h := range kcpHandshakes {
		if hasPrefix(d.Payload, h[0]) && hasPrefix(d.Payload[kcpHandshake-4:], h[1]) {
			r.SetApplication("genshin-impact")
			return dissect.Yes
		}
	}
	return dissect.No
}
