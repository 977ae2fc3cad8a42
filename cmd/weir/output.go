// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/record"
)

// flowWriter writes flow records, and what comes after them.
type flowWriter interface {
	flow(*record.Flow) error
	release() error // writes what is held back
	end(t engine.Totals, elapsed time.Duration) error
}

// records writes the flow records as they are wanted. With live, what there is goes out every second.
type records struct {
	live bool

	mu     sync.Mutex // the pipeline's goroutine and the one that flushes share what follows
	writer flowWriter
	out    *bufio.Writer // keeps its first error
	taken  uint64        // records, with those that could not be written

	patient *patientWriter // of live interfaces

	quit    chan struct{}
	running sync.WaitGroup
}

func newRecords(o *replayOptions, stdout io.Writer) *records {
	needOutput(stdout)
	out := bufio.NewWriterSize(stdout, 256<<10)
	r := &records{live: o.realtime, writer: newFlowWriter(o.Output.Format, out, terminalWidth(stdout)), out: out,
		quit: make(chan struct{})}
	if r.live {
		r.running.Go(r.flush)
	}
	return r
}

// newLiveRecords writes the flows of live interfaces. What follows the flows, the caller tells.
func newLiveRecords(output string, stdout io.Writer) *records {
	needOutput(stdout)
	patient := newPatientWriter(stdout)
	out := bufio.NewWriterSize(patient, 64<<10)
	w := newFlowWriter(output, out, terminalWidth(stdout))
	if t, ok := w.(*tableWriter); ok {
		t.live = true
	}
	r := &records{live: true, writer: w, out: out, patient: patient, quit: make(chan struct{})}
	r.running.Go(r.flush)
	return r
}

func (r *records) flow(f *record.Flow) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken++
	if err := r.writer.flow(f); !errors.Is(err, errReaderSlow) { // which end tells, when all are counted
		return err
	}
	return nil
}

// unwritten is how many records of a line each did not reach the reader; after end.
func (r *records) unwritten() uint64 {
	return r.taken - min(r.taken, r.patient.lines.Load())
}

// flush writes every second what there is. The writer keeps an error for who writes next.
func (r *records) flush() {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-r.quit:
			return
		case <-second.C:
			r.mu.Lock()
			_ = r.writer.release()
			_ = r.out.Flush()
			r.mu.Unlock()
		}
	}
}

// stop ends the flushing; it may be called again.
func (r *records) stop() {
	if r.live {
		r.live = false
		close(r.quit)
		r.running.Wait()
	}
}

// end writes what comes after the records, and all that is still held back.
func (r *records) end(t engine.Totals, elapsed time.Duration) error {
	r.stop()
	if err := r.writer.end(t, elapsed); err != nil {
		return err
	}
	return r.out.Flush()
}

func newFlowWriter(output string, out *bufio.Writer, width int) flowWriter {
	switch output {
	case "ndjson":
		return &lineWriter{out: out, line: (*record.Flow).AppendJSON}
	case "csv":
		return &lineWriter{out: out, line: (*record.Flow).AppendCSV, header: record.CSVHeader}
	case "none":
		return &tableWriter{out: out, width: width}
	}
	return &tableWriter{out: out, width: width, flows: true}
}

// lineWriter writes a line a flow.
type lineWriter struct {
	out    *bufio.Writer
	line   func(*record.Flow, []byte) []byte
	header string
	buf    []byte
}

func (w *lineWriter) flow(f *record.Flow) error {
	w.buf = w.buf[:0]
	if w.header != "" {
		w.buf = append(append(w.buf, w.header...), '\n')
		w.header = ""
	}
	w.buf = append(w.line(f, w.buf), '\n')
	_, err := w.out.Write(w.buf)
	return err
}

func (*lineWriter) release() error { return nil }

func (w *lineWriter) end(engine.Totals, time.Duration) error {
	if w.header != "" { // no flow came
		_, err := fmt.Fprintln(w.out, w.header)
		return err
	}
	return nil
}
