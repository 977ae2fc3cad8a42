// SPDX-License-Identifier: Apache-2.0

package libpcap

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/weirnet/weir/internal/capture"
)

// Stream is what Reader needs of the pipe: an *os.File that is in Go's poller does it.
type Stream interface {
	io.ReadCloser
	SetReadDeadline(time.Time) error
}

// readerBytes holds several whole writes of the capturing process, and any record.
const readerBytes = 4 * 64 << 10

// Reader reads the stream of a capturing process. It is a capture.Source: one stream with the frames of all its
// interfaces.
type Reader struct {
	parser
	stream Stream
	buffer []byte
	from   int // buffer[from:to] is read and not parsed yet
	to     int
	err    error // the stream's end
	times  capture.WallTimes
}

var _ capture.Source = (*Reader)(nil)

// NewReader reads from stream. onEvent, which may be nil, is called by Read.
func NewReader(stream Stream, onEvent func(Event)) *Reader {
	return &Reader{parser: parser{onEvent: onEvent}, stream: stream, buffer: make([]byte, readerBytes)}
}

// Read is that of capture.Source: it hands over at most what one read of readerBytes gave. It returns io.EOF after
// Stop, ErrDied where the process ended otherwise, ErrStream for bytes that make no sense, and *Error where the process
// gave up. An error stays.
func (r *Reader) Read(timeout time.Duration, each func(*capture.Frame)) error {
	if r.err != nil {
		return r.err
	}
	r.err = r.read(timeout, each)
	return r.err
}

func (r *Reader) read(timeout time.Duration, each func(*capture.Frame)) error {
	if err := r.stream.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return readError(err)
	}
	copy(r.buffer, r.buffer[r.from:r.to])
	r.from, r.to = 0, r.to-r.from
	n, readErr := r.stream.Read(r.buffer[r.to:])
	r.to += n
	used, err := r.parse(r.buffer[:r.to], r.times.Wrap(each))
	r.from = used
	switch {
	case err != nil:
		return err
	case readErr == nil || errors.Is(readErr, os.ErrDeadlineExceeded):
		return nil
	case errors.Is(readErr, io.EOF) && r.bye && r.from == r.to:
		return io.EOF
	case errors.Is(readErr, io.EOF):
		return ErrDied
	}
	return readError(readErr)
}

func readError(err error) error {
	if errors.Is(err, os.ErrClosed) || errors.Is(err, net.ErrClosed) {
		return net.ErrClosed
	}
	return fmt.Errorf("libpcap: read the stream: %w", err)
}

// Losses is that of capture.Source. RingFull is libpcap's ps_drop, Interface its ps_ifdrop, of all interfaces that were
// ever watched; they are as old as the last record of them, one a second.
func (r *Reader) Losses(l *capture.Losses) {
	l.RingFull += r.losses.RingFull
	l.Interface += r.losses.Interface
}

// Version is libpcap's own description of itself; empty before the first Read that gave something.
func (r *Reader) Version() string { return r.version }

// Close wakes a waiting Read, and ends the capturing process, which has nobody to write to any more.
func (r *Reader) Close() error { return r.stream.Close() }
