// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
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

	"github.com/weirnet/weir/internal/lab"
)

// size is how much a test does: little by itself, and what a variable of the environment says in scripts/soak.
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
	throughput = os.Getenv("WEIR_SOAK_THROUGHPUT") // seconds of each measurement; not measured by default
)

// result is a line of what a test found.
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

// report notes what a test found, when it ends.
func report(t testing.TB, check, kind string, found *string) {
	began := time.Now()
	t.Cleanup(func() {
		results.Lock()
		defer results.Unlock()
		results.all = append(results.all, result{check, kind, !t.Failed(), *found, time.Since(began).Round(time.Millisecond).Seconds()})
		t.Log(*found)
	})
}

// writeResults writes a line of JSON for each to the file that WEIR_SOAK_RESULTS names, and a table for people.
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
	_ = flag.Set("test.parallel", "4") // they wait more than they work
	status := m.Run()
	if built.directory != "" {
		os.RemoveAll(built.directory)
	}
	if err := writeResults(os.Getenv("WEIR_SOAK_RESULTS")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// built is the program's place, made by the first test that needs it.
var built struct {
	sync.Once
	directory, path string
	hasLibpcap      bool
	err             error
}

// weir builds the program as make build does, where anybody can read it: tests start it as other users.
func weir(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long")
	}
	built.Do(func() { built.err = build() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func build() (err error) {
	if built.directory, err = os.MkdirTemp("", "weir-soak-"); err != nil {
		return err
	}
	if err := os.Chmod(built.directory, 0o755); err != nil {
		return err
	}
	built.path = filepath.Join(built.directory, "weir")
	arguments, environment := []string{"build", "-o", built.path}, append(os.Environ(), "CGO_ENABLED=0")
	_, noHeader := os.Stat("/usr/include/pcap.h")
	_, noCompiler := exec.LookPath("gcc")
	if noHeader == nil && noCompiler == nil {
		arguments, environment = append(arguments, "-tags", "libpcap"), append(environment, "CGO_ENABLED=1")
		built.hasLibpcap = true
	}
	build := exec.Command("go", append(arguments, "../../cmd/weir")...)
	build.Env = environment
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build weir: %w\n%s", err, text)
	}
	return nil
}

// lacks says what a test needs and the machine has not: a failure in CI, else the test is skipped.
func lacks(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// ways are the modes, each with its hooks that differ in what a kill leaves.
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
			if w.name == "libpcap" && !built.hasLibpcap {
				lacks(t, "weir is built without libpcap: there is no /usr/include/pcap.h, or no gcc")
			}
			f(t, w.name, w.flags)
		})
	}
}

// sh runs lines of a shell in a host, each of which has to succeed.
func sh(t testing.TB, h *lab.Host, lines ...string) string {
	t.Helper()
	text, err := h.Run(context.Background(), "sh", "-ec", strings.Join(lines, "\n"))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return text
}

// text is what a program wrote so far.
type text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (x *text) Write(b []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(b)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}

// agent is a weir run that goes on.
type agent struct {
	*lab.Process
	t    testing.TB
	said *text // on standard error
	out  *text // on standard output, where it goes nowhere else
}

// start starts a program, which is or becomes weir run, with its standard output to a writer.
func start(t testing.TB, h *lab.Host, stdout io.Writer, command ...string) *agent {
	t.Helper()
	a := &agent{t: t, said: &text{}, out: &text{}}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr, cmd.Stdout = a.said, a.out
	if stdout != nil {
		cmd.Stdout = stdout
	}
	var err error
	if a.Process, err = h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Kill(-a.Process.Process.Pid, unix.SIGKILL)
		if t.Failed() {
			t.Logf("%s said:\n%s", strings.Join(command[1:], " "), tail(a.said.String()))
		}
	})
	return a
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// watch starts weir run on both links of a gateway, and waits until it watches.
func watch(t testing.TB, h *lab.Host, stdout io.Writer, flags ...string) *agent {
	t.Helper()
	a := start(t, h, stdout, append([]string{weir(t), "run", "-i", "lan0", "-i", "wan0", "--output", "ndjson"}, flags...)...)
	a.await("watching")
	return a
}

// await waits until weir has said words.
func (a *agent) await(words string) {
	a.t.Helper()
	said := func() bool { return strings.Contains(a.said.String(), words) }
	for end := time.Now().Add(20 * time.Second); !said(); time.Sleep(2 * time.Millisecond) {
		if a.ended() && !said() || time.Now().After(end) {
			a.t.Fatalf("weir did not say %q, but\n%s", words, a.said)
		}
	}
}

func (a *agent) ended() bool {
	select {
	case <-a.Done():
		return true
	default:
		return false
	}
}

// children are the process numbers of a process's children: weir's are the confined process and, in mode libpcap, the capturing one.
func children(pid int) (all []int) {
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

// confined is the process number of the confined process, 0 if there is none (yet).
func (a *agent) confined() int {
	for _, pid := range children(a.Process.Process.Pid) {
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if !bytes.Contains(command, []byte("libpcap-capture")) {
			return pid
		}
	}
	return 0
}

// end waits for weir's end and returns its exit status, -1 for a signal.
func (a *agent) end(limit time.Duration) int {
	a.t.Helper()
	select {
	case <-a.Done():
	case <-time.After(limit):
		a.t.Fatalf("weir runs on after %v; it said\n%s", limit, a.said)
	}
	var exit *exec.ExitError
	if err := a.Wait(); errors.As(err, &exit) {
		return exit.ExitCode()
	} else if err != nil {
		a.t.Fatal(err)
	}
	return 0
}

// stop asks weir to end, which has to go well.
func (a *agent) stop() {
	a.t.Helper()
	began := time.Now()
	_ = a.Process.Process.Signal(unix.SIGTERM)
	if status := a.end(10 * time.Second); status != 0 {
		a.t.Fatalf("weir ended with %d; it said\n%s", status, a.said)
	}
	if took := time.Since(began); took > 4*time.Second {
		a.t.Errorf("weir took %v to end", took)
	}
}

// flow is what the tests read of a record.
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

// packetsTo adds up the packets to a port that nobody answers. Which end is the client weir may judge by the ports.
func packetsTo(all []flow, port int) (n uint64) {
	for i := range all {
		if all[i].Server.Port == port || all[i].Client.Port == port {
			n += all[i].Client.Packets + all[i].Server.Packets
		}
	}
	return n
}

// number is the one that weir said before words, 0 if it did not say them.
func (a *agent) number(words string) uint64 {
	m := regexp.MustCompile(`(\d+) ` + regexp.QuoteMeta(words)).FindStringSubmatch(a.said.String())
	if m == nil {
		return 0
	}
	n, err := strconv.ParseUint(m[1], 10, 64)
	if err != nil {
		a.t.Fatal(err)
	}
	return n
}

// What weir says at its end of packets that are in no flow.
var lossWords = []string{
	"packets lost: no room in the ring to the worker",
	"packets lost: neither a flow counter was free nor room in the ring",
	"packets in no flow: the table was full (--max-flows)",
}

// lost are those packets, and the causes in words.
func (a *agent) lost() (n uint64, causes string) {
	for _, words := range lossWords {
		if some := a.number(words); some > 0 {
			n += some
			causes += fmt.Sprintf(", %d %s", some, words)
		}
	}
	return n, strings.TrimPrefix(causes, ", ")
}
