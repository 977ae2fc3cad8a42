// SPDX-License-Identifier: Apache-2.0

// Package guest is the matrix of kernels and of missing rights: scripts/guest test runs its tests inside guests with
// other kernels, as root and alone on the machine. WEIR names the program to test. Elsewhere the tests are skipped; on
// a machine whose kernel has what they need, WEIR_GUEST=host runs them there.
package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// flow holds the compared parts of weir's records.
type flow struct {
	Type     string `json:"type"`
	ID       string `json:"community_id"`
	Proto    string `json:"ip_proto"`
	Protocol string `json:"protocol"`
	Client   side   `json:"client"`
	Server   side   `json:"server"`

	Direction string         `json:"direction"`
	NAT       map[string]any `json:"nat"`
	Offloaded bool           `json:"offloaded"`

	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

type side struct {
	Side    string `json:"side"`
	IP      string `json:"ip"`
	Port    int    `json:"port"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

func inGuest(t *testing.T) {
	t.Helper()
	if os.Getenv("WEIR_GUEST") == "" {
		t.Skip("scripts/guest test runs this inside a guest")
	}
	if os.Getenv("WEIR") == "" {
		t.Fatal("WEIR does not name the program to test")
	}
}

// unlessShort skips a row of the full matrix that adds little, in the short form (scripts/guest test).
func unlessShort(t *testing.T, always bool) {
	t.Helper()
	if testing.Short() && !always {
		t.Skip("of the whole matrix: scripts/guest test all")
	}
}

// needs skips a test if the machine's own kernel lacks something; a guest has to have everything.
func needs(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("WEIR_GUEST") == "host" {
		t.Skipf("this kernel has no %s: %v", what, err)
	}
	t.Fatalf("%s: %v", what, err)
}

// watcher is a running weir.
type watcher struct {
	t         *testing.T
	process   *lab.Process
	out, errs program.Text
}

// watch starts weir on a link of h, without the rights in limit, and waits until it watches.
func watch(t *testing.T, h *lab.Host, limit string, args ...string) *watcher {
	t.Helper()
	w := start(t, h, limit, args...)
	ended := false
	watches := func() bool {
		return strings.Contains(w.errs.String(), ", mode ") && strings.Contains(w.errs.String(), "watching ")
	}
	wait.Reached(func() bool {
		_, ended = wait.Next(w.process.Done(), 0)
		return ended || watches()
	})
	switch {
	case ended:
		t.Fatalf("weir ended: %s", w.errs.String())
	case !watches():
		t.Fatalf("weir does not watch: %s", w.errs.String())
	}
	if i := slices.Index(args, "--mode"); args[i+1] != "auto" {
		w.runsIn(args[i+1])
	}
	return w
}

// awaitStragglers lets the last packets pass: delayed acknowledgements, and frames not yet handed over. No event marks
// the last one.
func awaitStragglers() { time.Sleep(300 * time.Millisecond) }

func start(t *testing.T, h *lab.Host, limit string, args ...string) *watcher {
	t.Helper()
	w := &watcher{t: t}
	cmd := limited(limit, append([]string{os.Getenv("WEIR"), "run", "--output", "ndjson"}, args...)...)
	cmd.Stdout, cmd.Stderr = &w.out, &w.errs
	var err error
	if w.process, err = h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	return w
}

// flows stops weir and returns its flows between addresses of the test.
func (w *watcher) flows() []flow {
	w.t.Helper()
	awaitStragglers()
	w.process.Stop(20 * time.Second)
	if err := w.process.Wait(); err != nil {
		w.t.Fatalf("weir: %v: %s", err, w.errs.String())
	}
	w.t.Log(strings.TrimSpace(w.errs.String()))
	return parse(w.t, w.out.String())
}

// runsIn checks that weir has reported its mode; in mode ebpf with the right hook for this kernel.
func (w *watcher) runsIn(mode string) {
	w.t.Helper()
	want := ", mode " + mode
	switch {
	case mode == "ebpf" && kernelBefore(6, 6):
		want += " (clsact),"
	case mode == "ebpf":
		want += " (tcx),"
	}
	if !strings.Contains(w.errs.String(), want) {
		w.t.Errorf("not%s: %s", strings.TrimPrefix(want, ","), w.errs.String())
	}
}

func parse(t *testing.T, text string) []flow {
	t.Helper()
	var flows []flow
	for line := range strings.Lines(text) {
		var f flow
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("not JSON: %q: %v", line, err)
		}
		if f.Type == "flow" {
			flows = append(flows, f)
		}
	}
	return flows
}

// replays holds the results of weir replay by capture.
var replays = map[string][]flow{}

// replayed returns weir replay's flows of a capture.
func replayed(t *testing.T, path string) []flow {
	t.Helper()
	if _, ok := replays[path]; !ok {
		out, err := exec.Command(os.Getenv("WEIR"), "replay", "--output", "ndjson", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		replays[path] = parse(t, string(out))
	}
	return replays[path]
}

// total is the sum of the flows of one conversation. Where the capture begins in mid-flow, either end may be the
// client, and a conversation may be one flow or several, depending on its time: both do not matter here.
type total struct {
	Protocol string
	Packets  uint64
	Bytes    uint64 // 0 where the links add to them
}

func totals(flows []flow, bytes bool) map[string]total {
	m := map[string]total{}
	for _, f := range flows {
		n := m[f.ID]
		n.Protocol = f.Protocol
		n.Packets += f.Client.Packets + f.Server.Packets
		if bytes {
			n.Bytes += f.Client.Bytes + f.Server.Bytes
		}
		m[f.ID] = n
	}
	return m
}

// same requires the same conversations, with the same protocol and counts, and no others.
func same(t *testing.T, got, want []flow, bytes bool) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("nothing to compare with")
	}
	g, w := totals(got, bytes), totals(want, bytes)
	for _, id := range slices.Sorted(maps.Keys(w)) {
		if g[id] != w[id] {
			t.Errorf("%s: %+v instead of %+v", id, g[id], w[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(g)) {
		if w[id] == (total{}) {
			t.Errorf("%s: %+v instead of nothing", id, g[id])
		}
	}
}

// run runs a program in h.
func run(t *testing.T, h *lab.Host, command string) {
	t.Helper()
	if err := try(h, command); err != nil {
		t.Fatal(err)
	}
}

func try(h *lab.Host, command string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	args := strings.Fields(command)
	out, err := h.Run(ctx, args[0], args[1:]...)
	if err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, out)
	}
	return nil
}

// limited returns a command that runs with fewer rights than the test: this program drops them and becomes it.
func limited(limit string, argv ...string) *exec.Cmd {
	if limit == "" {
		return exec.Command(argv[0], argv[1:]...)
	}
	cmd := exec.Command("/proc/self/exe", argv...)
	cmd.Env = append(os.Environ(), "GUEST_LIMIT="+limit)
	return cmd
}

func TestMain(m *testing.M) {
	if limit := os.Getenv("GUEST_LIMIT"); limit != "" {
		err := takeAway(limit)
		if err == nil {
			_ = os.Unsetenv("GUEST_LIMIT")
			err = syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
		}
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(125)
	}
	os.Exit(m.Run())
}
