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
	verdicts := [2]Verdict{NeedMore, NeedMore}
	if c.Transport == TCP {
		verdicts[0] = first.read(c.First(), MaxStream)
		verdicts[1] = second.read(c.Second(), MaxStream)
	} else {
		d := &c.Datagrams[0]
		if verdicts[0] = first.read(d.Payload, d.Length); len(c.Datagrams) > 1 {
			d = c.Newest()
			verdicts[1] = second.read(d.Payload, d.Length)
		}
	}
	switch {
	case verdicts[0] == No || verdicts[1] == No:
		return No
	case first.answered(&second):
	case verdicts[0] != Yes || first.attributes == 0 || verdicts[1] != Yes && !c.Last:
		return NeedMore
	case verdicts[1] == Yes && first.conference != second.conference:
		return No
	}
	o := r.Object("bfcp")
	o.Int("primitive", int64(first.primitive))
	o.Int("conference", int64(first.conference))
	o.Int("user", int64(first.user))
	return Yes
}

// answered says whether answer is the answer to m: 64 bits the same, and the primitive that belongs there (§13).
func (m *bfcpMessage) answered(answer *bfcpMessage) bool {
	return answer.primitive != 0 && int(m.primitive) < len(bfcpAnswers) && answer.primitive == bfcpAnswers[m.primitive] &&
		m.conference == answer.conference && m.transaction == answer.transaction && m.user == answer.user
}

// bfcpAnswers is the primitive that answers each; for those that need none, that of their acknowledgement over UDP.
var bfcpAnswers = [...]byte{1: 4, 2: 4, 3: 4, 4: 14, 5: 6, 7: 8, 8: 16, 9: 10, 11: 12, 13: 15, 17: 18}

// read reads a message of at most limit bytes: Yes where its attributes fill it exactly, NeedMore where its end is missing.
func (m *bfcpMessage) read(b []byte, limit int) Verdict {
	if len(b) < bfcpHeader {
		return NeedMore
	}
	*m = bfcpMessage{version: b[0] >> 5, primitive: b[1], conference: be32(b[4:]), transaction: be16(b[8:]), user: be16(b[10:]),
		size: bfcpHeader + 4*be16(b[2:])}
	// Reserved bits are to be ignored (§5.1).
	if m.version != 1 && m.version != 2 || m.primitive < bfcpFloorRequest || m.primitive > bfcpGoodbyeAck {
		return No
	}
	if m.size > len(b) {
		if m.size > MaxStream {
			return No
		}
		return NeedMore
	}
	if limit < MaxStream && m.size != limit {
		return No // a datagram holds one message
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
