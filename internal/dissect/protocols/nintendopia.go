// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// nintendo-pia: packets of Nintendo's library for play between consoles.
var nintendoPiaProtocol = &dissect.Protocol{
	Name: "nintendo-pia", Spec: "NintendoClients wiki: Pia protocol, packet header", Category: "gaming",
	Over: dissect.UDP, Start: dissect.FirstBytes(piaMagic), MinLength: 24, Inspect: inspectPia,
}

const piaMagic = "\x32\xab\x98\x64"

// inspectPia checks the magic number and, in the next byte, whether the packet is encrypted (2) or not (1); since
// version 5 the top bit marks encryption and the rest is the version.
func inspectPia(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.Newest().Payload
	if len(b) < 5 || !hasPrefix(b, piaMagic) || b[4]&0x7f == 0 || b[4]&0x7f > 16 {
		return dissect.No
	}
	r.SetApplication("nintendo")
	return dissect.Yes
}
