// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// world-of-warcraft: the login to the realm, and the greeting of a world server.
var worldOfWarcraftProtocol = &dissect.Protocol{
	Name: "world-of-warcraft", Spec: "wowdev wiki: login packets, world packets", Category: "gaming",
	Over: dissect.TCP, Ports: []uint16{3724}, Start: dissect.BytesOf(0, 'W'), MinLength: 8,
	Inspect: inspectWorldOfWarcraft,
}

// inspectWorldOfWarcraft checks the greeting of a world server or its client, with or without 2 bytes of length before
// it, and the login: operation 0, protocol, length (little endian), "WoW" and a zero.
func inspectWorldOfWarcraft(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const greeting, login, header = "WORLD OF WARCRAFT CONNECTION", "WoW\x00", 4
	for _, b := range [2][]byte{c.First(), c.Second()} {
		switch {
		case hasPrefix(b, greeting), len(b) > 2 && hasPrefix(b[2:], greeting):
		case len(b) > header+len(login) && b[0] == 0 && hasPrefix(b[header:], login) && le16(b[2:]) >= 30 &&
			le16(b[2:]) <= 64:
		default:
			continue
		}
		r.SetApplication("world-of-warcraft")
		return dissect.Yes
	}
	if b := c.First(); len(b) < 2+len(greeting) && (couldBe(b, greeting) || b[0] == 0) {
		return dissect.NeedMore
	}
	return dissect.No
}
