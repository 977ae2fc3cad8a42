// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/record"
)

// flowWriter writes flow records, and what follows them.
type flowWriter interface {
	flow(*record.Flow) error
	release() error // writes the rows held back
	// end writes what follows the records. For a capture file totals holds the counts, and elapsed the duration.
	end(totals *engine.Totals, elapsed time.Duration) error
}

// eventWriter writes event records, too.
type eventWriter interface {
	event(*record.Event) error
}

// records writes the flow records of capture files. In real time, it flushes every second.
type records struct {
	realTime bool

	mu     sync.Mutex // guards what the pipeline's goroutine and the flushing one share
	writer flowWriter
	out    *bufio.Writer // keeps its first error

	quit    chan struct{}
	running sync.WaitGroup
}

func newRecords(o *replayOptions, stdout io.Writer) *records {
	needOutput(stdout)
	out := bufio.NewWriterSize(stdout, 256<<10)
	r := &records{realTime: o.realtime, writer: newFlowWriter(o.Output.Format, out, terminalWidth(stdout)), out: out,
		quit: make(chan struct{})}
	if r.realTime {
		r.running.Go(r.flush)
	}
	return r
}

func (r *records) flow(f *record.Flow) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writer.flow(f)
}

// event writes an event record, where the output has them.
func (r *records) event(e *record.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w, ok := r.writer.(eventWriter); ok {
		return w.event(e)
	}
	return nil
}

// flush flushes every second. The writer keeps an error for the next write.
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
	if r.realTime {
		r.realTime = false
		close(r.quit)
		r.running.Wait()
	}
}

// end writes what follows the records, and flushes.
func (r *records) end(totals engine.Totals, elapsed time.Duration) error {
	r.stop()
	if err := r.writer.end(&totals, elapsed); err != nil {
		return err
	}
	return r.out.Flush()
}

func newFlowWriter(output string, out *bufio.Writer, width int) flowWriter {
	switch output {
	case "ndjson":
		return &jsonWriter{lineWriter{out: out, line: (*record.Flow).AppendJSON}}
	case "csv":
		return &lineWriter{out: out, line: (*record.Flow).AppendCSV, header: record.CSVHeader}
	case "none":
		return &tableWriter{out: out, width: width}
	}
	return &tableWriter{out: out, width: width, flows: true}
}

// lineWriter writes a line per flow.
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

// jsonWriter writes a line per flow and event.
type jsonWriter struct{ lineWriter }

func (w *jsonWriter) event(e *record.Event) error {
	w.buf = append(e.AppendJSON(w.buf[:0]), '\n')
	_, err := w.out.Write(w.buf)
	return err
}

func (*lineWriter) release() error { return nil }

func (w *lineWriter) end(*engine.Totals, time.Duration) error {
	if w.header != "" { // there was no flow
		_, err := fmt.Fprintln(w.out, w.header)
		return err
	}
	return nil
}
