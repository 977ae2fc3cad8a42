// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// among-us: Hazel's opening message with the game's payload.
var amongUsProtocol = &dissect.Protocol{
	Name: "among-us", Spec: "Among Us protocol documentation: Hazel, hello", Category: "gaming",
	Over: dissect.UDP, Ports: []uint16{22023, 22123, 22223}, Start: dissect.BytesOf(hazelHello), MinLength: 10,
	Members: []string{"among_us.version"},
	Inspect: inspectAmongUs,
}

const hazelHello = 0x08

// inspectAmongUs checks the message that opens a connection: 8, its number (big endian), Hazel's version 0, the game's
// version as a date (year*25000 + month*1800 + day*50 + revision, little endian), and the player's name after its
// length.
func inspectAmongUs(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const name, maxName, first, last = 9, 10, 2018 * 25000, 2040 * 25000
	b := c.First()
	if len(b) < name || b[0] != hazelHello || be16(b[1:]) != 1 || b[3] != 0 {
		return dissect.No
	}
	version, length := le32(b[4:]), int(b[8])
	if version < first || version > last || length == 0 || length > maxName || len(b) < name+length {
		return dissect.No
	}
	r.Object("among_us").Int("version", int64(version))
	r.SetApplication("among-us")
	return dissect.Yes
}
