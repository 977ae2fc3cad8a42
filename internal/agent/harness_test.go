// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
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
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/lab"
)

// These tests run the real program in network namespaces.

// built is the program's place, made by the first test that needs it.
var built struct {
	sync.Once
	directory, path string
	hasLibpcap      bool
	err             error
}

func TestMain(m *testing.M) {
	status := m.Run()
	if built.directory != "" {
		os.RemoveAll(built.directory)
	}
	os.Exit(status)
}

// weir builds the program as make build does. The directory can be read by anybody: tests start it as other users.
func weir(t testing.TB) string {
	t.Helper()
	built.Do(func() {
		if built.directory, built.err = os.MkdirTemp("", "weir-test-"); built.err != nil {
			return
		}
		_ = os.Chmod(built.directory, 0o755)
		built.path = filepath.Join(built.directory, "weir")
		arguments := []string{"build", "-o", built.path}
		environment := append(os.Environ(), "CGO_ENABLED=0")
		_, noHeader := os.Stat("/usr/include/pcap.h")
		_, noCompiler := exec.LookPath("gcc")
		if noHeader == nil && noCompiler == nil {
			arguments = append(arguments, "-tags", "libpcap")
			environment = append(environment, "CGO_ENABLED=1")
			built.hasLibpcap = true
		}
		build := exec.Command("go", append(arguments, "../../cmd/weir")...)
		build.Env = environment
		if text, err := build.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build weir: %w\n%s", err, text)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// lacks says what a test needs and the machine has not: a failure in CI, else the test is skipped.
func lacks(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
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

// quietHost is a host with veth pairs of which both ends are in it and that carry what a test sends and nothing else: no
// addresses, no IPv6. Pair i is out<i> to in<i>.
func quietHost(t testing.TB, pairs int) *lab.Host {
	t.Helper()
	h, _ := lab.NewPair(t)
	lines := []string{
		"ip link delete eth0",
		"echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6",
		"echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6",
	}
	for i := range pairs {
		lines = append(lines,
			fmt.Sprintf("ip link add out%d mtu 9000 type veth peer name in%d mtu 9000", i, i),
			fmt.Sprintf("ip link set out%d up; ip link set in%d up", i, i))
	}
	sh(t, h, lines...)
	return h
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

// run is a weir run that goes on.
type run struct {
	*lab.Process
	t            testing.TB
	host         *lab.Host
	stdout, said *text
}

// launch starts weir with arguments, or a program that starts it.
func launch(t testing.TB, h *lab.Host, command ...string) *run {
	t.Helper()
	return launchTo(t, h, nil, command...)
}

// launchTo is launch with the program's standard output elsewhere.
func launchTo(t testing.TB, h *lab.Host, stdout io.Writer, command ...string) *run {
	t.Helper()
	r := &run{t: t, host: h, stdout: &text{}, said: &text{}}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = r.stdout, r.said
	if stdout != nil {
		cmd.Stdout = stdout
	}
	var err error
	if r.Process, err = h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Kill(-r.Process.Process.Pid, unix.SIGKILL)
		if t.Failed() {
			t.Logf("%s said:\n%s", strings.Join(command[1:], " "), r.said)
		}
	})
	return r
}

// watch starts weir run with flags and waits until it watches.
func watch(t testing.TB, h *lab.Host, flags ...string) *run {
	t.Helper()
	r := launch(t, h, append([]string{weir(t), "run", "--output", "ndjson"}, flags...)...)
	r.await("watching")
	return r
}

// await waits until weir has said words.
func (r *run) await(words string) {
	r.t.Helper()
	if !r.within(20*time.Second, func() bool { return strings.Contains(r.said.String(), words) }) {
		r.t.Fatalf("weir did not say %q, but\n%s", words, r.said)
	}
}

// within says whether something is so before a time has passed or weir has ended.
func (r *run) within(limit time.Duration, is func() bool) bool {
	for end := time.Now().Add(limit); ; time.Sleep(2 * time.Millisecond) {
		if is() {
			return true
		}
		select {
		case <-r.Done():
			return is()
		default:
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// children are the process numbers of weir's own processes.
func (r *run) children() (pids []string) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", r.Process.Process.Pid)) // any thread may have forked
	for _, task := range tasks {
		children, _ := os.ReadFile(task)
		pids = append(pids, strings.Fields(string(children))...)
	}
	return pids
}

// child is the process number of the confined process; in mode libpcap there is another child.
func (r *run) child() int {
	r.t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for _, pid := range r.children() {
			status, _ := os.ReadFile("/proc/" + pid + "/status")
			if !strings.Contains(string(status), "\nSeccomp:\t2") {
				continue
			}
			n, err := strconv.Atoi(pid)
			if err != nil {
				r.t.Fatal(err)
			}
			return n
		}
	}
	r.t.Fatal("weir has no confined child")
	return 0
}

// end waits for weir's end and returns its exit status, -1 for a signal.
func (r *run) end(limit time.Duration) int {
	r.t.Helper()
	select {
	case <-r.Done():
	case <-time.After(limit):
		r.t.Fatalf("weir runs on after %v; it said\n%s", limit, r.said)
	}
	var exit *exec.ExitError
	if err := r.Wait(); errors.As(err, &exit) {
		return exit.ExitCode()
	} else if err != nil {
		r.t.Fatal(err)
	}
	return 0
}

// stop asks weir to end and returns the flows that it has reported.
func (r *run) stop() []flowRecord {
	r.t.Helper()
	if err := r.Process.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	if status := r.end(10 * time.Second); status != 0 {
		r.t.Fatalf("weir ended with %d; it said\n%s", status, r.said)
	}
	return records(r.t, r.stdout.String())
}

// endpoint and flowRecord are what the tests read of a record.
type endpoint struct {
	IP             string
	Port           int
	Packets, Bytes uint64
}

type flowRecord struct {
	CommunityID    string   `json:"community_id"`
	EndReason      string   `json:"end_reason"`
	Proto          string   `json:"ip_proto"`
	Interface      string   `json:"interface"`
	VLANs          []int    `json:"vlan"`
	Tunnels        []string `json:"tunnel"`
	Client, Server endpoint
	all            map[string]any
}

func records(t testing.TB, ndjson string) (flows []flowRecord) {
	t.Helper()
	for line := range strings.Lines(ndjson) {
		var r flowRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if err := json.Unmarshal([]byte(line), &r.all); err != nil {
			t.Fatal(err)
		}
		flows = append(flows, r)
	}
	return flows
}

// sums adds up all records.
func sums(flows []flowRecord) (packets, bytes uint64) {
	for i := range flows {
		packets += flows[i].Client.Packets + flows[i].Server.Packets
		bytes += flows[i].Client.Bytes + flows[i].Server.Bytes
	}
	return packets, bytes
}

// numberBefore is the number that weir said before words, 0 if it did not say them.
func (r *run) numberBefore(words string) uint64 {
	m := regexp.MustCompile(`(\d+) ` + regexp.QuoteMeta(words)).FindStringSubmatch(r.said.String())
	if m == nil {
		return 0
	}
	n, err := strconv.ParseUint(m[1], 10, 64)
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// What weir says at its end of packets that took another way than most.
const (
	saidRingFull  = "packets counted but not looked into: no room in the ring to the worker"
	saidRingLost  = "packets lost: no room in the ring to the worker"
	saidMapFull   = "packets counted by the workers: no flow counter was free (--max-flows)"
	saidUncounted = "packets lost: neither a flow counter was free nor room in the ring"
	saidRefused   = "packets in no flow: the table was full (--max-flows)"
)
