// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// nebula: the first message of a handshake.
var nebulaProtocol = &dissect.Protocol{
	Name: "nebula", Spec: "Nebula: header, handshake", Category: "vpn",
	Over: dissect.UDP, Ports: []uint16{4242}, Start: dissect.BytesOf(0x10), MinLength: nebulaHeader + 1,
	Inspect: inspectNebula,
}

// nebulaHeader: version and type, subtype, 2 reserved bytes, index, counter.
const nebulaHeader = 16

// inspectNebula wants the first message of a handshake: but for version 1 and counter 1, its header is zero.
func inspectNebula(c *dissect.Conversation, _ *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) <= nebulaHeader || b[0] != 0x10 || !isZero(b[1:nebulaHeader-1]) || b[nebulaHeader-1] != 1 ||
		hasManyZeros(b[nebulaHeader:]) {
		return dissect.No
	}
	return dissect.Yes
}
