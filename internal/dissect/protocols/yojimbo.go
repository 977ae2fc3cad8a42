// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// yojimbo: the connection request of netcode, the base of yojimbo and other game libraries.
var yojimboProtocol = &dissect.Protocol{
	Name: "yojimbo", Spec: "netcode standard: connection request packet", Category: "gaming",
	Over: dissect.UDP, Start: dissect.BytesOf(0), MinLength: netcodeRequest, Inspect: inspectNetcode,
}

const (
	netcodeVersion = "\x00NETCODE 1." // packet type 0, version
	// netcodeRequest is the length of a connection request: type, version, protocol, expiry, nonce, and the private
	// token.
	netcodeRequest = 1 + 13 + 8 + 8 + 24 + 1024
)

func inspectNetcode(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	const end = 13
	for i := range c.Datagrams {
		if b := c.Datagrams[i].Payload; hasPrefix(b, netcodeVersion) && len(b) > end && b[end] == 0 {
			return dissect.Yes
		}
	}
	return dissect.No
}
