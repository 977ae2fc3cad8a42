// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// nebula: a handshake's first message.
var nebulaProtocol = &dissect.Protocol{
	Name: "nebula", Spec: "Nebula: header, handshake", Category: "vpn",
	Over: dissect.UDP, Ports: []uint16{4242}, Start: dissect.BytesOf(0x10), MinLength: nebulaHeader + 1,
	Inspect: inspectNebula,
}

// nebulaHeader is version and type, subtype, 2 reserved bytes, index, counter.
const nebulaHeader = 16

// inspectNebula wants a handshake's first message: its header is zero except for version 1 and counter 1.
func inspectNebula(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) <= nebulaHeader || b[0] != 0x10 || !isZero(b[1:nebulaHeader-1]) || b[nebulaHeader-1] != 1 ||
		hasManyZeros(b[nebulaHeader:]) {
		return dissect.No
	}
	return dissect.Yes
}
