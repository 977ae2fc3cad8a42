// SPDX-License-Identifier: Apache-2.0

package dissect

import "bytes"

// MaxStream bounds the reassembled start of each TCP direction, in bytes: a TLS handshake message may fill one record
// (2^14 bytes, RFC 8446 §5.1), and the messages that name a flow come before that.
const MaxStream = 16 << 10

// maxHoles bounds the separate spans of one direction that wait for earlier bytes. A sender's initial window is 10
// segments (RFC 6928), so even the loss of every second one fits.
const maxHoles = 6

// span is a stretch of present stream bytes: [start, end) from the stream's base.
type span struct{ start, end uint16 }

// stream reassembles the start of one TCP direction. The first copy of a byte wins, as in most stacks. If copies
// differ, the stream also keeps the other reading, in which the last copy wins: the receiver may have refused the
// first.
type stream struct {
	buf     []byte // storage, from the pool; nil while nothing waits
	view    []byte // the contiguous bytes from the base: a part of buf or of the current packet
	base    uint32 // sequence number of the stream's first byte
	spans   [maxHoles]span
	nSpans  uint8
	acked   uint16 // bytes that the other side had acknowledged: later copies don't count
	other   *reading
	known   bool // base is set
	hasData bool
	anew    bool // it begins where memory ran out, not where the sender began
	// cutAt is the end of the first segment that the capture cut, 0 without one: add refuses bytes there or behind.
	cutAt uint16
}

// start sets the sequence number of the first byte, from a SYN or its answer; it ignores streams with data.
func (s *stream) start(seq uint32) {
	if !s.hasData && !s.anew {
		s.base, s.known = seq, true
	}
}

// add adds a segment and reports whether the contiguous view grew. The view may refer to payload until keep. captured
// is false if payload is shorter than on the wire.
func (s *stream) add(seq uint32, payload []byte, captured bool, pool *Pool) bool {
	if !s.known {
		s.base, s.known = seq, true
	}
	offset := int64(int32(seq - s.base))
	if offset < 0 { // a retransmission from before the base, or a keep-alive: only its new part counts
		if -offset >= int64(len(payload)) {
			return false
		}
		payload = payload[-offset:]
		offset = 0
	}
	bound := MaxStream
	if s.cutAt > 0 {
		bound = int(s.cutAt)
	}
	if offset >= int64(bound) || len(payload) == 0 {
		return false
	}
	payload = payload[:min(len(payload), bound-int(offset))]
	s.hasData = true
	if end := int(offset) + len(payload); !captured && end > len(s.view) {
		s.cut(end)
	}
	if offset == 0 && s.buf == nil && s.view == nil {
		s.view = payload
		return true
	}
	before, conflicts := len(s.view), pool.Counters.StreamConflicts
	grown := s.store(int(offset), payload, pool)
	if s.other == nil && pool.Counters.StreamConflicts == conflicts {
		return grown
	}
	return s.overlay(int(offset), payload, before, pool) || grown
}

// cut ends the stream at offset at: spans behind it are out of reach.
func (s *stream) cut(at int) {
	s.cutAt = uint16(at)
	for s.nSpans > 0 && int(s.spans[s.nSpans-1].start) >= at {
		s.nSpans--
	}
	if s.nSpans > 0 {
		last := &s.spans[s.nSpans-1]
		last.end = min(last.end, s.cutAt)
	}
}

// store copies payload into free space at offset and advances the view.
func (s *stream) store(offset int, payload []byte, pool *Pool) bool {
	end := offset + len(payload)
	if !s.grow(end, pool) {
		return false
	}
	before := len(s.view)
	if offset < before {
		overlap := min(end, before) - offset
		if !bytes.Equal(s.view[offset:offset+overlap], payload[:overlap]) {
			pool.Counters.StreamConflicts++
		}
		if end <= before {
			return false
		}
		payload, offset = payload[overlap:], before
	}
	if !s.insert(offset, end, payload, pool) {
		return false
	}
	contiguous := before
	for s.nSpans > 0 && int(s.spans[0].start) <= contiguous {
		contiguous = max(contiguous, int(s.spans[0].end))
		copy(s.spans[:], s.spans[1:s.nSpans])
		s.nSpans--
	}
	s.view = s.buf[:contiguous]
	return contiguous > before
}

// insert copies the missing bytes of payload and merges [offset, end) into the spans.
func (s *stream) insert(offset, end int, payload []byte, pool *Pool) bool {
	first := 0
	for first < int(s.nSpans) && int(s.spans[first].end) < offset {
		first++
	}
	last, merged := first, span{uint16(offset), uint16(end)}
	at := offset
	for last < int(s.nSpans) && int(s.spans[last].start) <= end {
		sp := s.spans[last]
		if at < int(sp.start) {
			copy(s.buf[at:sp.start], payload[at-offset:])
		}
		lo, hi := max(offset, int(sp.start)), min(end, int(sp.end))
		if lo < hi && !bytes.Equal(s.buf[lo:hi], payload[lo-offset:hi-offset]) {
			pool.Counters.StreamConflicts++
		}
		at = max(at, int(sp.end))
		merged.start, merged.end = min(merged.start, sp.start), max(merged.end, sp.end)
		last++
	}
	removed := last - first
	if removed == 0 && int(s.nSpans) == maxHoles {
		pool.Counters.StreamHoles++
		return false
	}
	if at < end {
		copy(s.buf[at:end], payload[at-offset:])
	}
	tail := s.spans[last:s.nSpans]
	if removed == 0 {
		copy(s.spans[first+1:s.nSpans+1], tail)
	} else {
		copy(s.spans[first+1:], tail)
	}
	s.spans[first] = merged
	s.nSpans = uint8(int(s.nSpans) - removed + 1)
	return true
}

// grow makes room for end bytes and moves the view into the storage.
func (s *stream) grow(end int, pool *Pool) bool {
	if s.buf != nil && len(s.buf) >= end {
		return true
	}
	buf := pool.get(max(end, len(s.view)))
	if buf == nil {
		return false
	}
	used := len(s.view)
	if s.nSpans > 0 {
		used = max(used, int(s.spans[s.nSpans-1].end))
	}
	if s.buf != nil {
		copy(buf, s.buf[:used])
		pool.put(s.buf)
	} else {
		copy(buf, s.view)
	}
	s.buf = buf
	s.view = buf[:len(s.view)]
	return true
}

// keep makes the view independent of the current packet. Call it before the packet's memory is reused. Without memory
// for that, the stream begins anew with the next segment as its view.
func (s *stream) keep(pool *Pool) {
	if s.buf == nil && s.view != nil && !s.grow(len(s.view), pool) {
		*s = stream{anew: true}
	}
}

func (s *stream) release(pool *Pool) {
	if s.buf != nil {
		pool.put(s.buf)
	}
	if s.other != nil {
		pool.put(s.other.buf)
	}
	*s = stream{}
}
