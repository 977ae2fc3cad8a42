// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// Overlapping segments that differ are a way past a monitor: a segment that the receiver never accepts (bad checksum,
// too small a TTL, or padding of an acknowledgement) precedes or follows the one that it does accept (Ptacek and
// Newsham, "Insertion, evasion, and denial of service", 1998, §5.3). Bytes that the receiver had acknowledged before a
// second copy came are the first copy (RFC 9293 §3.10.7.4: it accepts nothing before RCV.NXT again). For all other
// bytes the dissectors see both readings.

// reading is a TCP stream in which the last copy of a byte wins.
type reading struct {
	buf []byte // from the pool
	// first and last are the ends of the two differing copies.
	first, last uint16
	isTaken     bool // the receiver has acknowledged the last copy to its end, but not the first
	isFresh     bool // the current segment has changed it
}

// overlay copies a stored segment into the other reading, except for acknowledged bytes, and reports whether that
// changed its readable part. If the stream has no other reading yet, a contradicting segment starts one; before is the
// readable length before that segment.
func (s *stream) overlay(offset int, payload []byte, before int, pool *Pool) bool {
	if skip := int(s.acked) - offset; skip > 0 {
		if skip >= len(payload) {
			return false
		}
		payload, offset = payload[skip:], int(s.acked)
	}
	end := offset + len(payload)
	if s.other == nil {
		if end > len(s.buf) || bytes.Equal(s.buf[offset:end], payload) || pool.takeReading(s) == nil {
			return false
		}
		s.other.first, s.other.last = uint16(before), uint16(end)
	}
	if !s.growOther(pool) || end > len(s.other.buf) {
		return false
	}
	changed := offset < len(s.view) && !bytes.Equal(s.other.buf[offset:end], payload)
	copy(s.other.buf[offset:], payload)
	s.other.isFresh = s.other.isFresh || changed
	return changed
}

// takeReading starts another reading with the stored bytes.
func (p *Pool) takeReading(s *stream) *reading {
	if buf := p.get(len(s.buf)); buf != nil {
		copy(buf, s.buf)
		s.other = &reading{buf: buf}
	}
	return s.other
}

// growOther extends the other reading to the length of the stream's storage.
func (s *stream) growOther(pool *Pool) bool {
	if len(s.other.buf) >= len(s.buf) {
		return true
	}
	buf := pool.get(len(s.buf))
	if buf == nil {
		return false
	}
	copy(buf, s.buf)
	copy(buf, s.other.buf)
	pool.put(s.other.buf)
	s.other.buf = buf
	return true
}

// acknowledge records the receiver's acknowledgement. It ignores numbers beyond the seen bytes.
func (s *stream) acknowledge(ack uint32) {
	n := int64(int32(ack - s.base))
	if !s.known || n <= int64(s.acked) || n > int64(len(s.view)) {
		return
	}
	s.acked = uint16(n)
	if o := s.other; o != nil && s.acked == o.last && s.acked < o.first {
		o.isTaken = true
	}
}

// read returns the stream's likelier reading or, with other, the less likely one if it has two.
func (s *stream) read(other bool) []byte {
	if o := s.other; o != nil && other != o.isTaken && len(s.view) <= len(o.buf) {
		return o.buf[:len(s.view)]
	}
	return s.view
}

// hasReadings reports whether a stream has two readings.
func (s *Session) hasReadings() bool {
	return s.streams != nil && (s.streams[0].other != nil || s.streams[1].other != nil)
}

// tryReadings asks a dissector for the likelier reading first, then for the other one.
func (s *Session) tryReadings(t *Table, pool *Pool, c *Conversation, w *waiting, last bool) Outcome {
	outcome := s.ask(t, pool, c, w, last)
	if outcome == Decided || outcome == Named || !s.hasReadings() {
		return outcome
	}
	s.readOther(c, true)
	again := s.ask(t, pool, c, w, last)
	switch again {
	case Decided, Named:
		s.other = true
		return again
	case Undecided:
		outcome = Undecided
	}
	s.readOther(c, false)
	return outcome
}

// readOther fills the conversation with one of the two readings.
func (s *Session) readOther(c *Conversation, other bool) {
	c.isOther = other
	c.toServer, c.toClient = s.streams[0].read(other), s.streams[1].read(other)
}

// chooseOther adds the candidates for the start of a direction's other reading if that has changed.
func (s *Session) chooseOther(t *Table, pool *Pool, flow *Flow, way int) {
	stream := &s.streams[way]
	if stream.other == nil || !stream.other.isFresh || len(stream.view) == 0 {
		return
	}
	stream.other.isFresh = false
	if start := stream.other.buf[0]; start != stream.view[0] {
		pool.addByPorts(t, flow)
		pool.addCandidates(t, t.byStart[transportIndex(TCP)][start], 0, len(stream.view))
	}
}
