// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package wholeway

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

func TestMain(m *testing.M) {
	status := m.Run()
	program.Remove()
	os.Exit(status)
}

// system is a sink and an agent on one host, and another host that sends to it.
type system struct {
	t            *testing.T
	sender, host *lab.Host
	weir, sink   string // programs
	folder       string
	store        string // the sink's folder
	serving      *program.Program
	client       *control.Client
}

func newSystem(t *testing.T) *system {
	t.Helper()
	return newSystemIn(t, t.TempDir())
}

// newSystemIn makes one that keeps its files in a folder.
func newSystemIn(t *testing.T, folder string) *system {
	t.Helper()
	return newSystemOf(t, folder, filepath.Join(folder, "sink"), program.WeirSink(t))
}

// newSystemOf makes one whose sink is another program with a folder of its own.
func newSystemOf(t *testing.T, folder, data, sink string) *system {
	t.Helper()
	s := &system{t: t, sink: sink, folder: folder, store: data}
	s.weir, _ = program.Weir(t)
	s.sender, s.host = lab.NewPair(t)
	s.client = control.Dial(s.data())
	s.serve()
	command := strings.Fields(program.Sh(t, s.host, s.sink+" agent enrol gateway --data "+s.data()+" 2>/dev/null"))
	if len(command) != 4 || command[0] != "weir" {
		t.Fatalf("weir-sink agent enrol printed %q", command)
	}
	program.Sh(t, s.host, s.weir+" "+strings.Join(command[1:], " ")+" --state-dir "+s.state())
	return s
}

func (s *system) data() string  { return s.store }
func (s *system) state() string { return filepath.Join(s.folder, "agent") }

// serve starts the sink, and waits until it answers.
func (s *system) serve(flags ...string) {
	s.t.Helper()
	s.serving = program.Start(s.t, s.host, nil, append([]string{s.sink, "serve", "--data", s.data()}, flags...)...)
	wait.Until(s.t, "the sink answers", func() bool { return s.ask("status", nil, new(any)) == nil })
}

// watch starts the agent. It prints the reports that it sends.
func (s *system) watch(flags ...string) *program.Program {
	s.t.Helper()
	return program.Start(s.t, s.host, nil, append([]string{s.weir, "run", "-i", "eth0", "--output", "report",
		"--report-every", "1s", "--state-dir", s.state(), "--uplink", "on", "--socket", "none"}, flags...)...)
}

// ask asks the sink's API.
func (s *system) ask(path string, query url.Values, to any) error {
	return s.client.Get(s.t.Context(), "/api/v1/"+path+"?"+query.Encode(), to)
}

// waiting returns the reports in a spool.
func waiting(t *testing.T, folder string) (all []spool.Report) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "spool")
	if err := os.CopyFS(copied, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(copied, spool.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for { // each time those of one encoding
		some, err := s.Oldest(1<<16, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			return all
		}
		all = append(all, some...)
		for _, r := range some {
			if err := s.Done(r.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// sums are those of the API, and of a report's totals.
type sums struct{ bytes, packets uint64 }

// between returns the sink's sums of a time range.
func (s *system) between(from, to string) (sums, error) {
	var answer struct {
		Total struct {
			Up      uint64 `json:"up_bytes"`
			Down    uint64 `json:"down_bytes"`
			Packets uint64
		}
	}
	err := s.ask("top", url.Values{"by": {"proto"}, "from": {from}, "to": {to}}, &answer)
	return sums{answer.Total.Up + answer.Total.Down, answer.Total.Packets}, err
}

// gateway is what the API says of the agent.
type gateway struct {
	Epoch             string
	Sequence, Missing uint64
}

// gateway asks for the only agent; without it or an answer that is zero.
func (s *system) gateway() gateway {
	var answer struct{ Rows []gateway }
	if s.ask("agents", nil, &answer) != nil || len(answer.Rows) != 1 {
		return gateway{}
	}
	return answer.Rows[0]
}

// known waits until the sink has an agent's report of that sequence, and none is missing.
func (s *system) known(sequence uint64) gateway {
	s.t.Helper()
	var g gateway
	ok := wait.Reached(func() bool {
		g = s.gateway()
		return g.Sequence >= sequence && g.Missing == 0
	})
	if !ok {
		s.t.Fatalf("the sink has report %d, and misses %d, of %d", g.Sequence, g.Missing, sequence)
	}
	return g
}

// interval is the part of a report that these tests read.
type interval struct {
	Epoch    string
	Sequence uint64
	Last     bool
	Period   struct{ Begin, End string }
	Health   struct {
		Uplink struct {
			Lost []struct{ First, Last uint64 }
		}
	}
	Totals struct {
		Protocols []struct {
			Packets     uint64
			ClientBytes uint64 `json:"client_bytes"`
			ServerBytes uint64 `json:"server_bytes"`
		}
	}
}

func (i *interval) sums() (n sums) {
	for _, p := range i.Totals.Protocols {
		n.bytes += p.ClientBytes + p.ServerBytes
		n.packets += p.Packets
	}
	return n
}

// intervals reads the whole reports in a text.
func intervals(t *testing.T, text string) (all []interval) {
	t.Helper()
	for line := range strings.Lines(text[:strings.LastIndexByte(text, '\n')+1]) {
		var one interval
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%v: %.200s", err, line)
		}
		all = append(all, one)
	}
	return all
}

// talk sends datagrams of many flows until the returned function is called.
func (s *system) talk() (stop func()) {
	ctx, cancel := context.WithCancel(s.t.Context())
	var sending sync.WaitGroup
	sending.Go(func() {
		if err := s.sender.Do(func() error { return send(ctx, s.host.Addr4) }); err != nil {
			s.t.Error(err)
		}
	})
	stop = func() { cancel(); sending.Wait() }
	s.t.Cleanup(stop)
	return stop
}

// send sends datagrams: one flow lives on, the others are short.
func send(ctx context.Context, peer netip.Addr) error {
	to := &net.UDPAddr{IP: peer.AsSlice(), Port: 9000}
	steady, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return err
	}
	defer steady.Close()
	for n := 0; ctx.Err() == nil; n++ {
		short, err := net.ListenUDP("udp4", nil)
		if err != nil {
			return err
		}
		for range 5 { // the receiver refuses, so each write may return an error of an earlier one
			_, _ = short.WriteToUDP(make([]byte, 100+n%900), to)
			_, _ = steady.WriteToUDP(make([]byte, 50), to)
		}
		short.Close()
		time.Sleep(2 * time.Millisecond) // a load, not a flood; nothing depends on its rate
	}
	return nil
}
