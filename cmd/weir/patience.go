// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"
)

// stopPatience is how long a reader of standard output may take for what is left when weir was told to stop: the confined process is
// killed two seconds after that (internal/helper), and has to say before it what it did not write.
const stopPatience = 1400 * time.Millisecond

var errReaderSlow = errors.New("nobody read them in time")

// patientWriter writes to a reader that may stop reading: after hurry, writing fails by the deadline.
type patientWriter struct {
	out   io.Writer
	lines int // that were written whole

	once   sync.Once
	late   chan struct{} // closed at the deadline
	failed bool          // the deadline was met: out may be in use for ever
}

func newPatientWriter(out io.Writer) *patientWriter {
	return &patientWriter{out: out, late: make(chan struct{})}
}

// hurry sets the deadline; it may be called from any goroutine, and again.
func (w *patientWriter) hurry() {
	w.once.Do(func() { time.AfterFunc(stopPatience, func() { close(w.late) }) })
}

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
		n, err := w.out.Write(b)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		w.lines += bytes.Count(b[:r.n], []byte{'\n'})
		return r.n, r.err
	case <-w.late:
		// b stays in use. Its owner is a bufio.Writer, which leaves its buffer alone after an error.
		w.failed = true
		return 0, errReaderSlow
	}
}
