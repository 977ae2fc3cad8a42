// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// ethernet-ip and cip: the encapsulation header of explicit messages, and the common packet format of implicit input
// and output over UDP.
var ethernetIPProtocol = &dissect.Protocol{
	Name:      "ethernet-ip",
	Also:      []string{"cip"},
	Spec:      "ODVA CIP Networks Library volume 2, §2-3 to §2-6",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{enipPort, 2222},
	Start:     dissect.BytesOf(0x04, 0x63, 0x64, 0x65, 0x66, 0x6f, 0x70, 2),
	MinLength: 14,
	Members:   []string{"ethernet_ip.command"},
	Inspect:   inspectEthernetIP,
}

const (
	enipPort   = 44818
	enipHeader = 24 // command, length, session, status, sender context (8), options; little endian
)

func inspectEthernetIP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if c.Transport == dissect.UDP && hasPrefix(b, "\x02\x00\x02\x80\x08\x00") {
		return cipImplicit(&c.Datagrams[0], r)
	}
	if len(b) < enipHeader {
		return moreIf(c.Transport == dissect.TCP)
	}
	length, command := le16(b[2:]), b[0]
	if len(b) < enipHeader+length {
		return moreIf(c.Transport == dissect.TCP)
	}
	hasSession := le32(b[4:]) != 0
	if b[1] != 0 || le32(b[20:]) != 0 || le32(b[8:])&^0xff != 0 || c.Transport == dissect.UDP && enipHeader+
		length != c.Datagrams[0].Length {
		return dissect.No
	}
	switch command {
	case 0x04, 0x63, 0x64: // list services, identities, interfaces: a request has no data
		if length == 1 || !c.HasPort(enipPort) || len(b) != enipHeader+length {
			// Nearly all zeros is too little at other ports
			return dissect.No
		}
	case 0x65: // register session: version 1, options 0
		if length != 4 || string(b[enipHeader:enipHeader+4]) != "\x01\x00\x00\x00" {
			return dissect.No
		}
	case 0x66:
		if length != 0 || !hasSession || len(b) != enipHeader {
			return dissect.No
		}
	case 0x6f, 0x70: // interface (0: CIP), timeout, number of items
		if length < 16 || le32(b[enipHeader:]) != 0 || !hasSession {
			return dissect.No
		}
	default:
		return dissect.No
	}
	r.Object("ethernet_ip").Int("command", int64(command))
	return dissect.Yes
}
