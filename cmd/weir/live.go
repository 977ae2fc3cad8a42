// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/weirnet/weir/internal/agent/confined"
	"github.com/weirnet/weir/internal/record"
)

// liveOutput writes the flow records of live interfaces as they come.
type liveOutput struct {
	writer flowWriter
	out    *bufio.Writer // keeps its first error
	pieces *pieceWriter
	// isOnlyEnds: the records of live flows are for the reports alone.
	isOnlyEnds bool
	skipped    atomic.Uint64
}

func newLiveOutput(format string, stdout io.Writer) *liveOutput {
	needOutput(stdout)
	pieces := &pieceWriter{out: stdout}
	out := bufio.NewWriterSize(pieces, 64<<10)
	w := newFlowWriter(format, out, terminalWidth(stdout))
	if t, ok := w.(*tableWriter); ok {
		t.live = true
	}
	return &liveOutput{writer: w, out: out, pieces: pieces}
}

// Flow writes a record.
func (o *liveOutput) Flow(f *record.Flow) error {
	if o.isOnlyEnds && f.State != record.StateEnd {
		o.skipped.Add(1)
		return nil
	}
	return outputError(o.writer.flow(f))
}

// Second flushes the output.
func (o *liveOutput) Second(*confined.Status) error {
	if err := o.writer.release(); err != nil {
		return outputError(err)
	}
	return outputError(o.out.Flush())
}

// End writes what follows the records.
func (o *liveOutput) End() error {
	if err := o.writer.end(nil, 0); err != nil {
		return outputError(err)
	}
	return outputError(o.out.Flush())
}

func outputError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("write output: %w", err)
}

// pieceBytes bounds a write: a pipe takes it whole (PIPE_BUF), and a slow reader shows its progress.
const pieceBytes = 4096

// pieceWriter writes piece by piece, so that a reader's progress is visible during a Write.
type pieceWriter struct {
	out   io.Writer
	taken atomic.Uint64 // pieces
	lines atomic.Uint64 // lines written whole
}

func (w *pieceWriter) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var some int
		some, err = w.out.Write(b[n:min(n+pieceBytes, len(b))])
		w.lines.Add(uint64(bytes.Count(b[n:n+some], []byte{'\n'})))
		w.taken.Add(1)
		n += some
	}
	return n, err
}
