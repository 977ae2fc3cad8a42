// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"

	"github.com/weirnet/weir/internal/dissect"
)

// x11: the X Window System's connection setup: byte order, version 11, authorization.
var x11Protocol = &dissect.Protocol{
	Name:      "x11",
	Spec:      "X Window System Protocol 11 §8",
	Category:  "remote-access",
	Over:      dissect.TCP,
	Ports:     []uint16{6000, 6001, 6010},
	Start:     dissect.FirstBytes("B\x00", "l\x00"),
	MinLength: x11Setup,
	Members:   []string{"x11.authorization"},
	Inspect:   inspectX11,
}

const x11Setup = 12

func inspectX11(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	request, reply := c.ToServer(), c.ToClient()
	if len(request) < x11Setup {
		return dissect.NeedMore
	}
	var order binary.ByteOrder = binary.LittleEndian
	if request[0] == 'B' {
		order = binary.BigEndian
	} else if request[0] != 'l' {
		return dissect.No
	}
	name, data := int(order.Uint16(request[6:])), int(order.Uint16(request[8:]))
	if request[1] != 0 || order.Uint16(request[2:]) != 11 || order.Uint16(request[4:]) != 0 ||
		order.Uint16(request[10:]) != 0 {
		return dissect.No
	}
	if setup := x11Setup + (name+3)&^3 + (data+3)&^3; len(request) != setup && len(reply) == 0 {
		return moreIf(len(request) < setup && setup <= dissect.MaxStream)
	}
	if len(reply) >= 4 && (reply[0] > 2 || reply[0] != 2 && order.Uint16(reply[2:]) != 11) {
		// Failed, success, authenticate
		return dissect.No
	}
	if name > 0 && len(request) >= x11Setup+name {
		r.Object("x11").Text("authorization", request[x11Setup:x11Setup+name])
	}
	return dissect.Yes
}
