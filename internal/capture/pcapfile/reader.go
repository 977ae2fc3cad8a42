// SPDX-License-Identifier: Apache-2.0

// Package pcapfile reads and writes capture files: pcap and pcapng, also compressed with gzip or zstd.
//
// The reader holds a window of the file in memory and returns views into it, so that a packet costs neither a copy nor
// an allocation. It is safe on an attacker's files: the constants below bound its memory, and the length of the
// uncompressed capture bounds its work.
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
	// MaxSnapLength is the longest captured packet accepted from a file that does not itself announce longer ones: 256
	// KiB, tcpdump's maximum.
	MaxSnapLength = 256 << 10
	// MaxRecordLength bounds captured packets and parsed blocks whatever the file announces: 16 MiB, 64 times the
	// above, so that a corrupt length cannot make the window grow without bound.
	MaxRecordLength = 16 << 20

	// windowSize is how much of the capture is read at once. From 128 KiB to 1 MiB, or with the file mapped instead,
	// packets come at the same rate, that of memory (see BenchmarkReader); a window stays in a CPU's own cache, and a
	// file that is truncated during the read ends in an error, where a mapped one ends in SIGBUS.
	windowSize = 256 << 10
)

// Frame is one captured packet.
type Frame struct {
	Data      []byte // captured bytes, valid until the next call of Next
	Length    int    // bytes on the wire, at least len(Data)
	Time      int64  // nanoseconds since the Unix epoch; may be negative or jump
	Interface int    // index into Reader.Interfaces
	// Direction is the file's information; a link's own header may have more (packet.Cooked).
	Direction packet.Direction
}

// Interface describes an interface of the capture, as far as the file does.
type Interface struct {
	Name, Description string // at most maxInterfaceText bytes of UTF-8; "" where unknown
	LinkType          packet.LinkType
	SnapLength        int // as announced; 0 means no limit
	Number            int // within its section: identifies interfaces without a name
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
	failed     error // Next's last error, which it repeats

	source  *source
	size    int64
	closers []func() error
}

// source counts the bytes of the stored file, and keeps its error apart from those of decompression.
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

// Open opens the capture file at path; "-" is standard input. A missing file gives an error of package os, an empty one
// ErrEmpty, another kind of file ErrNotCapture, one that ends or breaks within its header a *FormatError.
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

// NewReader reads a capture from a stream. The name is for errors only. It returns the errors of Open.
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

// Interfaces lists the interfaces of the packets read so far. A pcap file has one interface without a name; in a pcapng
// file the list grows during the read. The index of an interface never changes.
func (r *Reader) Interfaces() []Interface { return r.interfaces }

// Offset returns how many bytes of the stored file were read so far. It may be called while Next runs.
func (r *Reader) Offset() int64 { return r.source.read.Load() }

// Size returns the length of the stored file, 0 if unknown.
func (r *Reader) Size() int64 { return r.size }

// OnClose makes Close also call a function, which closes the stream given to NewReader.
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

// corrupt returns the error for damage at an offset of the capture.
func (r *Reader) corrupt(offset int64, format string, args ...any) error {
	return &FormatError{Name: r.name, Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// cut's names for the headers before each packet.
const (
	recordHeader = "a record header"
	blockHeader  = "a block header"
)

// cut returns the error for a record at offset that the window holds only in part, because of cause.
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
