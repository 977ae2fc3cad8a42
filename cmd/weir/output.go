// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"time"

	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/report"
)

// flowWriter writes flow records, and what comes after them.
type flowWriter interface {
	flow(*report.Flow) error
	end(t engine.Totals, elapsed time.Duration) error
}

func newFlowWriter(output string, out *bufio.Writer, width int) flowWriter {
	switch output {
	case "ndjson":
		return &lineWriter{out: out, line: (*report.Flow).AppendJSON}
	case "csv":
		return &lineWriter{out: out, line: (*report.Flow).AppendCSV, header: report.CSVHeader}
	case "none":
		return &tableWriter{out: out, width: width}
	}
	return &tableWriter{out: out, width: width, flows: true}
}

// lineWriter writes a line a flow.
type lineWriter struct {
	out    *bufio.Writer
	line   func(*report.Flow, []byte) []byte
	header string
	buf    []byte
}

func (w *lineWriter) flow(f *report.Flow) error {
	w.buf = w.buf[:0]
	if w.header != "" {
		w.buf = append(append(w.buf, w.header...), '\n')
		w.header = ""
	}
	w.buf = append(w.line(f, w.buf), '\n')
	_, err := w.out.Write(w.buf)
	return err
}

func (w *lineWriter) end(engine.Totals, time.Duration) error {
	if w.header != "" { // no flow came
		_, err := fmt.Fprintln(w.out, w.header)
		return err
	}
	return nil
}
