// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// Segments that overlap and differ are a way past a monitor: one that the receiver never takes (its checksum is wrong,
// it does not get that far, or it only pads an acknowledgement) stands before or behind the one that it does take
// (Ptacek and Newsham, "Insertion, evasion, and denial of service", 1998, §5.3). What the receiver had acknowledged
// when a second copy came was its first copy (RFC 9293 §3.10.7.4: what lies before RCV.NXT is not taken again). For the
// rest both readings are shown to the dissectors.

// reading is a stream in which the last copy of a byte wins.
type reading struct {
	buf []byte // from the pool
	// first and last are where the copies that differed ended.
	first, last uint16
	isTaken     bool // the receiver has acknowledged the last copy to its end, and not the first
	isFresh     bool // the segment at hand has changed it
}

// overlay puts a segment that was stored over the other reading, but for what was acknowledged, and says whether that
// changed what can be read. Without one the segment contradicts what is there; before is how much could be read until
// it came.
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

// takeReading begins another reading with what is stored.
func (p *Pool) takeReading(s *stream) *reading {
	if buf := p.get(len(s.buf)); buf != nil {
		copy(buf, s.buf)
		s.other = &reading{buf: buf}
	}
	return s.other
}

// growOther makes the other reading as long as the stream's storage.
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

// acknowledge notes what the receiver says that it has. More than was seen says nothing of what was.
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

// read is the stream, in its other reading where that is asked for and there is one.
func (s *stream) read(other bool) []byte {
	if o := s.other; o != nil && other != o.isTaken && len(s.view) <= len(o.buf) {
		return o.buf[:len(s.view)]
	}
	return s.view
}

// hasReadings says whether there is more than one way to read what was said.
func (s *Session) hasReadings() bool { return s.streams[0].other != nil || s.streams[1].other != nil }

// tryReadings asks a dissector for the reading that is likelier, then for the other one.
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

// chooseOther adds the candidates for the start of a direction's other reading when that has changed.
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
