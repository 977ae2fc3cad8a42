// SPDX-License-Identifier: Apache-2.0

package dissect

// synchrophasor: frames of phasor measurement units, with their size and checksum.
var _ = register(Protocol{
	Name:      "synchrophasor",
	Spec:      "IEEE C37.118.2-2011 §6",
	Category:  "industrial",
	Over:      TCP | UDP,
	Ports:     []uint16{4712, 4713},
	Start:     Of(0xaa),
	MinLength: 16,
	Inspect:   inspectSynchrophasor,
})

func inspectSynchrophasor(c *Conversation, r *Result) Verdict {
	const fixed = 16 // sync, type and version, size, identifier, second, fraction; the checksum of the shortest frame
	b := c.First()
	if len(b) < fixed {
		return moreIf(couldBe(b, "\xaa"))
	}
	kind, version, size := b[1]>>4, b[1]&15, be16(b[2:])
	if b[0] != 0xaa || kind > 5 || version < 1 || version > 2 || size < fixed {
		return No
	}
	if len(b) < size {
		return moreIf(c.Transport == TCP)
	}
	if crcCCITT(0xffff, b[:size-2]) != be16(b[size-2:]) {
		return No
	}
	o := r.Object("synchrophasor")
	o.Int("frame_type", int64(kind))
	o.Int("id_code", int64(be16(b[4:])))
	return Yes
}
