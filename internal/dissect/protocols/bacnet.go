// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// bacnet: BACnet/IP, by the virtual link header, whose length fits the datagram, and the network header after it.
var bacnetProtocol = &dissect.Protocol{
	Name:      "bacnet",
	Spec:      "ANSI/ASHRAE 135-2020 Annex J.2, §6.2, §20.1",
	Category:  "industrial",
	Over:      dissect.UDP,
	Ports:     []uint16{47808},
	Start:     dissect.BytesOf(0x81),
	MinLength: bvlcHeader,
	Members:   []string{"bacnet.function", "bacnet.message_type", "bacnet.service"},
	Inspect:   inspectBACnet,
}

const bvlcHeader = 4 // type, function, length with this header

func inspectBACnet(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < bvlcHeader || b[0] != 0x81 || be16(b[2:]) != d.Length {
		return dissect.No
	}
	o := r.Object("bacnet")
	o.Int("function", int64(b[1]))
	at := bvlcHeader
	switch b[1] {
	case 0x00, 0x05: // result; registration as a foreign device
		return bacnetIf(d.Length == bvlcHeader+2)
	case 0x01, 0x03: // tables, with entries of 10 bytes
		return bacnetIf((d.Length-bvlcHeader)%10 == 0 && len(c.Datagrams) > 1)
	case 0x02, 0x06: // reading them
		return bacnetIf(d.Length == bvlcHeader)
	case 0x04: // forwarded: the origin's address
		at += 6
	case 0x09, 0x0a, 0x0b:
	default:
		return dissect.No
	}
	if len(b) < at+3 || b[at] != 1 || b[at+1]&0x50 != 0 { // version, reserved bits
		return dissect.No
	}
	if b[at+1]&0x80 == 0 {
		bacnetService(b[at:], o)
	}
	return dissect.Yes
}

func bacnetIf(ok bool) dissect.Verdict {
	if ok {
		return dissect.Yes
	}
	return dissect.No
}

// bacnetService returns the type of the application message after the network header, and the requested service.
func bacnetService(b []byte, o *dissect.Object) {
	at, control := 2, b[1]
	if control&0x20 != 0 && at+3 <= len(b) { // destination: network, length, address; and a hop count
		at += 3 + int(b[at+2]) + 1
	}
	if control&0x08 != 0 && at+3 <= len(b) { // source
		at += 3 + int(b[at+2])
	}
	if at+2 > len(b) {
		return
	}
	kind := b[at] >> 4
	o.Int("message_type", int64(kind))
	switch {
	case kind == 1:
		o.Int("service", int64(b[at+1]))
	case kind == 0 && at+4 <= len(b) && b[at]&8 == 0:
		o.Int("service", int64(b[at+3]))
	}
}
