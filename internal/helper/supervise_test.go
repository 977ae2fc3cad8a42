// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/sandbox"
)

// The test binary is its own agent: its first argument says how it behaves.
func TestMain(m *testing.M) {
	sandbox.Init()
	if sandbox.Inside() {
		os.Exit(agentMain(os.Args[1]))
	}
	os.Exit(m.Run())
}

func agentMain(role string) int {
	stop := sandbox.StopSignals()
	conn, err := sandbox.Conn()
	if err != nil {
		return 100
	}
	c, setup, err := NewClient(conn)
	if err != nil || setup.Mode != "test" {
		return 101
	}
	if _, err := sandbox.Confine(); err != nil {
		return 102
	}
	if _, _, err := c.Watch(Link{Index: 1, Name: "lo"}); err != nil {
		return 103
	}
	switch role {
	case "status":
		return 3
	case "crash":
		_ = unix.Tgkill(unix.Getpid(), unix.Getpid(), unix.SIGKILL)
	case "panic":
		panic("as asked")
	case "hang":
		select {}
	case "closed":
		c.Close()
		select {}
	case "stops and hangs":
		if c.Stopping() != nil {
			return 104
		}
		select {}
	case "done":
	default: // until told
		<-stop
		time.Sleep(50 * time.Millisecond) // a second signal comes meanwhile
	}
	if c.Retire([]uint32{1}) != nil || c.Stopping() != nil {
		return 105
	}
	return 0
}

// startAgent starts an agent and waits until its Watch has come.
func startAgent(t *testing.T, role string) (*sandbox.Child, *backend, chan os.Signal, <-chan error) {
	t.Helper()
	child, err := sandbox.Start(sandbox.Config{Args: []string{role}})
	if err != nil {
		t.Fatal(err)
	}
	if err := SendSetup(child.Conn, Setup{Mode: "test"}); err != nil {
		t.Fatal(err)
	}
	b := &backend{}
	signals, ended := make(chan os.Signal, 2), make(chan error, 1)
	go func() { ended <- supervise(child, b, signals) }()
	for deadline := time.Now().Add(10 * time.Second); len(b.take()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the agent doesn't watch")
		}
	}
	return child, b, signals, ended
}

func TestSupervise(t *testing.T) {
	for _, c := range []struct {
		role    string
		signals []os.Signal // to the helper
		own     bool        // the agent gets them as well, as from a terminal
		want    ExitError   // zero for none
		took    time.Duration
	}{
		{role: "done"},
		{role: "status", want: ExitError{Status: 3}},
		{role: "crash", want: ExitError{Signal: syscall.SIGKILL}},
		{role: "panic", want: ExitError{Status: 2}},
		{role: "told", signals: []os.Signal{unix.SIGTERM}},
		{role: "told", signals: []os.Signal{unix.SIGINT}, own: true},
		{role: "told", signals: []os.Signal{unix.SIGHUP}},
		{role: "hang", signals: []os.Signal{unix.SIGTERM}, want: ExitError{Signal: syscall.SIGKILL, Late: true}, took: grace},
		{role: "hang", signals: []os.Signal{unix.SIGINT, unix.SIGINT}, want: ExitError{Signal: syscall.SIGKILL, Late: true}},
		{role: "closed", want: ExitError{Signal: syscall.SIGKILL, Late: true}, took: grace},
		{role: "stops and hangs", want: ExitError{Signal: syscall.SIGKILL, Late: true}, took: grace},
	} {
		t.Run(fmt.Sprint(c.role, c.signals), func(t *testing.T) {
			t.Parallel()
			child, _, signals, ended := startAgent(t, c.role)
			begun := time.Now()
			for _, s := range c.signals {
				if c.own {
					_ = child.Signal(s)
				}
				signals <- s
			}
			var err error
			select {
			case err = <-ended:
			case <-time.After(grace + 5*time.Second):
				t.Fatal("supervise does not end")
			}
			took := time.Since(begun)
			var have ExitError
			if e := (*ExitError)(nil); errors.As(err, &e) {
				have = *e
			} else if err != nil {
				t.Error(err)
			}
			if have != c.want || took < c.took-100*time.Millisecond || took > c.took+2*time.Second {
				t.Errorf("%+v after %v, want %+v after %v", have, took, c.want, c.took)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("not one line: %q", err)
			}
			if err := child.Signal(unix.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("the agent is still there: %v", err)
			}
		})
	}
}

// TestRealSignal sends the signals to this process.
func TestRealSignal(t *testing.T) {
	child, err := sandbox.Start(sandbox.Config{Args: []string{"told"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := SendSetup(child.Conn, Setup{Mode: "test"}); err != nil {
		t.Fatal(err)
	}
	b, ended := &backend{}, make(chan error, 1)
	go func() { ended <- Supervise(child, b) }()
	for len(b.take()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := unix.Kill(unix.Getpid(), unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	wantCalls(t, b, "retire 1 from 1")
}

func TestExitErrors(t *testing.T) {
	for want, e := range map[string]ExitError{
		"agent ended with exit status 2":              {Status: 2},
		"agent was killed by signal 11 (SIGSEGV)":     {Signal: syscall.SIGSEGV},
		"agent did not stop within 2s and was killed": {Signal: syscall.SIGKILL, Late: true},
	} {
		if have := e.Error(); have != want {
			t.Errorf("%q, want %q", have, want)
		}
	}
}
