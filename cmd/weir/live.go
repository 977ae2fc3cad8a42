// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/agent/confined"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/record"
)

// liveOutput writes the flow records of live interfaces as they come.
type liveOutput struct {
	writer flowWriter
	out    *bufio.Writer // keeps its first error
	pieces *pieceWriter
	// isWanted reports whether a record is written; the others are for the reports, or for weir flows.
	isWanted func(*record.Flow) bool
	isPrompt bool // a record appears at once, not with its second
	skipped  atomic.Uint64
}

// newLiveOutput returns the output of a format. With updates it also has records of flows that go on; a table always
// has those that are worth a line.
func newLiveOutput(format string, stdout io.Writer, updates bool) *liveOutput {
	needOutput(stdout)
	pieces := &pieceWriter{out: stdout}
	o := &liveOutput{out: bufio.NewWriterSize(pieces, 64<<10), pieces: pieces}
	o.isWanted = func(f *record.Flow) bool { return updates || f.State == record.StateEnd }
	if format == "table" {
		width := terminalWidth(stdout)
		o.writer, o.isPrompt = newLivingTable(o.out, width), width > 0
		o.isWanted = growth{}.isWorthALine
		return o
	}
	o.writer = newFlowWriter(format, o.out, terminalWidth(stdout))
	if t, ok := o.writer.(*tableWriter); ok {
		t.live = true
	}
	return o
}

// Flow writes a record.
func (o *liveOutput) Flow(f *record.Flow) error {
	if !o.isWanted(f) {
		o.skipped.Add(1)
		return nil
	}
	if err := o.writer.flow(f); err != nil || !o.isPrompt {
		return outputError(err)
	}
	return outputError(o.out.Flush())
}

// Event writes an event record.
func (o *liveOutput) Event(e *record.Event) error {
	if lines, ok := o.writer.(eventWriter); ok {
		return outputError(lines.event(e))
	}
	o.skipped.Add(1)
	return nil
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

// livingTable is a table with a line each time that a flow is named, has grown much or has ended, and a summary.
type livingTable struct {
	*flowLines
	summary tableWriter
}

func newLivingTable(out *bufio.Writer, width int) *livingTable {
	lines := newFlowLines(&flowsOptions{output: "table"}, out, nil)
	lines.isForPeople = false // liveOutput has asked growth
	lines.setWidth(width)
	return &livingTable{lines, tableWriter{out: out, width: width, live: true}}
}

func (t *livingTable) flow(f *record.Flow) error {
	if err := t.summary.flow(f); err != nil {
		return err
	}
	return t.flowLines.flow(f)
}

func (*livingTable) release() error { return nil }

func (t *livingTable) end(totals *engine.Totals, elapsed time.Duration) error {
	if t.hasBegun {
		fmt.Fprintln(t.out)
	}
	return t.summary.end(totals, elapsed)
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
