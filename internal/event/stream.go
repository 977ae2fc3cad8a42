// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"slices"
)

const (
	// streamBytes bounds what waits of one direction: an incomplete head or message, and what came before its turn.
	streamBytes = 16 << 10
	// maxSpans bounds the separate stretches that came before their turn.
	maxSpans = 8
	// maxBuffers, maxStreams and maxRequests bound the memory of a worker: 8 MiB, 4 MiB and 8 MiB.
	maxBuffers  = 512
	maxStreams  = 16384
	maxRequests = 4096
)

// way is one direction of a TCP flow, from the byte on with which the next message begins. What a message's length
// passes over (skip) need not come in order, nor be captured.
type way struct {
	at     uint32 // sequence number of the byte that the parser waits for
	skip   uint64 // bytes from there on that belong to a body
	isLost bool   // at is unknown: a message may begin with any segment
	isOver bool   // no message follows
	part   part
	buf    []byte // what waits, from at on; nil: nothing does
	spans  [maxSpans]span
	nSpans int
}

// span is a stretch of buf that has come.
type span struct{ start, end int }

// part is what begins at a way's place.
type part uint8

const (
	head part = iota
	chunk
	trailer
)

// filled returns the bytes that have come in order.
func (w *way) filled() []byte {
	if w.nSpans == 0 || w.spans[0].start > 0 {
		return nil
	}
	return w.buf[:w.spans[0].end]
}

// store keeps a segment at an offset from at, where no bytes have come yet. It reports false without room.
func (w *way) store(off int, b []byte) bool {
	if off+len(b) > len(w.buf) {
		return false
	}
	first := 0
	for first < w.nSpans && w.spans[first].end < off {
		first++
	}
	last, joined := first, span{off, off + len(b)}
	for last < w.nSpans && w.spans[last].start <= joined.end {
		joined.start, joined.end = min(joined.start, w.spans[last].start), max(joined.end, w.spans[last].end)
		last++
	}
	if last == first && w.nSpans == maxSpans {
		return false
	}
	w.keepFirst(off, b, w.spans[first:last])
	w.nSpans = len(slices.Replace(w.spans[:w.nSpans], first, last, joined))
	return true
}

// keepFirst copies a segment around what has come before: the first copy of a byte counts.
func (w *way) keepFirst(off int, b []byte, come []span) {
	at := off
	for _, s := range come {
		if at < s.start {
			copy(w.buf[at:s.start], b[at-off:])
		}
		at = max(at, s.end)
	}
	if at < off+len(b) {
		copy(w.buf[at:], b[at-off:])
	}
}

// drop moves the way's place by n bytes of the buffer.
func (w *way) drop(n int) {
	w.at += uint32(n)
	if w.buf == nil || n == 0 {
		return
	}
	kept, end := 0, 0
	for _, s := range w.spans[:w.nSpans] {
		if s.end > n {
			w.spans[kept] = span{max(s.start-n, 0), s.end - n}
			end = s.end
			kept++
		}
	}
	if w.nSpans = kept; kept > 0 {
		copy(w.buf, w.buf[n:end])
	}
}

// Stream follows the messages in a TCP flow.
type Stream struct {
	flow Flow
	http bool // else DNS
	ways [2]way
	// requests wait for their responses, in their order.
	requests  [maxPipelined]*request
	nRequests int
	isMatched bool // false: responses were lost, so the next one may belong to a later request
}

// pools keep the memory of flows that have ended.
type pools struct {
	streams  pool[Stream]
	requests pool[request]
	buffers  pool[[streamBytes]byte]
}

type pool[T any] struct {
	spare []*T
	lent  int
}

// get lends a zero value, or one in any state; nil if so many are lent.
func (p *pool[T]) get(most int) *T {
	if p.lent >= most {
		return nil
	}
	p.lent++
	if n := len(p.spare); n > 0 {
		v := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return v
	}
	return new(T)
}

func (p *pool[T]) put(v *T) {
	p.lent--
	p.spare = append(p.spare, v)
}

// Start is the beginning of one direction of a flow, as far as it has come.
type Start struct {
	Bytes []byte
	Seq   uint32 // of the first byte
	Known bool   // else the direction begins with any segment
}

// Begin follows a TCP flow of HTTP/1 or DNS: from its start, as far as that is known. p is the packet that named it,
// which the starts include. It returns nil if too many flows are followed.
func (m *Maker) Begin(isHTTP bool, p *Packet, starts [2]Start) *Stream {
	s := m.free.streams.get(maxStreams)
	if s == nil {
		m.Counters.Unfollowed++
		return nil
	}
	*s = Stream{flow: p.Flow, http: isHTTP, isMatched: true}
	first := 0
	if len(starts[0].Bytes) == 0 {
		first = 1
	}
	for _, i := range [2]int{first, first ^ 1} {
		w, start := &s.ways[i], &starts[i]
		w.at, w.isLost = start.Seq, !start.Known
		if len(start.Bytes) > 0 {
			one := *p
			one.Seq, one.Payload, one.Length, one.ACK = start.Seq, start.Bytes, len(start.Bytes), false
			one.FromClient = i == 0
			m.Segment(s, &one)
		}
	}
	return s
}

// IsOver reports whether no message follows in a flow: further packets need not be shown.
func (s *Stream) IsOver() bool { return s.ways[0].isOver && s.ways[1].isOver }

// End tells the requests without a response of a flow that has ended, and takes the Stream back. number orders them.
func (m *Maker) End(s *Stream, number uint64) {
	m.tellAll(s, number)
	for i := range s.ways {
		m.release(&s.ways[i])
	}
	m.free.streams.put(s)
}

