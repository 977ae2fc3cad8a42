// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// cnp-ip: control networks (LonWorks) tunnelled over IP: a header whose length fits the datagram.
var cnpIPProtocol = &dissect.Protocol{
	Name:      "cnp-ip",
	Spec:      "ANSI/CTA-852.1 (ISO/IEC 14908-4) §8.2",
	Category:  "industrial",
	Over:      dissect.UDP,
	Ports:     []uint16{1628, 1629},
	Start:     dissect.ByteRange(0, 5), // the higher byte of the length
	MinLength: cnpHeader,
	Heuristic: true,
	Members:   []string{"cnp_ip.packet_type"},
	Inspect:   inspectCNPIP,
}

const cnpHeader = 20 // length, version, type, size of the extension in words, flags, vendor, session, sequence, time

func inspectCNPIP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	d := &c.Datagrams[0]
	b := d.Payload
	if len(b) < cnpHeader || be16(b) != d.Length || b[2] != 1 || cnpHeader+4*int(b[4]) > d.Length || b[4] > 8 ||
		be16(b[6:]) != 0 || b[5]&^0xe5 != 0 {
		return dissect.No
	}
	switch b[3] {
	case 0x01, 0x03, 0x04, 0x06, 0x07, 0x08, 0x60, 0x61, 0x63, 0x64, 0x66, 0x68, 0x70, 0x71, 0x7f:
	default:
		return dissect.No
	}
	r.Object("cnp_ip").Int("packet_type", int64(b[3]))
	return dissect.Yes
}
