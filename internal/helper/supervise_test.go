// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// The test binary is its own agent: its first argument is its role.
func TestMain(m *testing.M) {
	sandbox.Init()
	if sandbox.Inside() {
		os.Exit(agentMain(os.Args[1]))
	}
	os.Exit(m.Run())
}

func agentMain(role string) int {
	stop, signals := sandbox.StopSignals(), make(chan os.Signal, 2)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM)
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
	case "slow": // takes twice as long as the limit without a sign
		<-stop
		sign := time.Tick(grace / 20)
		for range 40 {
			if <-sign; c.Alive() != nil {
				return 104
			}
		}
	case "done":
	case "stopped twice": // by the terminal, and by its helper
		for range 2 {
			<-signals
		}
		<-stop
	default: // until the stop request
		<-stop
	}
	if c.Retire([]uint32{1}) != nil || c.Alive() != nil {
		return 105
	}
	return 0
}

// startAgent starts an agent and waits for its first Watch.
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
	go func() { ended <- supervise(child, b, Service{}, signals) }()
	wait.Until(t, "the agent watches", func() bool { return len(b.take()) > 0 })
	return child, b, signals, ended
}

func TestSupervise(t *testing.T) {
	for _, c := range []struct {
		role    string
		signals []os.Signal // to the helper
		own     bool        // the agent gets them too, as from a terminal
		want    ExitError   // zero: no error
		took    time.Duration
	}{
		{role: "done"},
		{role: "status", want: ExitError{Status: 3}},
		{role: "crash", want: ExitError{Signal: syscall.SIGKILL}},
		{role: "panic", want: ExitError{Status: 2}},
		{role: "stopped", signals: []os.Signal{unix.SIGTERM}},
		{role: "stopped twice", signals: []os.Signal{unix.SIGINT}, own: true},
		{role: "stopped", signals: []os.Signal{unix.SIGHUP}},
		{role: "hang", signals: []os.Signal{unix.SIGTERM}, want: ExitError{Signal: syscall.SIGKILL, Late: true},
			took: grace},
		{role: "hang", signals: []os.Signal{unix.SIGINT, unix.SIGINT}, want: ExitError{Signal: syscall.SIGKILL,
			Late: true}},
		{role: "closed", want: ExitError{Signal: syscall.SIGKILL, Late: true}, took: grace},
		{role: "slow", signals: []os.Signal{unix.SIGTERM}, took: 2 * grace},
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
			err := wait.For(t, "supervise ends", ended)
			took := time.Since(begun)
			var have ExitError
			if e := (*ExitError)(nil); errors.As(err, &e) {
				have = *e
			} else if err != nil {
				t.Error(err)
			}
			if have != c.want || took < c.took-100*time.Millisecond {
				t.Errorf("%+v after %v, want %+v after at least %v", have, took, c.want, c.took)
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
	child, err := sandbox.Start(sandbox.Config{Args: []string{"stopped"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := SendSetup(child.Conn, Setup{Mode: "test"}); err != nil {
		t.Fatal(err)
	}
	b, ended := &backend{}, make(chan error, 1)
	go func() { ended <- Supervise(child, b, Service{}) }()
	wait.Until(t, "the agent watches", func() bool { return len(b.take()) > 0 })
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
		"agent ended with exit status 2":          {Status: 2},
		"agent was killed by signal 11 (SIGSEGV)": {Signal: syscall.SIGSEGV},
		"agent did not stop and was killed: a sign is due every 2s, the end in 1m0s; a second signal kills": {
			Signal: syscall.SIGKILL, Late: true},
	} {
		if have := e.Error(); have != want {
			t.Errorf("%q, want %q", have, want)
		}
	}
}

// fakeAgent ends when it is killed, and at a stop request if it obeys.
type fakeAgent struct {
	obeys bool
	done  chan struct{}
	got   []os.Signal
}

func (a *fakeAgent) Signal(s os.Signal) error {
	if a.got = append(a.got, s); s == unix.SIGKILL || a.obeys {
		close(a.done)
	}
	return nil
}

func (a *fakeAgent) Done() <-chan struct{} { return a.done }

// TestAwait: an agent that gives signs has a minute to end, one without signs two seconds; nobody else has a limit.
func TestAwait(t *testing.T) {
	type at struct {
		after time.Duration // since the previous event
		what  any           // os.Signal, sign, or "ends"
	}
	every := func(pause time.Duration, n int, s sign) (all []at) {
		for range n {
			all = append(all, at{pause, s})
		}
		return all
	}
	const second = time.Second
	for name, c := range map[string]struct {
		obeys  bool
		script []at
		late   bool
		took   time.Duration
	}{
		"obeys":          {obeys: true, script: []at{{second, unix.SIGTERM}}, took: second},
		"ends by itself": {script: []at{{time.Hour, "ends"}}, took: time.Hour},
		"signs before the request": {script: append(every(second, 100, agentAlive), at{time.Hour, "ends"}),
			took: time.Hour + 100*second},
		"silent":                  {script: []at{{second, unix.SIGTERM}}, late: true, took: second + grace},
		"silent, connection gone": {script: []at{{second, agentEnds}}, late: true, took: second + grace},
		"stopped twice":           {script: []at{{0, unix.SIGINT}, {second, unix.SIGINT}}, late: true, took: second},
		"one signal, twice": {script: []at{{0, unix.SIGINT}, {together - 1, unix.SIGINT}, {second, "ends"}},
			took: second + together - 1},
		"stopped when gone": {script: []at{{0, agentEnds}, {second, unix.SIGINT}}, late: true, took: grace},
		"stopped, gone, stopped": {script: []at{{0, unix.SIGINT}, {second, agentEnds}, {second / 2, unix.SIGINT}},
			late: true, took: 3 * second / 2},
		"slow": {
			script: append(append([]at{{0, unix.SIGTERM}}, every(1900*time.Millisecond, 20, agentAlive)...),
				at{second, "ends"}), took: 39 * second},
		"slow, then silent": {script: append([]at{{0, unix.SIGTERM}}, every(second, 10, agentAlive)...),
			late: true, took: 10*second + grace},
		"slow for ever": {script: append([]at{{0, unix.SIGTERM}}, every(second, 100, agentAlive)...),
			late: true, took: patience},
		"helper slow": {script: []at{{0, unix.SIGTERM}, {second, helperAtWork}, {20 * second, agentAlive},
			{second, "ends"}}, took: 22 * second},
		"helper slow, then silent": {script: []at{{0, unix.SIGTERM}, {second, helperAtWork}, {20 * second, agentAlive}},
			late: true, took: 21*second + grace},
		"helper slow for ever": {script: []at{{0, unix.SIGTERM}, {second, helperAtWork}}, late: true, took: patience},
		"helper slow before": {script: []at{{0, helperAtWork}, {time.Hour, agentAlive}, {second, unix.SIGTERM}},
			late: true, took: time.Hour + second + grace},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agent := &fakeAgent{obeys: c.obeys, done: make(chan struct{})}
				signals, signs := make(chan os.Signal), make(chan sign)
				go func() {
					for _, s := range c.script {
						wait.Pass(s.after)
						switch what := s.what.(type) {
						case os.Signal:
							signals <- what
						case sign:
							select {
							case signs <- what:
							case <-agent.done:
								return
							}
						default:
							close(agent.done)
						}
					}
				}()
				begun := time.Now()
				late := await(agent, &Service{}, signals, signs)
				if took := time.Since(begun); late != c.late || took != c.took {
					t.Errorf("late %v after %v, want %v after %v; it got %v", late, took, c.late, c.took, agent.got)
				}
			})
		})
	}
}