// Discard takes a Stream back, without telling of the requests that wait.
func (m *Maker) Discard(s *Stream) {
	for s.nRequests > 0 {
		m.shift(s)
	}
	m.End(s, 0)
}

func (m *Maker) release(w *way) {
	if w.buf != nil {
		m.free.buffers.put((*[streamBytes]byte)(w.buf))
	}
	w.buf, w.nSpans = nil, 0
}

// lose gives up the place in a way: bytes are missing.
func (m *Maker) lose(s *Stream, w *way) {
	m.Counters.Gaps++
	m.release(w)
	w.isLost, w.skip, w.part = true, 0, head
	s.isMatched = false
}

// over ends a way: no message follows.
func (m *Maker) over(w *way) {
	m.release(w)
	w.isOver = true
}

// Segment takes a TCP segment of a flow.
func (m *Maker) Segment(s *Stream, p *Packet) {
	i := 1
	if p.FromClient {
		i = 0
	}
	w := &s.ways[i]
	if p.ACK {
		m.acknowledged(s, &s.ways[i^1], p)
	}
	if w.isOver || p.Length == 0 {
		return
	}
	if w.isLost {
		if !s.mayBegin(i, p.Payload) {
			return
		}
		w.isLost, w.at = false, p.Seq
	}
	w.pass(p.Seq + uint32(p.Length))
	off := int(int32(p.Seq - w.at))
	b := p.Payload
	if off < 0 {
		b = b[min(-off, len(b)):]
		off = 0
	}
	if len(b) > 0 && !m.take(s, i, p, off, b) {
		m.lose(s, w)
	}
	m.passMissing(s, w, p)
}

// pass moves the place over the bytes of a body, up to the end of a segment: whatever lies between belongs to it.
func (w *way) pass(end uint32) {
	if n := int32(end - w.at); w.skip > 0 && n > 0 {
		step := min(w.skip, uint64(n))
		w.skip -= step
		w.drop(int(step))
	}
}

// passMissing handles a segment's end that the capture lacks: it must be within a body.
func (m *Maker) passMissing(s *Stream, w *way, p *Packet) {
	end := p.Seq + uint32(p.Length)
	if len(p.Payload) >= p.Length || w.isOver || w.isLost {
		return
	}
	w.pass(end)
	if captured := p.Seq + uint32(len(p.Payload)); int32(w.at-captured) >= 0 && int32(end-w.at) > 0 {
		m.lose(s, w)
	}
}

// take parses bytes at an offset, with those that have waited for them. It reports false if the place is lost.
func (m *Maker) take(s *Stream, i int, p *Packet, off int, b []byte) bool {
	w := &s.ways[i]
	if off > 0 || w.buf != nil {
		if w.buf == nil {
			buf := m.free.buffers.get(maxBuffers)
			if buf == nil {
				return false
			}
			w.buf = buf[:]
		}
		if !w.store(off, b) {
			return false
		}
		if b = w.filled(); b == nil {
			return true // it comes before its turn
		}
	}
	n, ok := m.parse(s, i, p, b)
	if !ok || w.isOver {
		return ok
	}
	if w.buf != nil {
		if w.drop(n); w.nSpans == 0 {
			m.release(w)
		}
		return true
	}
	w.at += uint32(n)
	if rest := b[n:]; len(rest) > 0 {
		return m.keep(w, rest)
	}
	return true
}

// keep keeps the beginning of a message.
func (m *Maker) keep(w *way, b []byte) bool {
	buf := m.free.buffers.get(maxBuffers)
	if buf == nil {
		return false
	}
	w.buf = buf[:]
	return w.store(0, b)
}

// acknowledged gives up the place of the other way if its receiver has what the capture lacks.
func (m *Maker) acknowledged(s *Stream, w *way, p *Packet) {
	if w.isLost || w.isOver || w.nSpans == 0 || w.spans[0].start == 0 && w.nSpans == 1 {
		return // nothing waits for something else
	}
	gap := w.spans[0].start
	if w.spans[0].start == 0 {
		gap = w.spans[1].start
	}
	if int(int32(p.Ack-w.at)) > gap {
		m.lose(s, w)
	}
}

// parse reads the messages at the start of b, and returns how many bytes they have. ok is false if the place is lost.
func (m *Maker) parse(s *Stream, i int, p *Packet, b []byte) (n int, ok bool) {
	if s.http {
		return m.parseHTTP(s, i, p, b)
	}
	return m.parseDNS(&s.ways[i], p, b)
}

// mayBegin reports whether a segment after a gap begins with a message. A body that looks so is unlikely.
func (s *Stream) mayBegin(i int, b []byte) bool {
	if !s.http {
		return len(b) > 2+12 && int(b[0])<<8|int(b[1]) == len(b)-2
	}
	line, _, whole := bytes.Cut(b, []byte("\n"))
	return whole && isStartLine(line, i == 0)
}

// parseDNS reads messages behind their lengths (RFC 1035 §4.2.2).
func (m *Maker) parseDNS(w *way, p *Packet, b []byte) (n int, ok bool) {
	for len(b) >= 2 {
		length := int(b[0])<<8 | int(b[1])
		have := len(b) - 2
		if have < length && 2+length <= streamBytes && len(p.Payload) == p.Length {
			return n, true
		}
		m.message(p, b[2:2+min(length, have)])
		if have < length { // it is too long to wait for, or the capture lacks its end
			w.skip = uint64(length - have)
			return n + len(b), true
		}
		b = b[2+length:]
		n += 2 + length
	}
	return n, true
}
