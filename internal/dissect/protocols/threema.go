// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// threema: the chat server protocol. The client sends a key and a cookie (48 bytes), the server a nonce and a box (80),
// the client its login, the server an acknowledgement (32); from there on both send boxes after little-endian 2-byte
// lengths. All bytes but those lengths are random, so only its ports lead to this dissector.
var threemaProtocol = &dissect.Protocol{
	Name:     "threema",
	Spec:     "Threema Cryptography Whitepaper, Client-Server Protocol",
	Category: "messaging",
	Over:     dissect.TCP,
	Ports:    []uint16{5222},
	Inspect:  inspectThreema,
}

const (
	threemaClientHello = 48
	threemaLogin       = 144
	threemaServerHello = 80
	threemaAck         = 32
	threemaMinBox      = 16 + 4 // authenticator, type
	threemaMaxBox      = 8192
	// threemaBoxes consecutive boxes up to the end of the payload are certain: the end fixes 16 bits, each length 3 to
	// 11.
	threemaBoxes    = 2
	threemaMaxBoxes = 64
)

func inspectThreema(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	client, server := c.ToServer(), c.ToClient()
	if c.Midstream || len(client) >= 8 && isPrintable(client[:8]) || len(server) >= 8 && isPrintable(server[:8]) {
		return dissect.No
	}
	if len(client) < threemaClientHello+threemaLogin || len(server) < threemaServerHello+threemaAck {
		return dissect.NeedMore
	}
	b := server[threemaServerHello+threemaAck:]
	boxes := 0
	for ; len(b) >= 2 && boxes < threemaMaxBoxes; boxes++ {
		n := le16(b)
		if n < threemaMinBox || n > threemaMaxBox {
			return dissect.No
		}
		if len(b) < 2+n {
			return dissect.NeedMore
		}
		b = b[2+n:]
	}
	if len(b) > 0 || boxes < threemaBoxes {
		return dissect.NeedMore
	}
	r.SetApplication("threema")
	return dissect.Yes
}
