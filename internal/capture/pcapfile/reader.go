// SPDX-License-Identifier: Apache-2.0

// Package pcapfile reads and writes capture files: pcap and pcapng, also compressed with gzip or zstd.
//
// The reader holds a window of the file in memory and hands out views into it, so that a packet costs no copy of its
// own and no allocation. It is safe on files made by an attacker: memory is bounded by the constants below, work by
// the length of the uncompressed capture.
package pcapfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"sync/atomic"

	"github.com/weirnet/weir/internal/packet"
)

const (
	// MaxSnapLength is the longest captured packet accepted from a file that does not itself announce longer ones:
	// 256 KiB, the largest that tcpdump takes.
	MaxSnapLength = 256 << 10
	// MaxRecordLength is the longest captured packet and the longest parsed block whatever the file announces: 16 MiB,
	// 64 times the above, so that a corrupt length can't make the window grow without bound.
	MaxRecordLength = 16 << 20

	// windowSize is how much of the capture is read at once. From 128 KiB to 1 MiB, and with the file mapped instead,
	// packets come at the same rate, that of memory (see BenchmarkReader); a window stays in a CPU's own cache, and a
	// file that is cut while it is read ends in an error, where a mapped one ends in SIGBUS.
	windowSize = 256 << 10
)

// Frame is one captured packet.
type Frame struct {
	Data      []byte // captured bytes, valid until the next call of Next
	Length    int    // bytes on the wire, at least len(Data)
	Time      int64  // nanoseconds since the Unix epoch; may be negative or jump
	Interface int    // index into Reader.Interfaces
	// Direction is what the file says of it; a link's own header may say more (packet.Cooked).
	Direction packet.Direction
}

// Interface is where packets were captured, as far as the file tells.
type Interface struct {
	Name, Description string // at most maxInterfaceText bytes of UTF-8; "" where unknown
	LinkType          packet.LinkType
	SnapLength        int // as announced; 0 means no limit
	Number            int // within its section: interfaces without a name are the same where that is
}

// Reader reads the packets of one capture file in file order.
type Reader struct {
	window     *window
	name       string
	blocks     bool         // the file is pcapng
	swapped    bool         // the file, or its present section, is big-endian
	record     recordFormat // of a pcap file
	section    section      // of a pcapng file
	interfaces []Interface
	failed     error // what Next returned last, and will return ever after

	source  *source
	size    int64
	closers []func() error
}

// source counts the bytes of the file as it is stored, and keeps its error apart from those of decompression.
type source struct {
	r    io.Reader
	read atomic.Int64
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.read.Add(int64(n))
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// Open opens the capture file at path; "-" is standard input. A missing file is an error of package os, an empty one
// ErrEmpty, one of another kind ErrNotCapture, one that ends or breaks within its header a *FormatError.
func Open(path string) (*Reader, error) {
	if path == "-" {
		return NewReader(os.Stdin, "standard input")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(file, path)
	if err != nil {
		file.Close()
		return nil, err
	}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		r.size = info.Size()
	}
	r.closers = append(r.closers, file.Close)
	return r, nil
}

// NewReader reads a capture from a stream. The name is for errors only. Errors are as those of Open.
func NewReader(in io.Reader, name string) (*Reader, error) {
	r := &Reader{name: name, source: &source{r: in}}
	if err := r.open(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Reader) open() error {
	if err := r.decompress(); err != nil {
		return err
	}
	head, err := r.window.peek(magicLength)
	if err != nil && err != io.EOF {
		return r.cut(0, "the file header", err)
	}
	head = head[:min(len(head), magicLength)]
	if len(head) < magicLength {
		return r.notCapture(head)
	}
	magic := binary.LittleEndian.Uint32(head)
	if magic == blockSection {
		r.blocks = true
		return r.readSection()
	}
	if format, ok := recordFormats[magic]; ok {
		return r.readFileHeader(format)
	}
	if format, ok := recordFormats[bits.ReverseBytes32(magic)]; ok {
		r.swapped = true
		return r.readFileHeader(format)
	}
	return r.notCapture(head)
}

// Next reads the next packet. At the end of the file it returns io.EOF, on corruption or a premature end a
// *FormatError, on a failed read the error of the read. After an error it returns the same again.
func (r *Reader) Next(f *Frame) error {
	if r.failed != nil {
		return r.failed
	}
	var err error
	if r.blocks {
		err = r.nextBlock(f)
	} else {
		err = r.nextRecord(f)
	}
	if err != nil {
		r.failed = err
		*f = Frame{}
	}
	return err
}

// Interfaces lists where the packets read so far were captured. A pcap file has one interface without a name; in a
// pcapng file the list grows as the file is read. The index of an interface never changes.
func (r *Reader) Interfaces() []Interface { return r.interfaces }

// Offset is how many bytes of the file, as it is stored, were read so far. It may be called while Next runs.
func (r *Reader) Offset() int64 { return r.source.read.Load() }

// Size is the length of the file as it is stored, 0 where that is unknown.
func (r *Reader) Size() int64 { return r.size }

// OnClose has Close call a function too: what closes the stream that NewReader was given.
func (r *Reader) OnClose(closeStream func() error) { r.closers = append(r.closers, closeStream) }

// Close closes the file. Frames are invalid afterwards.
func (r *Reader) Close() error {
	var errs []error
	for _, c := range r.closers {
		errs = append(errs, c())
	}
	r.closers = nil
	r.failed = os.ErrClosed
	return errors.Join(errs...)
}

// uint32 and uint16 read a field in the byte order of the file.
func (r *Reader) uint32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if r.swapped {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (r *Reader) uint16(b []byte) uint16 {
	v := binary.LittleEndian.Uint16(b)
	if r.swapped {
		v = bits.ReverseBytes16(v)
	}
	return v
}

// length makes an int of a length that is only reported, never used: on a 32-bit machine it must not turn negative.
func length(n uint32) int { return int(min(n, math.MaxInt32)) }

// corrupt makes the error for what is wrong at an offset of the capture.
func (r *Reader) corrupt(offset int64, format string, args ...any) error {
	return &FormatError{Name: r.name, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// What cut tells of the headers that stand before each packet.
const (
	recordHeader = "a record header"
	blockHeader  = "a block header"
)

// cut makes the error for a record at offset of which the window holds too little, because of cause.
func (r *Reader) cut(offset int64, what string, cause error) error {
	if r.source.err != nil {
		return r.source.err
	}
	if cause == io.EOF || cause == io.ErrUnexpectedEOF {
		return &FormatError{
			Name: r.name, Offset: offset, Reason: "the file ends within " + what, Truncated: true,
			Leftover: what == recordHeader || what == blockHeader,
		}
	}
	return r.corrupt(offset, "%s: %v", what, cause)
}
