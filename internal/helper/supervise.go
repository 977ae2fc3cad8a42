// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/sandbox"
)

// An agent that was told to stop, or has closed its connection, is killed when it gives no sign of life for grace, and
// in any case after patience, which is below the 90 seconds that systemd grants (TimeoutStopSec).
const (
	grace    = 2 * time.Second
	patience = time.Minute
)

// sign is what is heard of an agent while it ends.
type sign uint8

const (
	agentAlive   sign = iota // it has got on
	helperAtWork             // it waits for its helper
	agentEnds                // it was told to stop, or has closed its connection
)

// ExitError is the end of an agent that did not end well.
type ExitError struct {
	Status int            // exit status, where it exited
	Signal syscall.Signal // signal that killed it, or 0
	Late   bool           // it was told to stop and did not, so the helper killed it
}

func (e *ExitError) Error() string {
	switch {
	case e.Late:
		return fmt.Sprintf("agent did not stop and was killed: a sign is due every %v, the end in %v", grace, patience)
	case e.Signal != 0:
		return fmt.Sprintf("agent was killed by signal %d (%s)", e.Signal, unix.SignalName(e.Signal))
	}
	return fmt.Sprintf("agent ended with exit status %d", e.Status)
}

// Supervise serves the agent and waits for its end, nil for one with exit status 0 and an *ExitError for any other.
// When this process gets SIGTERM, SIGINT or SIGHUP it passes SIGTERM on, and kills an agent that then hangs, or at the
// second signal. From a terminal, the agent gets SIGINT itself as well: see sandbox.StopSignals.
func Supervise(child *sandbox.Child, b Backend) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	defer signal.Stop(signals)
	return supervise(child, b, signals)
}

func supervise(child *sandbox.Child, b Backend, signals <-chan os.Signal) error {
	served, signs := make(chan error, 1), make(chan sign)
	hear := func(s sign) {
		select {
		case signs <- s:
		case <-child.Done():
		}
	}
	go func() {
		served <- newServer(b).serve(child.Conn, hear)
		hear(agentEnds)
	}()
	late := await(child, signals, signs)
	child.Conn.Close()
	return errors.Join(<-served, exitError(child, late)) // the backend is not in use any more
}

// process is an agent that runs.
type process interface {
	Signal(os.Signal) error
	Done() <-chan struct{}
}

// await waits for the agent's end. late says that it was killed.
func await(agent process, signals <-chan os.Signal, signs <-chan sign) (late bool) {
	var told bool
	var end time.Time             // when it has to have ended; zero: it may go on
	var deadline <-chan time.Time // of its next sign
	for {
		var s sign
		select {
		case <-agent.Done():
			return late
		case <-deadline:
			late = agent.Signal(unix.SIGKILL) == nil
			continue
		case <-signals:
			if told {
				late = agent.Signal(unix.SIGKILL) == nil
				continue
			}
			told, s = true, agentEnds
			_ = agent.Signal(unix.SIGTERM) // it may be ending already
		case s = <-signs:
		}
		next := grace
		switch {
		case s == agentEnds && end.IsZero():
			end = time.Now().Add(patience)
		case s == agentEnds || end.IsZero():
			continue
		case s == helperAtWork:
			next = patience
		}
		deadline = time.NewTimer(min(next, time.Until(end))).C // for a sign, which comes or not
	}
}

func exitError(child *sandbox.Child, late bool) error {
	state, err := child.Wait()
	if err != nil {
		return fmt.Errorf("wait for agent: %w", err)
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &ExitError{Signal: status.Signal(), Late: late && status.Signal() == unix.SIGKILL}
	}
	if code := state.ExitCode(); code != 0 {
		return &ExitError{Status: code}
	}
	return nil
}
