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

// After a stop request, or after closing its connection, an agent is killed if it gives no sign of life for grace, and
// in any case after patience, which is below systemd's 90 seconds (TimeoutStopSec). Signals within together are one: a
// terminal and timeout(1) signal the process group, too.
const grace, patience, together = 2 * time.Second, time.Minute, 500 * time.Millisecond

// sign is an event during the agent's end.
type sign uint8

const (
	agentAlive   sign = iota // it has made progress
	helperAtWork             // it waits for its helper
	agentThere               // it has spoken
	agentEnds                // it got a stop request, or has closed its connection
)

// ExitError is the failure of an agent.
type ExitError struct {
	Status int            // exit status, if it exited
	Signal syscall.Signal // the signal that killed it, or 0
	Late   bool           // the helper killed it because it did not stop, or at a second signal
}

func (e *ExitError) Error() string {
	switch {
	case e.Late:
		return fmt.Sprintf("agent did not stop and was killed: a sign is due every %v, the end in %v; "+
			"a second signal kills", grace, patience)
	case e.Signal != 0:
		return fmt.Sprintf("agent was killed by signal %d (%s)", e.Signal, unix.SignalName(e.Signal))
	}
	return fmt.Sprintf("agent ended with exit status %d", e.Status)
}

// Supervise serves the agent and waits for its end: nil for exit status 0, an *ExitError for any other. It turns
// SIGTERM, SIGINT and, unless it reloads, SIGHUP to this process into a SIGTERM, and kills an agent that hangs after
// it, or at the second signal. From a terminal, the agent also gets the SIGINT itself: see sandbox.StopSignals.
func Supervise(child *sandbox.Child, b Backend, service Service) error {
	signals := service.Early
	if signals == nil {
		signals = make(chan os.Signal, 2)
	}
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	if service.Restart != nil {
		signal.Notify(signals, unix.SIGUSR2)
	}
	defer signal.Stop(signals)
	return supervise(child, b, service, signals)
}

func supervise(child *sandbox.Child, b Backend, service Service, signals <-chan os.Signal) error {
	served, signs := make(chan error, 1), make(chan sign)
	hear := func(s sign) {
		if s == agentAlive && service.Alive != nil {
			service.Alive()
		}
		select {
		case signs <- s:
		case <-child.Done():
		}
	}
	go func() {
		served <- newServer(b, service).serve(child.Conn, hear)
		hear(agentEnds)
	}()
	killed := await(child, &service, signals, signs)
	child.Conn.Close()
	return errors.Join(<-served, exitError(child, killed)) // the backend is no longer in use
}

// process is a running agent.
type process interface {
	Signal(os.Signal) error
	Done() <-chan struct{}
}

// await waits for the agent's end. killed means that it was killed.
func await(agent process, service *Service, signals <-chan os.Signal, signs <-chan sign) (killed bool) {
	var stopped time.Time         // when the first signal came
	var end time.Time             // when it has to have ended; zero: it may run
	var deadline <-chan time.Time // of its next sign
	restarts := false
	var ready <-chan time.Time // signals wait for that long, or for the agent
	given := signals
	if service.Early != nil {
		ready, signals = time.After(grace), nil
	}
	for {
		var s sign
		select {
		case <-agent.Done():
			return killed
		case <-deadline:
			killed = agent.Signal(unix.SIGKILL) == nil
			continue
		case <-ready:
			signals = given
			continue
		case got := <-signals:
			if got == unix.SIGHUP && service.HangupReloads {
				_ = agent.Signal(unix.SIGHUP)
				continue
			}
			if got == unix.SIGUSR2 {
				var tell syscall.Signal
				if stopped.IsZero() {
					tell, restarts = service.Restart()
				}
				if tell == 0 {
					continue
				}
				stopped, s = time.Now(), agentEnds
				_ = agent.Signal(tell)
				break
			}
			if restarts { // a next signal kills
				restarts, stopped = false, time.Now()
				service.StopLater()
				continue
			}
			if !stopped.IsZero() {
				killed = killed || time.Since(stopped) >= together && agent.Signal(unix.SIGKILL) == nil
				continue
			}
			stopped, s = time.Now(), agentEnds
			_ = agent.Signal(unix.SIGTERM) // it may already be ending
		case s = <-signs:
		}
		if s == agentThere {
			signals = given
			continue
		}
		next := grace
		switch {
		case s == agentEnds && end.IsZero():
			if service.Ending != nil {
				service.Ending()
			}
			end = time.Now().Add(patience)
		case s == agentEnds || end.IsZero():
			continue
		case s == helperAtWork:
			next = patience
		}
		deadline = time.NewTimer(min(next, time.Until(end))).C // for a sign, which may not come
	}
}

func exitError(child *sandbox.Child, killed bool) error {
	state, err := child.Wait()
	if err != nil {
		return fmt.Errorf("wait for agent: %w", err)
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return &ExitError{Signal: status.Signal(), Late: killed && status.Signal() == unix.SIGKILL}
	}
	if code := state.ExitCode(); code != 0 {
		return &ExitError{Status: code}
	}
	return nil
}
