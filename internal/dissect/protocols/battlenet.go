// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// battle-net: BNCS, by a game client's first message to the service.
var battleNetProtocol = &dissect.Protocol{
	Name: "battle-net", Spec: "BNETDocs: BNCS protocol header", Category: "gaming",
	Members: []string{"battle_net.product"},
	Over:    dissect.TCP, Ports: []uint16{6112}, Start: dissect.BytesOf(1), MinLength: 5, Inspect: inspectBNCS,
}

// inspectBNCS checks a game client's first message: the byte 1, which selects the protocol, and SID_AUTH_INFO: 0xff,
// 0x50, length, protocol 0, platform and product, four letters each in reverse order.
func inspectBNCS(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const platform, product, minLength = 9, 13, 0x26
	b := c.First()
	if !couldBe(b, "\x01\xff\x50") {
		return dissect.No
	}
	if len(b) < product+4 {
		return dissect.NeedMore
	}
	if length := le16(b[3:]); length < minLength || length > 512 || !isZero(b[5:platform]) ||
		!hasPrefix(b[platform:], "68XI") && !hasPrefix(b[platform:], "CAMP") && !hasPrefix(b[platform:], "CAMX") {
		return dissect.No
	}
	var letters [4]byte
	for i := range letters {
		letters[i] = b[product+3-i]
	}
	if !isPrintable(letters[:]) {
		return dissect.No
	}
	r.Object("battle_net").Text("product", letters[:])
	r.SetApplication("blizzard")
	return dissect.Yes
}
