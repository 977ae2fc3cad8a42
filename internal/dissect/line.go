// SPDX-License-Identifier: Apache-2.0

package dissect

// line: the calls of LINE over UDP, which no document describes. A datagram begins with 5 bits 11010 or 11011, 11 bits that
// are its length without the first 4 bytes, and a counter for each direction; RTCP goes between.
var _ = register(Protocol{
	Name:      "line",
	Spec:      "observed",
	Category:  "messaging",
	Over:      UDP,
	Start:     Range(0xd0, 0xdf),
	MinLength: 8,
	Heuristic: true,
	Inspect:   inspectLine,
})

// lineRow is how many datagrams have to be of that form; each fixes 16 bits, and all but the first of a direction 13 more.
const lineRow = 4

func inspectLine(c *Conversation, r *Result) Verdict {
	var next [2]int
	var heard [2]bool
	matches := 0
	for i := range c.Datagrams {
		d := &c.Datagrams[i]
		b, way := d.Payload, side(d.FromClient)
		if isRTCP(b) || len(b) > 8 && b[0]>>6 == 2 {
			continue
		}
		if len(b) < 8 || b[0]>>4 != 0xd || be16(b)&0x7ff != (d.Length-4)&0x7ff {
			return No
		}
		const maxLost = 8
		if heard[way] && uint16(be16(b[2:])-next[way]) >= maxLost {
			return No
		}
		heard[way], next[way] = true, be16(b[2:])+1
		matches++
	}
	if matches < lineRow {
		return NeedMore
	}
	r.SetApplication("line")
	return Yes
}
