// SPDX-License-Identifier: Apache-2.0

package pcapfile

import (
	"io"
	"math/bits"
)

// maxEmptyReads bounds reads in a row without bytes or an error, before the source counts as stuck.
const maxEmptyReads = 100

// window is a stretch of a stream, held in memory and parsed in place. Unlike bufio.Reader it grows to the requested
// size.
type window struct {
	src        io.Reader
	buf        []byte
	start, end int   // buf[start:end] is read from src and not yet consumed
	base       int64 // offset of buf[0] in the stream
	err        error // of src; the bytes before it are consumed first
}

func newWindow(src io.Reader, size int) *window {
	return &window{src: src, buf: make([]byte, size)}
}

// offset returns the position in the stream of the next unconsumed byte.
func (w *window) offset() int64 { return w.base + int64(w.start) }

// peek returns at least n unconsumed bytes, and all that are at hand. If the stream ends or fails before, it returns
// the bytes at hand, and the error. The bytes are valid until the next peek, skip or Read. The caller bounds n.
func (w *window) peek(n int) ([]byte, error) {
	if b := w.unread(); len(b) >= n {
		return b, nil
	}
	return w.fill(n)
}

// unread returns the bytes at hand, which may be none. It is inlined, unlike peek.
func (w *window) unread() []byte { return w.buf[w.start:w.end] }

// consume moves past n bytes that peek returned.
func (w *window) consume(n int) { w.start += n }

// fill reads until n bytes are unconsumed, and returns all of them.
func (w *window) fill(n int) ([]byte, error) {
	w.makeRoom(n)
	empty := 0
	for w.end-w.start < n {
		if w.err != nil {
			return w.unread(), w.err
		}
		got, err := w.src.Read(w.buf[w.end:])
		w.end += got
		w.err = err
		if got > 0 {
			empty = 0
		} else if empty++; empty == maxEmptyReads && err == nil {
			w.err = io.ErrNoProgress
		}
	}
	return w.unread(), nil
}

// makeRoom moves the unconsumed bytes to the front, and enlarges the buffer if n bytes do not fit.
func (w *window) makeRoom(n int) {
	to := w.buf
	if n > len(to) {
		to = make([]byte, 1<<bits.Len(uint(n-1))) // a power of two, so that slowly rising sizes do not each allocate
	}
	left := copy(to, w.buf[w.start:w.end])
	w.base += int64(w.start)
	w.buf, w.start, w.end = to, 0, left
}

// skip moves past n bytes without holding them all. It returns io.EOF if the stream ends before.
func (w *window) skip(n int64) error {
	for n > int64(w.end-w.start) {
		n -= int64(w.end - w.start)
		w.start = w.end
		if _, err := w.fill(1); err != nil {
			return err
		}
	}
	w.start += int(n)
	return nil
}

// Read and ReadByte let a decompressor read from where the look at the magic number stopped.

func (w *window) Read(p []byte) (int, error) {
	b, err := w.peek(1)
	if len(b) == 0 {
		return 0, err
	}
	n := copy(p, b)
	w.consume(n)
	return n, nil
}

func (w *window) ReadByte() (byte, error) {
	b, err := w.peek(1)
	if len(b) == 0 {
		return 0, err
	}
	w.consume(1)
	return b[0], nil
}
