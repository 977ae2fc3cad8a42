// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// observer is a program that watches an interface of a lab.
type observer struct {
	name    string   // for the table
	command []string // empty: nobody watches
}

// weirOn returns the agent on these interfaces.
func weirOn(weir string, interfaces ...string) observer {
	command := []string{weir, "run", "--mode", "ebpf", "--output", "none"}
	for _, i := range interfaces {
		command = append(command, "-i", i)
	}
	return observer{"weir", command}
}

// present returns the installed observers, and reports the others.
func present(t *table, observers ...observer) (there []observer) {
	for _, o := range observers {
		if len(o.command) > 0 {
			if _, err := exec.LookPath(o.command[0]); err != nil {
				t.skip(o.name, o.command[0]+" is not installed")
				continue
			}
		}
		there = append(there, o)
	}
	return there
}

// observation is a running observer.
type observation struct {
	*lab.Process
	output *program.Text
}

// start starts an observer, and waits until it watches.
func (o observer) start(h *lab.Host) (*observation, error) {
	if len(o.command) == 0 {
		return &observation{}, nil
	}
	w := &observation{output: &program.Text{}}
	c := exec.Command(o.command[0], o.command[1:]...)
	c.Stdout, c.Stderr = w.output, w.output
	var err error
	if w.Process, err = h.Start(c); err != nil {
		return nil, err
	}
	ended, watches := false, false
	wait.Reached(func() bool {
		_, ended = wait.Next(w.Done(), 0)
		watches = w.isWatching()
		return ended || watches
	})
	switch {
	case ended:
		return nil, fmt.Errorf("%s ended: %w: %s", o.name, errors.Join(w.Wait(), errEnded), w.output)
	case !watches:
		return nil, fmt.Errorf("%s does not start: %s", o.name, w.output)
	}
	unmeasured(200 * time.Millisecond) // its preparation is not part of the measurement
	return w, nil
}

// unmeasured excludes a time from a measurement, in which another program gets ready, or reads its buffers: no event
// reports the end of that.
func unmeasured(d time.Duration) { time.Sleep(d) }

var errEnded = errors.New("before it watched")

// isWatching: the agent logs it, the others have a packet socket.
func (w *observation) isWatching() bool {
	if strings.Contains(w.output.String(), "weir: watching ") {
		return true
	}
	sockets, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/packet", w.Process.Process.Pid))
	return err == nil && bytes.Count(sockets, []byte{'\n'}) > 1 // the first line is a heading
}

// stop ends the observer as a user does, and returns its output and its CPU time.
func (w *observation) stop() (string, cpuTime, error) {
	if w.Process == nil {
		return "", cpuTime{}, nil
	}
	if err := w.Process.Process.Signal(syscall.SIGINT); err != nil {
		return "", cpuTime{}, err
	}
	if _, ended := wait.Next(w.Done(), wait.Limit); !ended {
		_ = w.Stop(0)
		return "", cpuTime{}, fmt.Errorf("%s does not end", w.Path)
	}
	state := w.ProcessState
	return w.output.String(), cpuTime{state.UserTime().Seconds(), state.SystemTime().Seconds()}, nil
}

// cpuTime is in seconds, of the program and its children.
type cpuTime struct{ user, system float64 }

// summary holds the counts of the agent's last lines.
type summary struct{ packets, flows, looked, unparsed, uncounted uint64 }

var (
	summaryLine   = regexp.MustCompile(`weir: (\d+) packets, .* in (\d+) flows on .*; (\d+) packets were looked into`)
	unparsedLine  = regexp.MustCompile(`weir:   (\d+) packets that are not IP or can't be decoded`)
	uncountedLine = regexp.MustCompile(`weir:   (\d+) packets lost`)
)

func readSummary(text string) (s summary, err error) {
	m := summaryLine.FindStringSubmatch(text)
	if m == nil {
		return s, fmt.Errorf("no summary in %q", text)
	}
	for i, to := range []*uint64{&s.packets, &s.flows, &s.looked} {
		if *to, err = strconv.ParseUint(m[i+1], 10, 64); err != nil {
			return s, err
		}
	}
	for pattern, to := range map[*regexp.Regexp]*uint64{unparsedLine: &s.unparsed, uncountedLine: &s.uncounted} {
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			n, _ := strconv.ParseUint(m[1], 10, 64)
			*to += n
		}
	}
	return s, nil
}

// makeLab makes a lab, or reports why it cannot.
func makeLab(t *table, what string, make func() (*lab.Lab, error)) *lab.Lab {
	l, err := make()
	if err != nil {
		t.skip(what, err)
		return nil
	}
	return l
}
