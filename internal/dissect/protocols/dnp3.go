// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"

	"github.com/weirnet/weir/internal/dissect"
)

// dnp3: the link layer's header, with its checksum, over TCP and UDP.
var dnp3Protocol = &dissect.Protocol{
	Name:      "dnp3",
	Spec:      "IEEE 1815-2012 §9.2 (data link layer)",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{20000},
	Start:     dissect.BytesOf(0x05),
	MinLength: dnp3Header,
	Members:   []string{"dnp3.destination", "dnp3.function", "dnp3.link_function", "dnp3.source"},
	Inspect:   inspectDNP3,
}

const dnp3Header = 10 // 05 64, length, control, destination, source, checksum

func inspectDNP3(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	b := c.First()
	if len(b) < dnp3Header {
		return moreIf(couldBe(b, "\x05\x64"))
	}
	if b[0] != 0x05 || b[1] != 0x64 || b[2] < 5 || dnp3Checksum(b[:8]) != binary.LittleEndian.Uint16(b[8:]) {
		return dissect.No
	}
	o := r.Object("dnp3")
	o.Int("destination", int64(le16(b[4:])))
	o.Int("source", int64(le16(b[6:])))
	o.Int("link_function", int64(b[3]&15))
	if len(b) > dnp3Header+2 && b[2] >= 8 { // transport header, application control, function
		o.Int("function", int64(b[dnp3Header+2]))
	}
	return dissect.Yes
}

// dnp3Checksum is the CRC of §9.2.4.1.9: x^16+x^13+x^12+x^11+x^10+x^8+x^6+x^5+x^2+1, the lowest bit first,
// complemented.
func dnp3Checksum(b []byte) uint16 { return crcReflected(0xa6bc, 0, b) }
