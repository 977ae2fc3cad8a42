// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
)

// size returns a test's amount of work: small by default, else from a variable that scripts/soak sets.
func size(variable string, small int) int {
	text := os.Getenv(variable)
	if text == "" {
		return small
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		panic(fmt.Sprintf("%s=%q is no number of at least 1", variable, text))
	}
	return n
}

var (
	kills      = size("WEIR_SOAK_KILLS", 25)          // of weir, in each mode
	datagrams  = size("WEIR_SOAK_DATAGRAMS", 100_000) // forwarded meanwhile, in each mode
	stopped    = time.Duration(size("WEIR_SOAK_STOPPED", 2)) * time.Second
	flood      = time.Duration(size("WEIR_SOAK_FLOOD", 10)) * time.Second
	flaps      = size("WEIR_SOAK_FLAPS", 100)
	links      = size("WEIR_SOAK_LINKS", 200)
	restarts   = size("WEIR_SOAK_RESTARTS", 3)        // in place
	liveFlows  = size("WEIR_SOAK_RESTART_FLOWS", 500) // meanwhile
	throughput = os.Getenv("WEIR_SOAK_THROUGHPUT")    // seconds of each measurement; not measured by default
)

// result is a line of a test's findings.
type result struct {
	Check, Case string
	Passed      bool
	Found       string
	Seconds     float64
}

var results struct {
	sync.Mutex
	all []result
}

// report stores a test's finding at its end.
func report(t testing.TB, check, kind string, found *string) {
	began := time.Now()
	t.Cleanup(func() {
		results.Lock()
		defer results.Unlock()
		results.all = append(results.all, result{check, kind, !t.Failed(), *found, time.Since(began).Round(
			time.Millisecond).Seconds()})
		t.Log(*found)
	})
}

// writeResults writes the findings as lines of JSON to the file that WEIR_SOAK_RESULTS names, and as a table for
// people.
func writeResults(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Printf("\n%-6s %-26s %-4s %8s  %s\n", "check", "case", "", "seconds", "found")
	for _, r := range results.all {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if _, err := f.Write(append(line, '\n')); err != nil {
			return err
		}
		passed := "ok"
		if !r.Passed {
			passed = "FAIL"
		}
		fmt.Printf("%-6s %-26s %-4s %8.1f  %s\n", r.Check, r.Case, passed, r.Seconds, r.Found)
	}
	return f.Close()
}

func TestMain(m *testing.M) {
	if os.Getenv(launcherEnv) != "" {
		launchRefused()
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "4") // the tests wait more than they work
	status := m.Run()
	program.Remove()
	if err := writeResults(os.Getenv("WEIR_SOAK_RESULTS")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// weir returns the path of the built program.
func weir(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long")
	}
	path, _ := program.Weir(t)
	return path
}

// ways are the modes, with those hooks that leave different traces after a kill.
var ways = []struct {
	name  string
	flags []string
}{
	{"ebpf tcx", []string{"--mode", "ebpf", "--hook", "tcx"}},
	{"ebpf clsact", []string{"--mode", "ebpf", "--hook", "clsact"}},
	{"afpacket", []string{"--mode", "afpacket"}},
	{"afpacket plain", []string{"--mode", "afpacket", "--hook", "plain"}},
	{"libpcap", []string{"--mode", "libpcap"}},
}

// eachWay runs a test in each of them.
func eachWay(t *testing.T, f func(t *testing.T, way string, flags []string)) {
	weir(t)
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			if _, has := program.Weir(t); w.name == "libpcap" && !has {
				lab.Lacks(t, "weir is built without libpcap: /usr/include/pcap.h or gcc is missing")
			}
			f(t, w.name, w.flags)
		})
	}
}

func sh(t testing.TB, h *lab.Host, lines ...string) string {
	t.Helper()
	return program.Sh(t, h, lines...)
}

// agent is a running weir run.
type agent struct{ *program.Program }

// start starts a program that is or becomes weir run, with its standard output redirected.
func start(t testing.TB, h *lab.Host, stdout io.Writer, command ...string) *agent {
	t.Helper()
	return &agent{program.Start(t, h, stdout, command...)}
}

// watch starts weir run on both links of a gateway, and waits until it watches.
func watch(t testing.TB, h *lab.Host, stdout io.Writer, flags ...string) *agent {
	t.Helper()
	a := start(t, h, stdout, append([]string{weir(t), "run", "-i", "lan0", "-i", "wan0", "--output", "ndjson"},
		flags...)...)
	a.Await("watching")
	return a
}

// confined returns the PID of the confined process, or 0.
func (a *agent) confined() int {
	for _, pid := range program.Children(a.PID()) {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if !bytes.Contains(command, []byte("libpcap-capture")) {
			return pid
		}
	}
	return 0
}

// endTime bounds weir's end: its helper grants a minute.
const endTime = 90 * time.Second

// stop stops weir, which has to exit with status 0.
func (a *agent) stop() {
	a.T.Helper()
	_ = a.Process.Process.Signal(unix.SIGTERM)
	if status := a.End(endTime); status != 0 {
		a.T.Fatalf("weir ended with %d; it said\n%s", status, a.Said)
	}
}

// flow holds the parts of a record that the tests read.
type flow struct {
	State    string
	IPProto  string `json:"ip_proto"`
	Protocol string
	Hostname string
	Client   endpoint
	Server   endpoint
}

type endpoint struct {
	IP      string
	Port    int
	Packets uint64
}

func flows(t testing.TB, ndjson string) (all []flow) {
	t.Helper()
	for line := range strings.Lines(ndjson) {
		var f flow
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		all = append(all, f)
	}
	return all
}

// packetsTo returns the packets to and from a port that nobody answers. By the ports weir may take either end for the
// client.
func packetsTo(all []flow, port int) (n uint64) {
	for i := range all {
		if all[i].Server.Port == port || all[i].Client.Port == port {
			n += all[i].Client.Packets + all[i].Server.Packets
		}
	}
	return n
}
