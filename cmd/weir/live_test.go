// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// TestPieces: during a Write the reader's progress is visible.
func TestPieces(t *testing.T) {
	read, write := io.Pipe()
	w := &pieceWriter{out: write}
	line := append(bytes.Repeat([]byte("x"), pieceBytes/4-1), '\n')
	over := make(chan error, 1)
	go func() {
		_, err := w.Write(bytes.Repeat(line, 80))
		over <- err
	}()
	for i := range uint64(5) {
		if _, err := io.ReadFull(read, make([]byte, pieceBytes)); err != nil {
			t.Fatal(err)
		}
		wait.Until(t, "a piece is taken", func() bool { return w.taken.Load() == i+1 && w.lines.Load() == 4*(i+1) })
	}
	read.Close()
	if err := wait.For(t, "Write returns", over); !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	if w.lines.Load() != 20 {
		t.Errorf("%d lines", w.lines.Load())
	}
}

// TestLiveOutput: records appear with their second, and what follows them with the end.
func TestLiveOutput(t *testing.T) {
	for format, want := range map[string]struct {
		second, end int // lines
	}{"ndjson": {2, 2}, "csv": {3, 3}, "table": {3, 10}, "none": {0, 6}} {
		var out bytes.Buffer
		o := newLiveOutput(format, &out, false)
		for range 2 {
			if err := o.Flow(&record.Flow{State: record.StateEnd, Protocol: "dns", Application: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		if out.Len() != 0 {
			t.Errorf("%s: %q before the second is over", format, out.String())
		}
		if err := o.Second(nil); err != nil {
			t.Fatal(err)
		}
		second := strings.Count(out.String(), "\n")
		if err := o.End(); err != nil {
			t.Fatal(err)
		}
		if end := strings.Count(out.String(), "\n"); second != want.second || end != want.end {
			t.Errorf("%s: %d lines after a second, %d at the end; want %+v\n%s", format, second, end, want, &out)
		}
	}
}

// TestLiveOutputFails: the error names the failed operation.
func TestLiveOutputFails(t *testing.T) {
	full := errors.New("no space left on device")
	read, write := io.Pipe()
	read.CloseWithError(full)
	o := newLiveOutput("ndjson", write, false)
	err := o.Flow(&record.Flow{State: record.StateEnd})
	if err == nil {
		err = o.Second(nil)
	}
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "write output") {
		t.Errorf("%v", err)
	}
}
