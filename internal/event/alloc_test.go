// SPDX-License-Identifier: Apache-2.0

package event

import (
	"testing"
	"time"
)

// counting is a sink that keeps nothing.
type counting struct{ *rig }

func (counting) Put(*Event) bool { return true }

func (counting) Describe(Flow, *Event) {}

// TestAllocations: in the long run, neither questions, nor requests, nor handshakes allocate.
func TestAllocations(t *testing.T) {
	r := newRig(t)
	r.sink = counting{r}
	ask, answer := query(7, "www.example"), reply(7, "www.example", "198.51.100.1")
	requests, responses := conversation(12)
	findings := []byte(`"tls":{"version":"1.2","sni":"a.example","certificate_subject":"a",` +
		`"certificate_organization":"b"}`)
	round := func() {
		r.datagram(true, ask)
		r.datagram(false, answer)
		r.datagram(true, ask)
		r.Advance(r.now + int64(time.Minute))
		r.begin(true)
		for i := range requests {
			r.packet(0, requests[i][:20])
			r.packet(0, requests[i][20:])
			r.packet(1, responses[i])
		}
		r.End(r.stream, 1)
		r.TLS(Flow{1, 1}, 1, 1, findings)
	}
	bytesOf = map[string][]byte{}
	round()
	if n := testing.AllocsPerRun(50, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// bytesOf has the texts that packet has shown.
var bytesOf map[string][]byte

// packet is say without a copy.
func (r *rig) packet(way int, text string) {
	b, ok := bytesOf[text]
	if !ok {
		b = []byte(text)
		bytesOf[text] = b
	}
	r.number++
	one := &r.one
	*one = Packet{Flow: Flow{1, 1}, Number: r.number, Time: r.now, Payload: b, Length: len(b), Seq: r.next[way],
		Ack: r.next[way^1], ACK: true, FromClient: way == 0}
	r.Segment(r.stream, one)
	r.next[way] += uint32(len(b))
}
