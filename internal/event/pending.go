// SPDX-License-Identifier: Apache-2.0

package event

import (
	"time"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/wire/dns"
)

const (
	// maxPending bounds the questions of a worker that wait for their answers; the oldest makes room, and is told as
	// unanswered.
	maxPending = 4096
	// Patience is how long a question waits: a resolver that tries several servers gives up later, but its client asks
	// again before.
	Patience = 10 * time.Second

	buckets = 1 << 12
	none    = -1
)

// pending are the questions that wait for their answers: a ring in the order of their times, with an index.
type pending struct {
	ring        [maxPending]question
	first, next uint64 // places in the ring, modulo its size
	heads       [buckets]int32
}

// question is a place of the ring.
type question struct {
	event     Event // without content
	flow      Flow
	time      int64
	id        uint16
	kind      uint16 // rrtype
	class     uint16
	opcode    uint8
	repeats   uint8
	recursion bool
	waits     bool // else the place is free
	length    uint16
	text      [dns.MaxText]byte
	later     int32 // the next place of the bucket, or none
}

func (q *question) name() []byte { return q.text[:q.length] }

func newPending() *pending {
	p := new(pending)
	for i := range p.heads {
		p.heads[i] = none
	}
	return p
}

func bucketOf(f Flow, id uint16) uint32 {
	h := f.First*0x9e3779b97f4a7c15 ^ uint64(f.Index)<<16 ^ uint64(id)
	return uint32(h * 0xff51afd7ed558ccd >> 52)
}

// find returns the question of a flow with an identifier that is wants.
func (p *pending) find(f Flow, id uint16, is func(*question) bool) *question {
	for i := p.heads[bucketOf(f, id)]; i != none; i = p.ring[i].later {
		if q := &p.ring[i]; q.flow == f && q.id == id && is(q) {
			return q
		}
	}
	return nil
}

// add takes the next place of the ring, which must be free.
func (p *pending) add(f Flow, id uint16) *question {
	at := int32(p.next % maxPending)
	p.next++
	q := &p.ring[at]
	bucket := &p.heads[bucketOf(f, id)]
	*q = question{flow: f, id: id, waits: true, later: *bucket}
	*bucket = at
	return q
}

// remove frees a place.
func (p *pending) remove(q *question) {
	q.waits = false
	for to := &p.heads[bucketOf(q.flow, q.id)]; *to != none; to = &p.ring[*to].later {
		if &p.ring[*to] == q {
			*to = q.later
			break
		}
	}
	for p.first < p.next && !p.ring[p.first%maxPending].waits {
		p.first++
	}
}

// isFull reports whether the next place is not free.
func (p *pending) isFull() bool { return p.next-p.first == maxPending }

// wait keeps a question. A client that asks again has repeated it.
func (m *Maker) wait(p *Packet, b []byte, h *dns.Header, q *dns.Question) {
	if m.pending == nil {
		m.pending = newPending()
	}
	var store [dns.MaxText]byte
	name, _ := dns.AppendName(store[:0], b, q.Name)
	if same := m.pending.find(p.Flow, h.ID, func(w *question) bool { return w.is(name, q) }); same != nil {
		same.repeats = min(same.repeats+1, 255-1)
		return
	}
	if m.pending.isFull() {
		m.Counters.Hasty++
		m.unanswered(&m.pending.ring[m.pending.first%maxPending])
	}
	w := m.pending.add(p.Flow, h.ID)
	w.event.Number = p.Number
	m.sink.Describe(p.Flow, &w.event)
	w.time, w.kind, w.class, w.opcode = p.Time, q.Type, q.Class, uint8(h.Opcode())
	w.recursion = h.Flags&dns.RecursionDesired != 0
	w.length = uint16(copy(w.text[:], name))
}

// is reports whether a message asks this question, in whatever case (RFC 4343).
func (q *question) is(name []byte, o *dns.Question) bool {
	return q.kind == o.Type && q.class == o.Class && equalFold(q.name(), name)
}

// asked returns the question that a message answers, nil if none waits. One that repeats no question answers the only
// one of its identifier.
func (m *Maker) asked(p *Packet, b []byte, h *dns.Header, q *dns.Question) *question {
	if m.pending == nil || p.FromClient {
		return nil
	}
	if q == nil {
		return m.pending.find(p.Flow, h.ID, func(*question) bool { return true })
	}
	var store [dns.MaxText]byte
	name, _ := dns.AppendName(store[:0], b, q.Name)
	return m.pending.find(p.Flow, h.ID, func(w *question) bool { return w.is(name, q) })
}

// Advance tells the questions that have waited too long.
func (m *Maker) Advance(now int64) { m.giveUp(now - int64(Patience)) }

// Flush tells all questions that wait.
func (m *Maker) Flush() { m.giveUp(1<<63 - 1) }

// giveUp tells the questions before a time.
func (m *Maker) giveUp(before int64) {
	p := m.pending
	for p != nil && p.first < p.next {
		q := &p.ring[p.first%maxPending]
		if q.time > before {
			return
		}
		m.unanswered(q)
	}
}

// unanswered tells a question without an answer.
func (m *Maker) unanswered(q *question) {
	o := begin(m.content)
	appendQuestion(&o, "query", q.id, int(q.opcode), q.name(), q.kind, q.class)
	o.flag("rd", q.recursion)
	o.positive("repeats", int64(q.repeats))
	m.event = q.event
	m.pending.remove(q)
	m.putAs(record.TypeDNS, q.time, o.end())
}

func equalFold(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
