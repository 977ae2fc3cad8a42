// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// mumble: the unencrypted UDP ping of clients, and the server's answer. Control and voice are TLS and encrypted UDP.
var mumbleProtocol = &dissect.Protocol{
	Name:      "mumble",
	Spec:      "Mumble Protocol: UDP Ping packet",
	Category:  "voip",
	Over:      dissect.UDP,
	Ports:     []uint16{64738},
	Start:     dissect.BytesOf(0),
	MinLength: mumblePing,
	Members:   []string{"mumble.users"},
	Inspect:   inspectMumble,
}

const (
	mumblePing = 12 // type 0 (4), identifier (8)
	mumblePong = 24 // version (4), identifier, users, users at most, bandwidth at most
)

func inspectMumble(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	ping := c.Datagrams[0].Payload
	if len(ping) != mumblePing || be32(ping) != 0 {
		return dissect.No
	}
	for _, d := range c.Datagrams[1:] {
		pong := d.Payload
		if d.FromClient == c.Datagrams[0].FromClient || len(pong) != mumblePong {
			continue
		}
		if string(pong[4:12]) != string(ping[4:]) || pong[0] != 0 || be32(pong) == 0 {
			return dissect.No
		}
		r.Object("mumble").Int("users", int64(be32(pong[12:])))
		return dissect.Yes
	}
	return dissect.NeedMore
}
