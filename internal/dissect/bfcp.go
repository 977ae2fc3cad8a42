// SPDX-License-Identifier: Apache-2.0

package dissect

// bfcp: the Binary Floor Control Protocol (RFC 8855 §5) over TCP (version 1) and UDP (version 2).
var _ = register(Protocol{
	Name:      "bfcp",
	Spec:      "RFC 8855 §5.1, §5.2",
	Category:  "voip",
	Over:      TCP | UDP,
	Ports:     []uint16{5070},
	Start:     Of(0x20, 0x40, 0x50),
	MinLength: bfcpHeader,
	Heuristic: true,
	Inspect:   inspectBFCP,
})

const (
	bfcpHeader = 12
	// bfcpFloorRequest to bfcpGoodbyeAck are the primitives (§5.1).
	bfcpFloorRequest, bfcpGoodbyeAck = 1, 18
	// bfcpLastAttribute is the highest attribute type (§5.2).
	bfcpLastAttribute = 18
	// bfcpMaxAttributes bounds the walk: 4 bytes are the least of each.
	bfcpMaxAttributes = 64
)

// bfcpMessage is what the common header says.
type bfcpMessage struct {
	version, primitive            byte
	conference, transaction, user int
	size, attributes              int
}

func inspectBFCP(c *Conversation, r *Result) Verdict {
	var first, second bfcpMessage
	if c.Transport == TCP {
		if v := first.read(c.First()); v != Yes {
			return v
		}
		if len(c.Second()) == 0 {
			return NeedMore
		}
		if v := second.read(c.Second()); v != Yes {
			return v
		}
	} else {
		d := &c.Datagrams[0]
		if first.read(d.Payload) != Yes || first.size != d.Length {
			return No
		}
		if d = c.Newest(); len(c.Datagrams) > 1 && (second.read(d.Payload) != Yes || second.size != d.Length) {
			return No
		}
	}
	switch same := first.conference == second.conference && first.user == second.user; {
	case second.size == 0 && (first.attributes == 0 || !c.Last):
		return NeedMore
	case second.size > 0 && !same:
		return No
	case second.size > 0 && first.transaction != second.transaction && first.attributes+second.attributes == 0:
		return NeedMore
	}
	o := r.Object("bfcp")
	o.Int("primitive", int64(first.primitive))
	o.Int("conference", int64(first.conference))
	o.Int("user", int64(first.user))
	return Yes
}

// read reads a message: Yes where its attributes fill it exactly, as far as it is there.
func (m *bfcpMessage) read(b []byte) Verdict {
	if len(b) < bfcpHeader {
		return NeedMore
	}
	*m = bfcpMessage{version: b[0] >> 5, primitive: b[1], conference: be32(b[4:]), transaction: be16(b[8:]), user: be16(b[10:]),
		size: bfcpHeader + 4*be16(b[2:])}
	if m.version != 1 && m.version != 2 || m.version == 1 && b[0]&0x1f != 0 || b[0]&0x07 != 0 || m.primitive < bfcpFloorRequest || m.primitive > bfcpGoodbyeAck {
		return No
	}
	if m.size > len(b) {
		if m.size > MaxStream {
			return No
		}
		return NeedMore
	}
	for b = b[bfcpHeader:m.size]; len(b) > 0 && m.attributes < bfcpMaxAttributes; m.attributes++ {
		if len(b) < 2 || b[0]>>1 == 0 || b[0]>>1 > bfcpLastAttribute || b[1] < 2 {
			return No
		}
		n := (int(b[1]) + 3) &^ 3
		if n > len(b) {
			return No
		}
		b = b[n:]
	}
	return Yes
}
