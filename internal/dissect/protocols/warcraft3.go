// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// warcraft3: W3GS, the protocol between a game's players.
var warcraft3Protocol = &dissect.Protocol{
	Name: "warcraft3", Spec: "BNETDocs: W3GS protocol header", Category: "gaming",
	Over: dissect.TCP | dissect.UDP, Ports: []uint16{6112, 6113, 6119}, Start: dissect.BytesOf(w3gsMark), MinLength: 4,
	Inspect: inspectW3GS,
}

const w3gsMark = 0xf7

// inspectW3GS walks messages: mark, identifier, length (little endian, of the whole message). Over TCP it wants two in
// sequence or one in each direction; over UDP, where a message is a datagram, one that searches for or announces games.
func inspectW3GS(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	if c.Transport == dissect.UDP {
		const search, create, last = 0x2f, 0x31, 0x33
		d := c.Newest()
		b := d.Payload
		if len(b) < 8 || b[0] != w3gsMark || b[1] < search || b[1] > last || le16(b[2:]) != d.Length {
			return dissect.No
		}
		if b[1] <= create && (hasPrefix(b[4:], "3RAW") || hasPrefix(b[4:], "PX3W")) {
			return dissect.Yes
		}
		return dissect.NeedMore
	}
	messages := 0
	for _, b := range [2][]byte{c.First(), c.Second()} {
		for n := 0; n < 4 && len(b) >= 4; n++ {
			length := le16(b[2:])
			if b[0] != w3gsMark || length < 4 || b[1] == 0 || b[1] > 0x51 {
				return dissect.No
			}
			if len(b) < length {
				break
			}
			messages++
			b = b[length:]
		}
	}
	if messages >= 3 && len(c.Second()) > 0 {
		return dissect.Yes
	}
	return dissect.NeedMore
}
