// SPDX-License-Identifier: Apache-2.0

// Command progress reads the output of go test -json, and prints a line for each package at its end, with the whole
// output of a failed one. go test itself prints in the order of names, so nothing until the first slow package ends.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// stillEvery is the interval of naming the running packages while none ends.
const stillEvery = 30 * time.Second

func main() {
	lines := make(chan []byte)
	go func() {
		defer close(lines)
		in := bufio.NewReaderSize(os.Stdin, 1<<20)
		for {
			line, err := in.ReadBytes('\n')
			if len(line) > 0 {
				lines <- line
			}
			if err != nil {
				return
			}
		}
	}()
	p := progress{out: os.Stdout, began: time.Now(), running: map[string]time.Time{}, said: map[string][]byte{}}
	still := time.NewTicker(stillEvery)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				if !p.end(time.Now()) {
					os.Exit(1)
				}
				return
			}
			p.line(line, time.Now())
		case now := <-still.C:
			p.still(now)
		}
	}
}

// event is an event of go test (go doc test2json), or of the build (go help buildjson).
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

type progress struct {
	out          io.Writer
	began, last  time.Time
	running      map[string]time.Time // packages, with their starts
	said         map[string][]byte    // output of each
	ended        int
	failed       []string
	buildFailure bool
}

func (p *progress) line(line []byte, now time.Time) {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" { // the go command's own output
		_, _ = p.out.Write(line)
		return
	}
	switch e.Action {
	case "start":
		p.running[e.Package] = now
	case "output":
		p.said[e.Package] = append(p.said[e.Package], e.Output...)
	case "build-output":
		fmt.Fprint(p.out, e.Output)
	case "build-fail":
		p.buildFailure = true
	case "pass", "fail", "skip":
		if e.Test == "" {
			p.packageEnded(&e, now)
		}
	}
}

func (p *progress) packageEnded(e *event, now time.Time) {
	p.last = now
	switch e.Action {
	case "pass":
		p.ended++
		fmt.Fprintf(p.out, "ok    %s  %.1f s\n", e.Package, e.Elapsed)
	case "fail":
		p.ended++
		p.failed = append(p.failed, e.Package)
		fmt.Fprintf(p.out, "%sFAIL  %s  %.1f s\n", p.said[e.Package], e.Package, e.Elapsed)
	}
	delete(p.running, e.Package)
	delete(p.said, e.Package)
}

// still names the running packages if none has ended for a while.
func (p *progress) still(now time.Time) {
	if len(p.running) == 0 || now.Sub(p.last) < stillEvery {
		return
	}
	var names []string
	for name, since := range p.running {
		names = append(names, fmt.Sprintf("%s (%d s)", name, int(now.Sub(since).Seconds())))
	}
	slices.Sort(names)
	fmt.Fprintf(p.out, "      %d packages done; running: %s\n", p.ended, strings.Join(names, ", "))
}

// end prints the totals, and reports whether all is well. A package that began and never ended has failed.
func (p *progress) end(now time.Time) bool {
	for name := range p.running {
		p.failed = append(p.failed, name)
	}
	fmt.Fprintf(p.out, "%d packages in %s", p.ended, now.Sub(p.began).Round(time.Second))
	if len(p.failed) > 0 {
		slices.Sort(p.failed)
		fmt.Fprintf(p.out, "; FAILED: %s", strings.Join(p.failed, ", "))
	}
	fmt.Fprintln(p.out)
	return len(p.failed) == 0 && !p.buildFailure && p.ended > 0
}
