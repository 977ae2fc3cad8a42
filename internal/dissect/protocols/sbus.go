// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// s-bus: SAIA's Ether-S-Bus, by a length and checksum that fit the datagram. SAIA's specification isn't public; the
// layout follows public descriptions.
var sBusProtocol = &dissect.Protocol{
	Name:      "s-bus",
	Spec:      "SAIA Ether-S-Bus as publicly described; CRC-16/XMODEM",
	Category:  "industrial",
	Over:      dissect.UDP,
	Ports:     []uint16{5050},
	Start:     dissect.BytesOf(0),
	MinLength: sbusHeader + 2,
	Members:   []string{"s_bus.command", "s_bus.station"},
	Inspect:   inspectSBus,
}

const sbusHeader = 9 // length of the datagram, version, type, sequence number, attribute

func inspectSBus(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < sbusHeader+2 || len(b) != d.Length || be32(b) != len(b) || b[4] > 1 || b[5] > 1 || b[8] > 2 {
		return dissect.No
	}
	if crcCCITT(0, b[:len(b)-2]) != be16(b[len(b)-2:]) {
		return dissect.No
	}
	o := r.Object("s_bus")
	if b[8] == 0 && len(b) >= sbusHeader+4 { // a request: station, command
		o.Int("station", int64(b[9]))
		o.Int("command", int64(b[10]))
	}
	return dissect.Yes
}
