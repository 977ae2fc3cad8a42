// SPDX-License-Identifier: Apache-2.0

package protocols

import "github.com/weirnet/weir/internal/dissect"

// bfcp: the Binary Floor Control Protocol (RFC 8855 §5) over TCP (version 1) and UDP (version 2).
var bfcpProtocol = &dissect.Protocol{
	Name:      "bfcp",
	Spec:      "RFC 8855 §5.1, §5.2",
	Category:  "voip",
	Over:      dissect.TCP | dissect.UDP,
	Ports:     []uint16{5070},
	Start:     dissect.BytesOf(0x20, 0x40, 0x50),
	MinLength: bfcpHeader,
	Heuristic: true,
	Members:   []string{"bfcp.conference", "bfcp.primitive", "bfcp.user"},
	Inspect:   inspectBFCP,
}

const (
	bfcpHeader = 12
	// Primitives (§5.1).
	bfcpFloorRequest, bfcpGoodbyeAck = 1, 18
	// bfcpLastAttribute is the highest attribute type (§5.2).
	bfcpLastAttribute = 18
	// bfcpMaxAttributes bounds the walk: an attribute takes at least 4 bytes.
	bfcpMaxAttributes = 64
)

// bfcpMessage is the common header's content.
type bfcpMessage struct {
	version, primitive            byte
	conference, transaction, user int
	size, attributes              int
}

func inspectBFCP(c *dissect.Conversation, r *dissect.Result) dissect.Verdict {
	var first, second bfcpMessage
	verdicts := [2]dissect.Verdict{dissect.NeedMore, dissect.NeedMore}
	if c.Transport == dissect.TCP {
		verdicts[0] = first.read(c.First(), dissect.MaxStream)
		verdicts[1] = second.read(c.Second(), dissect.MaxStream)
	} else {
		d := &c.Datagrams[0]
		if verdicts[0] = first.read(d.Payload, d.Length); len(c.Datagrams) > 1 {
			d = c.Newest()
			verdicts[1] = second.read(d.Payload, d.Length)
		}
	}
	switch {
	case verdicts[0] == dissect.No || verdicts[1] == dissect.No:
		return dissect.No
	case first.answered(&second):
	case verdicts[0] != dissect.Yes || first.attributes == 0 || verdicts[1] != dissect.Yes && !c.Last:
		return dissect.NeedMore
	case verdicts[1] == dissect.Yes && first.conference != second.conference:
		return dissect.No
	}
	o := r.Object("bfcp")
	o.Int("primitive", int64(first.primitive))
	o.Int("conference", int64(first.conference))
	o.Int("user", int64(first.user))
	return dissect.Yes
}

// answered reports whether answer answers m: 64 equal bits, and the primitive's counterpart (§13).
func (m *bfcpMessage) answered(answer *bfcpMessage) bool {
	return answer.primitive != 0 && int(m.primitive) < len(bfcpAnswers) &&
		answer.primitive == bfcpAnswers[m.primitive] &&
		m.conference == answer.conference && m.transaction == answer.transaction && m.user == answer.user
}

// bfcpAnswers maps each primitive to its answer, or to its acknowledgement over UDP if it needs no answer.
var bfcpAnswers = [...]byte{1: 4, 2: 4, 3: 4, 4: 14, 5: 6, 7: 8, 8: 16, 9: 10, 11: 12, 13: 15, 17: 18}

// read reads a message of at most limit bytes: Yes if its attributes fill it exactly, NeedMore if its end is missing.
func (m *bfcpMessage) read(b []byte, limit int) dissect.Verdict {
	if len(b) < bfcpHeader {
		return dissect.NeedMore
	}
	*m = bfcpMessage{version: b[0] >> 5, primitive: b[1], conference: be32(b[4:]), transaction: be16(b[8:]),
		user: be16(b[10:]),
		size: bfcpHeader + 4*be16(b[2:])}
	// Receivers ignore reserved bits (§5.1).
	if m.version != 1 && m.version != 2 || m.primitive < bfcpFloorRequest || m.primitive > bfcpGoodbyeAck {
		return dissect.No
	}
	if m.size > len(b) {
		if m.size > dissect.MaxStream {
			return dissect.No
		}
		return dissect.NeedMore
	}
	if limit < dissect.MaxStream && m.size != limit {
		return dissect.No // a datagram holds one message
	}
	for b = b[bfcpHeader:m.size]; len(b) > 0 && m.attributes < bfcpMaxAttributes; m.attributes++ {
		if len(b) < 2 || b[0]>>1 == 0 || b[0]>>1 > bfcpLastAttribute || b[1] < 2 {
			return dissect.No
		}
		n := (int(b[1]) + 3) &^ 3
		if n > len(b) {
			return dissect.No
		}
		b = b[n:]
	}
	return dissect.Yes
}
