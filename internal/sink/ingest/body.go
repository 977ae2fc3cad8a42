// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"github.com/weirnet/weir/internal/uplink"
)

// Errors of a body.
var (
	errSize     = errors.New("the body is over a limit")
	errEncoding = errors.New("the body is not what its Content-Encoding says")
	errMemory   = errors.New("the sink has no memory free for it")
)

// budget is memory that requests share.
type budget struct {
	most int64
	used atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.most {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// buffer grows within a limit and a budget.
type buffer struct {
	b      []byte
	budget *budget
	taken  int64
}

// firstBuffer is a buffer's first size.
const firstBuffer = 16 << 10

// fill reads all of in, at most most bytes; errSize if there are more.
func (b *buffer) fill(in io.Reader, most int) error {
	for {
		if len(b.b) == cap(b.b) {
			if err := b.grow(most + 1); err != nil {
				return err
			}
		}
		n, err := in.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		if len(b.b) > most {
			return errSize
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// grow doubles the buffer, up to most. The old and the new one exist at the same time.
func (b *buffer) grow(most int) error {
	size := min(max(2*cap(b.b), firstBuffer), most)
	if !b.budget.take(int64(size)) {
		return errMemory
	}
	next := make([]byte, len(b.b), size)
	copy(next, b.b)
	b.budget.give(int64(cap(b.b)))
	b.taken += int64(size - cap(b.b))
	b.b = next
	return nil
}

// release gives the memory back.
func (b *buffer) release() {
	b.budget.give(b.taken)
	b.b, b.taken = nil, 0
}

// mostReports returns how large the reports of a body may be.
func mostReports(body int) int {
	return min(max(body*uplink.MaxRatio, 1<<20), uplink.MaxReports)
}

// reader decompresses bodies, one at a time. It keeps what it needs for that from one to the next.
type reader struct {
	zstd *zstd.Decoder
	gzip gzip.Reader
	line []byte
}

// keptLine is the longest line whose memory a reader keeps, and for which it trusts what a frame declares.
const keptLine = 8 << 20

// lines calls each with every report of a body, which must not keep it, and with the zstd frame that it came in if that
// has nothing else. A body whose frames do not tell how long they are, or that is large, is decompressed twice: first
// to see that it is within the limits and how long its longest line is, with nothing kept; then line by line. So a bomb
// takes no more than its own size and a window, and a body of many reports no more than the longest.
func (d *reader) lines(encoding string, body []byte, shared *budget, each func(line, frame []byte) error) error {
	most := uplink.MaxReports
	if encoding == "zstd" || encoding == "gzip" {
		most = mostReports(len(body))
	}
	all := frames{ends: []int{len(body)}}
	if encoding == "zstd" {
		var err error
		if all, err = checkFrames(body, uint64(most)); err != nil {
			return err
		}
	}
	if !shared.take(all.window) {
		return errMemory
	}
	defer shared.give(all.window)
	longest := all.declared
	if !all.isDeclared || longest > keptLine {
		err := d.chunks(encoding, body, func(in io.Reader) (err error) {
			longest, err = measure(in, most)
			return err
		})
		if err != nil {
			return encodingError(err)
		}
	}
	size := max(longest+2, firstBuffer) // with its end, and room to see that nothing follows
	if !shared.take(int64(size)) {
		return errMemory
	}
	defer shared.give(int64(size))
	if cap(d.line) < size {
		d.line = make([]byte, size)
	}
	if size > keptLine+2 {
		defer func() { d.line = nil }()
	}
	s := splitter{buffer: d.line[:size], each: each}
	begin := 0
	for _, end := range all.ends {
		frame := body[begin:end]
		if err := d.chunks(encoding, frame, func(in io.Reader) error { return s.read(in, frame) }); err != nil {
			return encodingError(err)
		}
		begin = end
	}
	return s.finish()
}

// chunks calls read with what is in the body.
func (d *reader) chunks(encoding string, body []byte, read func(io.Reader) error) error {
	switch encoding {
	case "zstd":
		if d.zstd == nil {
			var err error
			d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
				zstd.WithDecoderMaxWindow(uplink.MaxWindow), zstd.WithDecoderMaxMemory(uplink.MaxReports+1))
			if err != nil {
				return err
			}
		}
		if err := d.zstd.Reset(bytes.NewReader(body)); err != nil {
			return err
		}
		defer func() { _ = d.zstd.Reset(nil) }() // which lets the body go
		return read(d.zstd)
	case "gzip":
		return read(&members{z: &d.gzip, in: bytes.NewReader(body)})
	}
	return read(bytes.NewReader(body))
}

// measure reads all, at most most bytes, and returns the length of the longest line.
func measure(in io.Reader, most int) (longest int, err error) {
	var b [32 << 10]byte
	total, begin := 0, 0 // of the last line
	for {
		n, err := in.Read(b[:])
		if total+n > most {
			return 0, errSize
		}
		for at := 0; ; {
			i := bytes.IndexByte(b[at:n], '\n')
			if i < 0 {
				break
			}
			at += i + 1
			longest, begin = max(longest, total+at-1-begin), total+at
		}
		total += n
		if errors.Is(err, io.EOF) {
			return max(longest, total-begin), nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// splitter calls each with every line that has more than space. The buffer holds the longest one with its end and
// a byte.
type splitter struct {
	buffer     []byte
	each       func(line, frame []byte) error
	begin, end int // of the line that has begun
	count      int
}

// read reads a frame. If it has one line with its end and nothing else, each gets the frame with it: so a line that
// ends where what was read ends waits for what follows.
func (s *splitter) read(in io.Reader, frame []byte) error {
	if s.begin < s.end {
		frame = nil // it goes on with a line
	}
	for {
		if s.end == len(s.buffer) {
			if err := s.makeRoom(); err != nil {
				return err
			}
		}
		n, err := in.Read(s.buffer[s.end:])
		seen := s.end
		if n > 0 {
			seen = max(seen-1, s.begin) // the end of the line that waits
		}
		s.end += n
		for i := 0; ; {
			if i = bytes.IndexByte(s.buffer[seen:s.end], '\n'); i < 0 || seen+i+1 == s.end {
				break
			}
			frame = nil
			if err := s.line(seen+i, nil); err != nil {
				return err
			}
			seen = s.begin
		}
		if errors.Is(err, io.EOF) {
			if s.begin < s.end && s.buffer[s.end-1] == '\n' {
				return s.line(s.end-1, frame)
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// makeRoom moves what has begun to the buffer's begin, or takes the line that waits.
func (s *splitter) makeRoom() error {
	if s.begin == 0 {
		if s.buffer[s.end-1] != '\n' {
			return errSize // measure has seen none so long
		}
		if err := s.line(s.end-1, nil); err != nil {
			return err
		}
	}
	s.begin, s.end = 0, copy(s.buffer, s.buffer[s.begin:s.end])
	return nil
}

// line takes the line that ends there.
func (s *splitter) line(end int, frame []byte) error {
	line := s.buffer[s.begin:end]
	s.begin = end + 1
	return s.take(line, frame)
}

// finish takes the line that has no end.
func (s *splitter) finish() error { return s.take(s.buffer[s.begin:s.end], nil) }

func (s *splitter) take(line, frame []byte) error {
	if line = bytes.Trim(line, " \t\r"); len(line) == 0 {
		return nil
	}
	if s.count++; s.count > uplink.MaxCount {
		return fmt.Errorf("%w: more than %d reports", errSize, uplink.MaxCount)
	}
	return s.each(line, frame)
}

// maxFrames bounds the compressed reports of a body: each may be a frame of its own.
const maxFrames = uplink.MaxCount

// frames are those of a zstd body.
type frames struct {
	ends       []int
	window     int64 // the largest
	declared   int   // bytes of their content
	isDeclared bool  // by each of them
}

// checkFrames walks through the frames (RFC 8878, section 3.1) without decompressing them. What they declare must be
// within the limits, and they must end where the body ends.
func checkFrames(b []byte, most uint64) (all frames, err error) {
	declared, size := uint64(0), len(b)
	all.isDeclared = true
	for frames := 0; len(b) > 0; frames++ {
		if frames == maxFrames {
			return all, fmt.Errorf("%w: more than %d frames", errSize, maxFrames)
		}
		var h zstd.Header
		if err := h.Decode(b); err != nil {
			return all, fmt.Errorf("%w: %w", errEncoding, err)
		}
		if h.Skippable || h.DictionaryID != 0 {
			return all, fmt.Errorf("%w: a skippable frame or a dictionary", errEncoding)
		}
		window := h.WindowSize
		if h.SingleSegment {
			window = h.FrameContentSize
		}
		if window > uplink.MaxWindow {
			return all, fmt.Errorf("%w: a window of %d bytes, %d are the most", errSize, window, uplink.MaxWindow)
		}
		all.window = max(all.window, int64(window))
		all.isDeclared = all.isDeclared && h.HasFCS
		if h.HasFCS {
			if declared += min(h.FrameContentSize, most+1); declared > most {
				return all, fmt.Errorf("%w: more than %d bytes of reports", errSize, most)
			}
		}
		n := frameSize(b[h.HeaderSize:])
		if h.HasCheckSum {
			n += 4
		}
		if n < 0 || h.HeaderSize+n > len(b) {
			return all, fmt.Errorf("%w: it breaks off", errEncoding)
		}
		b = b[h.HeaderSize+n:]
		all.ends = append(all.ends, size-len(b))
	}
	all.declared = int(declared)
	return all, nil
}

// frameSize returns the size of a frame's blocks, negative if they break off.
func frameSize(b []byte) (size int) {
	const cut = -8
	for {
		if len(b)-size < 3 {
			return cut
		}
		h := binary.LittleEndian.Uint16(b[size:])
		block := int(h)>>3 | int(b[size+2])<<13
		switch h >> 1 & 3 {
		case 1: // one byte, repeated
			block = 1
		case 3:
			return cut
		}
		if size += 3 + block; size > len(b) {
			return cut
		}
		if h&1 == 1 {
			return size
		}
	}
}

// members reads the members of a gzip body (RFC 1952, section 2.2), at most maxFrames.
type members struct {
	z     *gzip.Reader
	in    *bytes.Reader
	count int
	err   error
}

func (m *members) Read(b []byte) (n int, err error) {
	for m.err == nil {
		if m.count == 0 {
			m.next()
			continue
		}
		if n, m.err = m.z.Read(b); errors.Is(m.err, io.EOF) && m.in.Len() > 0 {
			m.next()
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, m.err
}

func (m *members) next() {
	if m.count++; m.count > maxFrames {
		m.err = fmt.Errorf("%w: more than %d gzip members", errSize, maxFrames)
		return
	}
	if m.err = m.z.Reset(m.in); m.err == nil {
		m.z.Multistream(false)
	} else if errors.Is(m.err, io.EOF) {
		m.err = io.ErrUnexpectedEOF
	}
}

// encodingError makes a decoder's error one of ours.
func encodingError(err error) error {
	switch {
	case err == nil, errors.Is(err, errSize), errors.Is(err, errMemory):
		return err
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded),
		errors.Is(err, zstd.ErrFrameSizeExceeded):
		return fmt.Errorf("%w: %w", errSize, err)
	}
	return fmt.Errorf("%w: %w", errEncoding, err)
}
