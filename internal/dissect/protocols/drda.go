// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// drda: IBM's Distributed Relational Database Architecture, by data stream structures and the object inside each.
var drdaProtocol = &dissect.Protocol{
	Name:      "drda",
	Spec:      "The Open Group C911, DRDA version 5 volume 3 (DDM), \"DSS\"",
	Category:  "database",
	Over:      dissect.TCP,
	Ports:     []uint16{446, 50000, 60000},
	Start:     dissect.BytesOf(0),
	MinLength: drdaHeader,
	Members:   []string{"drda.code_point"},
	Inspect:   inspectDRDA,
}

const drdaHeader = 10 // length, 0xd0, format, correlation; length and code point of the object

func inspectDRDA(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	whole := 0
	for _, b := range [2][]byte{c.First(), c.Second()} {
		n, _, ok := countMessages(b, drdaLength)
		if !ok {
			return dissect.No
		}
		whole += n
	}
	if whole == 0 {
		return dissect.NeedMore
	}
	if first := c.First(); len(first) >= drdaHeader {
		r.Object("drda").Int("code_point", int64(be16(first[8:])))
	}
	return dissect.Yes
}

// drdaLength returns the length of a structure, for countMessages. The object is 6 bytes shorter than the structure:
// with the magic, the format and the upper half of the code point, that fixes over 32 bits.
func drdaLength(b []byte) int {
	if len(b) < drdaHeader {
		return 0
	}
	length, kind := be16(b), b[3]&0x0f
	if b[2] != 0xd0 || b[3]&0x80 != 0 || kind < 1 || kind > 5 || length < drdaHeader {
		return -1
	}
	if object := be16(b[6:]); object != length-6 && (object < 4 || object > length-6) && object&0x8000 == 0 {
		return -1
	}
	if high := b[8]; high < 0x10 || high > 0x24 {
		return -1 // commands 10 and 20, replies 11, 12 and 22, data 14 and 24
	}
	return length
}