// TestAwaitRestart: a restart is asked for once, the end during it waits for the next weir, and a second such signal
// kills.
func TestAwaitRestart(t *testing.T) {
	for name, c := range map[string]struct {
		refused, late bool
		signals       []os.Signal
		want          []os.Signal
		later         int
	}{
		"once":    {signals: []os.Signal{unix.SIGUSR2}, want: []os.Signal{unix.SIGUSR2}},
		"twice":   {signals: []os.Signal{unix.SIGUSR2, unix.SIGUSR2}, want: []os.Signal{unix.SIGUSR2}},
		"refused": {refused: true, signals: []os.Signal{unix.SIGUSR2}},
		"refused, stopped": {refused: true, signals: []os.Signal{unix.SIGUSR2, unix.SIGTERM},
			want: []os.Signal{unix.SIGTERM}},
		"while it stops": {signals: []os.Signal{unix.SIGTERM, unix.SIGUSR2}, want: []os.Signal{unix.SIGTERM}},
		"stopped meanwhile": {signals: []os.Signal{unix.SIGUSR2, unix.SIGTERM},
			want: []os.Signal{unix.SIGUSR2}, later: 1},
		"killed meanwhile": {signals: []os.Signal{unix.SIGUSR2, unix.SIGTERM, unix.SIGTERM}, late: true, later: 1,
			want: []os.Signal{unix.SIGUSR2, unix.SIGKILL}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agent := &fakeAgent{done: make(chan struct{})}
				signals, later := make(chan os.Signal), 0
				go func() {
					for _, s := range c.signals {
						wait.Pass(together)
						signals <- s
					}
					if !c.late {
						wait.Pass(together)
						close(agent.done)
					}
				}()
				late := await(agent, &Service{StopLater: func() { later++ }, Restart: func() (syscall.Signal, bool) {
					if c.refused {
						return 0, false
					}
					return unix.SIGUSR2, true
				}}, signals, make(chan sign))
				if late != c.late || later != c.later || !slices.Equal(agent.got, c.want) {
					t.Errorf("late %t, it got %v, %d requests for later", late, agent.got, later)
				}
			})
		})
	}
}

// TestAwaitEarly: signals wait until an agent with flows from before has spoken, but not for ever.
func TestAwaitEarly(t *testing.T) {
	for _, speaks := range []time.Duration{0, grace / 2, 2 * grace} {
		synctest.Test(t, func(t *testing.T) {
			agent := &fakeAgent{obeys: true, done: make(chan struct{})}
			early, signs, spoke := make(chan os.Signal, 1), make(chan sign), make(chan struct{})
			early <- unix.SIGTERM
			go func() {
				defer close(spoke)
				wait.Pass(speaks)
				select {
				case signs <- agentThere:
				case <-agent.done:
				}
			}()
			begun := time.Now()
			late := await(agent, &Service{Early: early}, early, signs)
			if late || !slices.Equal(agent.got, []os.Signal{unix.SIGTERM}) {
				t.Errorf("it got %v", agent.got)
			}
			if took := time.Since(begun); took != min(speaks, grace) {
				t.Errorf("it speaks after %v, and gets the signal after %v", speaks, took)
			}
			<-spoke
		})
	}
}
