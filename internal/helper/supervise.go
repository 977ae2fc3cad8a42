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

// grace is how long an agent that was asked to stop, or said that it is stopping, may take to end by itself.
const grace = 2 * time.Second

// ExitError is the end of an agent that did not end well.
type ExitError struct {
	Status int            // exit status, where it exited
	Signal syscall.Signal // signal that killed it, or 0
	Late   bool           // it was told to stop and did not, so the helper killed it
}

func (e *ExitError) Error() string {
	switch {
	case e.Late:
		return fmt.Sprintf("agent did not stop within %v and was killed", grace)
	case e.Signal != 0:
		return fmt.Sprintf("agent was killed by signal %d (%s)", e.Signal, unix.SignalName(e.Signal))
	}
	return fmt.Sprintf("agent ended with exit status %d", e.Status)
}

// Supervise serves the agent and waits for its end, nil for one with exit status 0 and an *ExitError for any other. When this process
// gets SIGTERM, SIGINT or SIGHUP it passes SIGTERM on, and kills the agent if it does not end within two seconds, or at the second
// signal. From a terminal, the agent gets SIGINT itself as well: see sandbox.StopSignals.
func Supervise(child *sandbox.Child, b Backend) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	defer signal.Stop(signals)
	return supervise(child, b, signals)
}

func supervise(child *sandbox.Child, b Backend, signals <-chan os.Signal) error {
	served := make(chan error, 1)
	go func() { served <- Serve(child.Conn, b) }()
	var serveErr error
	var late bool
	var deadline <-chan time.Time // set once the agent has to end
	kill := func() { late = child.Signal(unix.SIGKILL) == nil }
	for ended, told := false, false; !ended; {
		select {
		case <-signals:
			if told {
				kill()
				continue
			}
			told = true
			_ = child.Signal(unix.SIGTERM) // it may be ending already
			deadline = time.After(grace)
		case serveErr = <-served:
			served = nil
			if deadline == nil {
				deadline = time.After(grace)
			}
		case <-deadline:
			kill()
		case <-child.Done():
			ended = true
		}
	}
	child.Conn.Close()
	if served != nil { // the backend is not in use any more when this returns
		serveErr = <-served
	}
	return errors.Join(serveErr, exitError(child, late))
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
