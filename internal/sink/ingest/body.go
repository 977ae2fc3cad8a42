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

// grow doubles the buffer, up to most.
func (b *buffer) grow(most int) error { return b.resize(min(max(2*cap(b.b), firstBuffer), most)) }

// resize moves to a larger buffer. The old and the new one exist at the same time.
func (b *buffer) resize(size int) error {
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

// decompress appends what is in the body to the buffer.
func decompress(encoding string, body []byte, to *buffer) error {
	most := mostReports(len(body))
	switch encoding {
	case "zstd":
		return decompressZstd(body, to, most)
	case "gzip":
		return decompressGzip(body, to, most)
	}
	return to.fill(bytes.NewReader(body), uplink.MaxReports)
}

func decompressZstd(body []byte, to *buffer, most int) error {
	declared, err := checkFrames(body, uint64(most))
	if err != nil {
		return err
	}
	if declared >= uint64(firstBuffer) { // at most most
		if err := to.resize(int(declared) + 1); err != nil {
			return err
		}
	}
	d, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(uplink.MaxWindow), zstd.WithDecoderMaxMemory(uplink.MaxReports+1))
	if err != nil {
		return err
	}
	defer d.Close()
	return encodingError(to.fill(d, most))
}

// maxFrames bounds the compressed reports of a body: each may be a frame of its own.
const maxFrames = uplink.MaxCount

// checkFrames walks through the frames (RFC 8878, section 3.1) without decompressing them. What they declare must be
// within the limits, and they must end where the body ends. It returns how much they declare.
func checkFrames(b []byte, most uint64) (declared uint64, err error) {
	for frames := 0; len(b) > 0; frames++ {
		if frames == maxFrames {
			return 0, fmt.Errorf("%w: more than %d frames", errSize, maxFrames)
		}
		var h zstd.Header
		if err := h.Decode(b); err != nil {
			return 0, fmt.Errorf("%w: %w", errEncoding, err)
		}
		if h.Skippable || h.DictionaryID != 0 {
			return 0, fmt.Errorf("%w: a skippable frame or a dictionary", errEncoding)
		}
		window := h.WindowSize
		if h.SingleSegment {
			window = h.FrameContentSize
		}
		if window > uplink.MaxWindow {
			return 0, fmt.Errorf("%w: a window of %d bytes, %d are the most", errSize, window, uplink.MaxWindow)
		}
		if h.HasFCS {
			if declared += min(h.FrameContentSize, most+1); declared > most {
				return 0, fmt.Errorf("%w: more than %d bytes of reports", errSize, most)
			}
		}
		n := frameSize(b[h.HeaderSize:])
		if h.HasCheckSum {
			n += 4
		}
		if n < 0 || h.HeaderSize+n > len(b) {
			return 0, fmt.Errorf("%w: it breaks off", errEncoding)
		}
		b = b[h.HeaderSize+n:]
	}
	return declared, nil
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

func decompressGzip(body []byte, to *buffer, most int) error {
	in := bytes.NewReader(body)
	z, err := gzip.NewReader(in)
	if err != nil {
		return fmt.Errorf("%w: %w", errEncoding, err)
	}
	for members := 1; ; members++ {
		z.Multistream(false)
		if err := to.fill(z, most); err != nil {
			return encodingError(err)
		}
		if in.Len() == 0 {
			return nil
		}
		if members == maxFrames {
			return fmt.Errorf("%w: more than %d gzip members", errSize, maxFrames)
		}
		if err := z.Reset(in); err != nil {
			return fmt.Errorf("%w: %w", errEncoding, err)
		}
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

// lines splits reports; nil and errSize if they are too many.
func lines(b []byte) ([][]byte, error) {
	var all [][]byte
	for line := range bytes.SplitSeq(b, []byte{'\n'}) {
		if line = bytes.Trim(line, " \t\r"); len(line) == 0 {
			continue
		}
		if len(all) == uplink.MaxCount {
			return nil, fmt.Errorf("%w: more than %d reports", errSize, uplink.MaxCount)
		}
		all = append(all, line)
	}
	return all, nil
}
