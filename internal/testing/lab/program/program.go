// SPDX-License-Identifier: Apache-2.0

// Package program starts programs on the hosts of a lab, foremost weir, for tests of the output and behaviour of a real
// process.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// Text is a program's output so far.
type Text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (x *Text) Write(b []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(b)
}

func (x *Text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// Tail returns the end of a long text.
func Tail(s string) string { return s[max(0, len(s)-4000):] }

// Sh runs shell lines in a host, each of which has to succeed.
func Sh(t testing.TB, h *lab.Host, lines ...string) string {
	t.Helper()
	text, err := h.Run(context.Background(), "sh", "-ec", strings.Join(lines, "\n"))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return text
}

// Program is a running program. The end of the test kills it with its children, and prints its output if the test
// failed.
type Program struct {
	*lab.Process
	T      testing.TB
	Said   *Text   // standard error
	Stdout *Output // standard output, unless redirected
}

// Output is a program's standard output so far, in a file: a writer to a file never waits for the test.
type Output struct {
	t    testing.TB
	path string
}

func (o *Output) String() string {
	o.t.Helper()
	text, err := os.ReadFile(o.path)
	if err != nil {
		o.t.Error(err)
	}
	return string(text)
}

// Start starts a program; its standard output goes to a writer, or with nil to Stdout.
func Start(t testing.TB, h *lab.Host, stdout io.Writer, command ...string) *Program {
	t.Helper()
	p := &Program{T: t, Said: &Text{}, Stdout: &Output{t, filepath.Join(t.TempDir(), "stdout")}}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = stdout, p.Said
	if stdout == nil {
		file, err := os.Create(p.Stdout.path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close() // the program has its own
		cmd.Stdout = file
	}
	var err error
	if p.Process, err = h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	// On a machine that is busy with other work it has its CPU, so that no ring overflows for want of one. Without the
	// right it goes on as it is.
	_ = unix.Setpriority(unix.PRIO_PGRP, p.PID(), -15)
	t.Cleanup(func() {
		_ = unix.Kill(-p.PID(), unix.SIGKILL)
		if t.Failed() {
			t.Logf("%s said:\n%s", strings.Join(command[1:], " "), Tail(p.Said.String()))
		}
	})
	return p
}

// PID returns its process ID, which is also its process group's.
func (p *Program) PID() int { return p.Process.Process.Pid }

// Await waits until the program has written words to standard error.
func (p *Program) Await(words string) {
	p.T.Helper()
	if !p.Within(wait.Limit, func() bool { return strings.Contains(p.Said.String(), words) }) {
		p.T.Fatalf("weir did not say %q, but\n%s", words, p.Said)
	}
}

// Within reports whether a condition holds before a time has passed or the program has ended.
func (p *Program) Within(limit time.Duration, is func() bool) bool {
	so := false
	wait.Within(limit, func() bool {
		ended := p.Ended() // before the check: after the end nothing changes
		so = is()
		return so || ended
	})
	return so
}

// Ended reports whether it has ended.
func (p *Program) Ended() bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// End waits for the program's end and returns its exit status, -1 for a signal.
func (p *Program) End(limit time.Duration) int {
	p.T.Helper()
	if _, ended := wait.Next(p.Done(), limit); !ended {
		p.T.Fatalf("weir runs on after %v; it said\n%s", limit, p.Said)
	}
	var exit *exec.ExitError
	if err := p.Wait(); errors.As(err, &exit) {
		return exit.ExitCode()
	} else if err != nil {
		p.T.Fatal(err)
	}
	return 0
}

// Children returns the PIDs of a process's children: weir's are the confined process and, in mode libpcap, the
// capturing one.
func Children(pid int) (all []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks { // any thread may have forked
		text, _ := os.ReadFile(task)
		for _, field := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(field); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}

// Number returns the number before words in the program's output, or 0.
func (p *Program) Number(words string) uint64 {
	m := regexp.MustCompile(`(\d+) ` + regexp.QuoteMeta(words)).FindStringSubmatch(p.Said.String())
	if m == nil {
		return 0
	}
	n, err := strconv.ParseUint(m[1], 10, 64)
	if err != nil {
		p.T.Fatal(err)
	}
	return n
}

// weir's lines, at its end, about packets off the usual path.
const (
	SaidRingFull  = "packets counted but not inspected: no room in the ring to the worker"
	SaidUnread    = "packets counted but not inspected: their flow had ended early"
	SaidRingLost  = "packets lost: no room in the ring to the worker"
	SaidMapFull   = "packets counted by the workers: no flow counter was free (--max-flows)"
	SaidUncounted = "packets lost: neither a flow counter was free nor room in the ring"
	SaidRefused   = "packets in no flow: the table was full (--max-flows)"
)

// Lost returns the packets that weir reports in no flow, and the causes in words.
func (p *Program) Lost() (n uint64, causes string) {
	for _, words := range []string{SaidRingLost, SaidUncounted, SaidRefused} {
		if some := p.Number(words); some > 0 {
			n += some
			causes += fmt.Sprintf(", %d %s", some, words)
		}
	}
	return n, strings.TrimPrefix(causes, ", ")
}
