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

// Stream is the part of the pipe that Reader uses: an *os.File in Go's poller implements it.
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
	from   int // buffer[from:to] is read and not yet parsed
	to     int
	err    error // why the stream ended
	times  capture.WallTimes
}

var _ capture.Source = (*Reader)(nil)

// NewReader reads from stream. Read calls onEvent, which may be nil.
func NewReader(stream Stream, onEvent func(Event)) *Reader {
	return &Reader{parser: parser{onEvent: onEvent}, stream: stream, buffer: make([]byte, readerBytes)}
}

// Read implements capture.Source: it delivers at most the result of one read of readerBytes. It returns io.EOF after
// Stop, ErrDied if the process ended otherwise, ErrStream for invalid bytes, and *Error if the process gave up. An
// error is final.
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

// Losses implements capture.Source. RingFull is libpcap's ps_drop, Interface its ps_ifdrop, of all interfaces ever
// watched; they are as old as their last record, which comes once a second.
func (r *Reader) Losses(l *capture.Losses) {
	l.RingFull += r.losses.RingFull
	l.Interface += r.losses.Interface
}

// Version returns libpcap's own description of itself; "" before the first Read with a result.
func (r *Reader) Version() string { return r.version }

// Close wakes a waiting Read, and ends the capturing process, which then has no reader.
func (r *Reader) Close() error { return r.stream.Close() }
