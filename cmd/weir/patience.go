// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// How long a reader of standard output is waited for when weir was told to stop: as long as it goes on reading,
// stopTime at most, which leaves the rest of the minute that the helper grants (internal/helper) for saying what was
// not written. One that takes nothing for stopPatience has stalled.
const (
	stopPatience = 1400 * time.Millisecond
	stopTime     = 45 * time.Second
	stopLook     = 100 * time.Millisecond // how often it is looked after
)

// pieceBytes is what is written at a time: a pipe takes that whole (PIPE_BUF), and a slow reader shows that it is none
// that stalls.
const pieceBytes = 4096

var errReaderSlow = errors.New("nobody read them in time")

// patientWriter writes to a reader that may stop reading: after hurry, writing fails where it does not go on.
type patientWriter struct {
	out    io.Writer
	taken  atomic.Uint64 // pieces
	lines  atomic.Uint64 // that were written whole
	waited atomic.Uint64 // looks after a reader that is waited for

	once    sync.Once
	hurried chan struct{} // closed by hurry
	end     time.Time     // when all patience ends; set before hurried is closed
	failed  bool          // out may be in use for ever
}

func newPatientWriter(out io.Writer) *patientWriter {
	return &patientWriter{out: out, hurried: make(chan struct{})}
}

// hurry ends the waiting without limit; it may be called from any goroutine, and again.
func (w *patientWriter) hurry() {
	w.once.Do(func() {
		w.end = time.Now().Add(stopTime)
		close(w.hurried)
	})
}

// progress goes up while the reader reads, or is waited for in patience.
func (w *patientWriter) progress() uint64 { return w.taken.Load() + w.waited.Load() }

func (w *patientWriter) Write(b []byte) (int, error) {
	if w.failed {
		return 0, errReaderSlow
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := w.pieces(b)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		return r.n, r.err
	case <-w.hurried:
	}
	look := time.NewTicker(stopLook)
	defer look.Stop()
	taken, since := w.taken.Load(), time.Now()
	for {
		select {
		case r := <-done:
			return r.n, r.err
		case now := <-look.C:
			if n := w.taken.Load(); n != taken {
				taken, since = n, now
			}
			if now.Sub(since) < stopPatience && now.Before(w.end) {
				w.waited.Add(1)
				continue
			}
			// b stays in use. Its owner is a bufio.Writer, which leaves its buffer alone after an error.
			w.failed = true
			return 0, errReaderSlow
		}
	}
}

func (w *patientWriter) pieces(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var some int
		some, err = w.out.Write(b[n:min(n+pieceBytes, len(b))])
		w.lines.Add(uint64(bytes.Count(b[n:n+some], []byte{'\n'})))
		w.taken.Add(1)
		n += some
	}
	return n, err
}
