// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/lab/wait"
)

// TestPatience: after hurry a reader that reads on gets all, however slowly; one that stalls, or takes for ever, does
// not.
func TestPatience(t *testing.T) {
	line := append(bytes.Repeat([]byte("x"), pieceBytes/4-1), '\n')
	for name, c := range map[string]struct {
		pause  time.Duration // before each piece is read
		pieces int           // that are read, then no more
		lines  uint64        // that have been read before Write gives up; 0: it does not
		took   time.Duration
	}{
		"soon":              {0, 20, 0, 0},
		"slow":              {time.Second, 20, 0, 20 * time.Second},
		"stalls":            {0, 0, 0, stopPatience},
		"stalls after some": {time.Second, 5, 20, 5*time.Second + stopPatience},
		"takes for ever":    {1300 * time.Millisecond, 1000, 136, stopTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				read, write := io.Pipe()
				w := newPatientWriter(write)
				over := make(chan struct{})
				defer func() {
					read.Close()
					<-over
				}()
				all := bytes.Repeat(line, 80)
				if c.pieces > 20 {
					all = bytes.Repeat(all, 50)
				}
				go func() {
					defer close(over)
					for range c.pieces {
						wait.Pass(c.pause)
						if _, err := io.ReadFull(read, make([]byte, pieceBytes)); err != nil {
							return
						}
					}
				}()
				begun, before := time.Now(), w.progress()
				w.hurry()
				w.hurry()
				_, err := w.Write(all)
				took := time.Since(begun)
				gaveUp := errors.Is(err, errReaderSlow)
				if want := c.pieces != 20; gaveUp != want || took < c.took || took > c.took+2*stopLook {
					t.Errorf("%v after %v, want an error %v after %v", err, took, want, c.took)
				}
				if n := w.lines.Load(); gaveUp && n != c.lines || !gaveUp && n != 80 {
					t.Errorf("%d lines", n)
				}
				if took > stopLook && w.progress() == before {
					t.Error("no progress while it waits")
				}
				if again := func() error { _, err := w.Write(line); return err }; gaveUp &&
					!errors.Is(again(), errReaderSlow) {
					t.Error("it writes after it gave up")
				}
			})
		})
	}
}

// TestPatienceBefore: nobody is hurried who was not told to.
func TestPatienceBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		read, write := io.Pipe()
		w := newPatientWriter(write)
		go func() {
			wait.Pass(24 * time.Hour)
			_, _ = io.ReadFull(read, make([]byte, 3))
		}()
		if n, err := w.Write([]byte("ab\n")); n != 3 || err != nil || w.lines.Load() != 1 {
			t.Errorf("%d, %v", n, err)
		}
	})
}
