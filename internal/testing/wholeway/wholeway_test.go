// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package wholeway

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// TestEveryInterval: the sink's answer for each interval is what weir counted in it, to the byte.
func TestEveryInterval(t *testing.T) {
	s := newSystem(t)
	agent := s.watch()
	agent.Await("watching")
	stop := s.talk()
	wait.Until(t, "weir has made five reports", func() bool { return strings.Count(agent.Stdout.String(), "\n") >= 5 })
	stop()
	end(agent)
	all := intervals(t, agent.Stdout.String())
	last := all[len(all)-1]
	if !last.Last {
		t.Error("the last report is missing")
	}
	if g := s.known(last.Sequence); g.Epoch != last.Epoch || g.Sequence != last.Sequence {
		t.Errorf("the sink has report %d of epoch %s, want %d of %s", g.Sequence, g.Epoch, last.Sequence, last.Epoch)
	}
	var total sums
	for i := range all {
		total.bytes, total.packets = total.bytes+all[i].sums().bytes, total.packets+all[i].sums().packets
		s.compare(&all[i])
	}
	if total.packets < 100 {
		t.Errorf("only %d packets were counted", total.packets)
	}
	if got, err := s.between(all[0].Period.Begin, last.Period.End); err != nil || got != total {
		t.Errorf("over all intervals the sink has %v, weir counted %v (%v)", got, total, err)
	}
}

// TestCompression: reports of each compression, and several in one spool, reach the sink whole.
func TestCompression(t *testing.T) {
	s := newSystem(t)
	kill := func() {
		if err := s.serving.Process.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		wait.For(t, "the end of the sink", s.serving.Done())
	}
	stop := s.talk()
	var all []interval
	for n, kind := range []string{"none", "gzip", "zstd", "gzip", "none"} {
		if n == 2 { // the others meet in the spool
			kill()
		}
		agent := s.watch("--compression", kind)
		wait.Until(t, "weir reports", func() bool { return strings.Count(agent.Stdout.String(), "\n") >= 2 })
		end(agent)
		all = append(all, intervals(t, agent.Stdout.String())...)
		if n < 2 {
			s.known(all[len(all)-1].Sequence)
		}
	}
	stop()
	kinds := map[compress.Encoding]bool{}
	for _, r := range waiting(t, filepath.Join(s.state(), "spool")) {
		kinds[r.Encoding] = true
	}
	if len(kinds) != 3 {
		t.Errorf("the spool has only reports of %v", kinds)
	}
	s.serve()
	agent := s.watch()
	agent.Await("watching")
	end(agent)
	all = append(all, intervals(t, agent.Stdout.String())...)
	s.known(all[len(all)-1].Sequence)
	for i := range all {
		s.compare(&all[i])
	}
}

// compare compares the sink's sums of an interval with the agent's.
func (s *system) compare(i *interval) {
	s.t.Helper()
	if got, err := s.between(i.Period.Begin, i.Period.End); err != nil || got != i.sums() {
		s.t.Errorf("interval %d: the sink has %v, weir counted %v (%v)", i.Sequence, got, i.sums(), err)
	}
}

// end stops an agent.
func end(agent *program.Program) {
	agent.T.Helper()
	if err := agent.Process.Process.Signal(unix.SIGTERM); err != nil {
		agent.T.Fatal(err)
	}
	if status := agent.End(2 * time.Minute); status != 0 {
		agent.T.Fatalf("weir ended with %d; it said\n%s", status, agent.Said)
	}
}

// kills is how often TestKills kills, by WEIR_UPLINK_KILLS: 50 without it.
func kills(t *testing.T) int {
	text, ok := os.LookupEnv("WEIR_UPLINK_KILLS")
	if !ok {
		return 50
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("WEIR_UPLINK_KILLS=%s: must be a number from 1 on", text)
	}
	return n
}

// TestKills kills each of the processes at random moments under load: no closed interval is lost, and none is doubled.
func TestKills(t *testing.T) {
	s := newSystem(t)
	stop := s.talk()
	reports := map[uint64]interval{} // what weir has printed, by sequence
	var epoch string
	note := func(agent *program.Program) {
		for _, i := range intervals(t, agent.Stdout.String()) {
			if epoch != "" && i.Epoch != epoch {
				t.Errorf("a kill began epoch %s", i.Epoch)
			}
			epoch = i.Epoch
			// A report that was printed and not spooled has no place in the sink: the next one has its number.
			reports[i.Sequence] = i
		}
	}
	agent := s.watch()
	victims := [...]string{"helper", "workers", "ship", "sink", "agent"}
	for n := range kills(t) {
		victim := victims[n%len(victims)]
		if n%2 == 0 {
			agent.Await("watching")
		}
		time.Sleep(rand.N(1500 * time.Millisecond)) // a kill may come at any moment, an interval takes a second
		if s.kill(victim, agent) {
			note(agent)
			agent = s.watch()
		}
		if t.Failed() {
			return
		}
	}
	agent.Await("watching")
	stop()
	end(agent)
	note(agent)
	highest := uint64(0)
	for sequence := range reports {
		highest = max(highest, sequence)
	}
	s.known(highest) // none is missing
	for _, i := range reports {
		s.compare(&i)
	}
	t.Logf("%d kills, %d reports of epoch %s, the last one %d", kills(t), len(reports), epoch, highest)
}

// kill kills a process, and reports whether the agent has to be started again. A sink is.
func (s *system) kill(victim string, agent *program.Program) (isAgentGone bool) {
	s.t.Helper()
	switch victim {
	case "sink":
		if err := s.serving.Process.Process.Kill(); err != nil {
			s.t.Fatal(err)
		}
		wait.For(s.t, "the end of the sink", s.serving.Done())
		s.serve()
		return false
	case "ship":
		if pid := child(agent.PID(), "weir-ship"); pid > 0 {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		return false
	case "workers":
		if pid := child(agent.PID(), "weir-agent"); pid > 0 {
			_ = unix.Kill(pid, unix.SIGKILL)
		} else { // it has none yet
			_ = unix.Kill(-agent.PID(), unix.SIGKILL)
		}
	case "helper":
		_ = unix.Kill(agent.PID(), unix.SIGKILL)
	default:
		_ = unix.Kill(-agent.PID(), unix.SIGKILL)
	}
	if _, ended := wait.Next(agent.Done(), wait.Limit); !ended {
		s.t.Fatalf("weir runs on after a kill of %s; it said\n%s", victim, agent.Said)
	}
	wait.Until(s.t, "all of weir's processes are gone", func() bool { return !usesSpool(s.state()) })
	return true
}

// child returns the child of a process with that name, 0 without it.
func child(pid int, name string) int {
	all := program.Children(pid)
	i := slices.IndexFunc(all, func(pid int) bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		return strings.TrimSpace(string(text)) == name
	})
	if i < 0 {
		return 0
	}
	return all[i]
}

// usesSpool reports whether a process has a file of the agent's state open.
func usesSpool(state string) bool {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	return slices.ContainsFunc(links, func(link string) bool {
		to, _ := os.Readlink(link)
		return strings.HasPrefix(to, state)
	})
}
