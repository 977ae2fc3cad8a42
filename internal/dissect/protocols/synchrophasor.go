// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// synchrophasor: frames of phasor measurement units, by size and checksum.
var synchrophasorProtocol = &dissect.Protocol{
	Name:      "synchrophasor",
	Spec:      "IEEE C37.118.2-2011 §6",
	Category:  "industrial",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{4712, 4713},
	Start:     dissect.BytesOf(0xaa),
	MinLength: 16,
	Members:   []string{"synchrophasor.frame_type", "synchrophasor.id_code"},
	Inspect:   inspectSynchrophasor,
}

func inspectSynchrophasor(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	const fixed = 16 // sync, type and version, size, identifier, second, fraction; the checksum of the shortest frame
	b := c.First()
	if len(b) < fixed {
		return moreIf(couldBe(b, "\xaa"))
	}
	kind, version, size := b[1]>>4, b[1]&15, be16(b[2:])
	if b[0] != 0xaa || kind > 5 || version < 1 || version > 2 || size < fixed {
		return dissect.No
	}
	if len(b) < size {
		return moreIf(c.Transport == dissect.TCP)
	}
	if crcCCITT(0xffff, b[:size-2]) != be16(b[size-2:]) {
		return dissect.No
	}
	o := r.Object("synchrophasor")
	o.Int("frame_type", int64(kind))
	o.Int("id_code", int64(be16(b[4:])))
	return dissect.Yes
}
