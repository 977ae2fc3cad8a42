// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// liveModes lists the modes of this build.
func liveModes(t testing.TB) []string {
	t.Helper()
	modes := []string{"ebpf", "afpacket", "libpcap"}
	if _, has := program.Weir(t); !has {
		if os.Getenv("CI") == "true" {
			t.Fatal("weir is built without libpcap: /usr/include/pcap.h or gcc is missing")
		}
		t.Log("weir is built without libpcap")
		modes = modes[:2]
	}
	return modes
}

// attached lists the eBPF programs on the host's interfaces.
func attached(t testing.TB, h *lab.Host) (programs []string) {
	t.Helper()
	err := h.Do(func() error {
		links, err := net.Interfaces()
		if err != nil {
			return err
		}
		for _, l := range links {
			for _, where := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
				r, err := link.QueryPrograms(link.QueryOptions{Target: l.Index, Attach: where})
				if err != nil {
					return fmt.Errorf("query the programs of %s: %w", l.Name, err)
				}
				for _, p := range r.Programs {
					programs = append(programs, fmt.Sprintf("%s %v %d", l.Name, where, p.ID))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(sh(t, h, "tc qdisc show; ip -details link show | grep xdp || true")) {
		if !strings.Contains(line, "noqueue") {
			programs = append(programs, line)
		}
	}
	return programs
}

// sockets counts the packet sockets of the host.
func sockets(t testing.TB, h *lab.Host) int {
	t.Helper()
	lines := sh(t, h, "cat /proc/net/packet")
	return strings.Count(lines, "\n") - 1
}

// clean checks that nothing of weir remains in the host.
func clean(t testing.TB, h *lab.Host) {
	t.Helper()
	var programs []string
	n := 0
	isClean := wait.Reached(func() bool {
		programs, n = attached(t, h), sockets(t, h)
		return len(programs) == 0 && n == 0
	})
	if !isClean {
		t.Errorf("%d packet sockets and these programs are left: %v", n, programs)
	}
}

// flood sends until the test or ctx ends.
func flood(ctx context.Context, t testing.TB, h *lab.Host, rate float64) (sent func() lab.Sent) {
	t.Helper()
	done := make(chan lab.Sent, 1)
	ctx, cancel := context.WithCancel(ctx)
	t.Cleanup(cancel)
	go func() {
		sent, err := h.SendFrames(ctx, "out0", datagrams(2000), lab.Sending{Rate: rate, Duration: time.Minute})
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		done <- sent
	}()
	return func() lab.Sent { return <-done }
}

// exists reports whether a process runs; a zombie does not.
func exists(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// TestStopUnderLoad: SIGTERM, and SIGINT twice, end weir soon, and weir reports what it counted.
func TestStopUnderLoad(t *testing.T) {
	for _, mode := range liveModes(t) {
		for _, signals := range [][]syscall.Signal{{unix.SIGTERM}, {unix.SIGINT, unix.SIGINT}} {
			t.Run(mode+" "+signals[0].String(), func(t *testing.T) {
				h := quietHost(t, 1)
				r := watch(t, h, "--interface", "in0", "--mode", mode)
				ctx, cancel := context.WithCancel(context.Background())
				before, _ := h.Counters("in0")
				sent := flood(ctx, t, h, 20000)
				var lower lab.Counters
				wait.Until(t, "the flood comes in", func() bool {
					lower, _ = h.Counters("in0")
					return lower.RxPackets-before.RxPackets > 20_000
				})
				began := time.Now()
				for _, s := range signals {
					_ = r.Process.Process.Signal(s)
				}
				status := r.End(endTime)
				took := time.Since(began)
				upper, _ := h.Counters("in0")
				cancel()
				sent()
				if len(signals) > 1 { // the second one may kill: only the end matters
					clean(t, h)
					return
				}
				if status != 0 {
					t.Errorf("weir ended with %d after %v", status, took)
				}
				packets, _ := sums(records(t, r.Stdout.String()))
				lost, _ := r.Lost()
				packets += lost
				least, most := lower.RxPackets-before.RxPackets, upper.RxPackets-before.RxPackets
				t.Logf("ended after %v: %d packets of %d to %d", took.Round(time.Millisecond), packets, least, most)
				if packets < least || packets > most {
					t.Errorf("%d packets were reported or lost, and between %d and %d came in", packets, least, most)
				}
				clean(t, h)
			})
		}
	}
}

// TestKilledParent: the confined process ends with the privileged one.
func TestKilledParent(t *testing.T) {
	for _, mode := range liveModes(t) {
		t.Run(mode, func(t *testing.T) {
			h := quietHost(t, 1)
			r := watch(t, h, "--interface", "in0", "--mode", mode)
			if mode == "ebpf" && len(attached(t, h)) == 0 || mode != "ebpf" && sockets(t, h) == 0 {
				t.Fatal("nothing is attached while weir watches: the check is blind")
			}
			child := r.child()
			_ = r.Process.Process.Kill()
			_ = r.Wait()
			if !wait.Within(endTime, func() bool { return !exists(child) }) {
				t.Fatal("the confined process lives on")
			}
			clean(t, h)
		})
	}
}

// TestKilledChild: weir ends with the confined process, and gives the reason in one line.
func TestKilledChild(t *testing.T) {
	for _, mode := range liveModes(t) {
		t.Run(mode, func(t *testing.T) {
			h := quietHost(t, 1)
			r := watch(t, h, "--interface", "in0", "--mode", mode)
			before := r.Said.String()
			if err := unix.Kill(r.child(), unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			status := r.End(endTime)
			said := strings.TrimPrefix(r.Said.String(), before)
			if status != 1 || strings.Count(said, "\n") != 1 || !strings.Contains(said, "killed") {
				t.Errorf("weir ended with %d and said %q", status, said)
			}
			clean(t, h)
		})
	}
}

// TestReaderGone: weir ends when nobody reads its output any longer.
func TestReaderGone(t *testing.T) {
	for _, mode := range liveModes(t) {
		t.Run(mode, func(t *testing.T) {
			h := quietHost(t, 1)
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			r := launchTo(t, h, write, weir(t), "run", "--interface", "in0", "--mode", mode, "--output", "ndjson",
				"--max-flows", "128")
			write.Close()
			r.Await("watching")
			ctx, cancel := context.WithCancel(context.Background())
			sent := flood(ctx, t, h, 20000)
			line := make([]byte, 1)
			if _, err := read.Read(line); err != nil {
				t.Fatal(err)
			}
			read.Close()
			status := r.End(endTime)
			cancel()
			sent()
			said := r.Said.String()
			t.Logf("status %d: %s", status, said[strings.LastIndexByte(said[:len(said)-1], '\n')+1:])
			if status == 0 || status == 2 || !strings.Contains(said, "write output") ||
				strings.Contains(said, "panic") ||
				strings.Contains(said, "goroutine") {
				t.Errorf("weir ended with %d and said\n%s", status, said)
			}
			clean(t, h)
		})
	}
}

// TestReaderSlow: without a reader weir still ends in time, and reports how many records that cost; even if it is
// already waiting for the reader at its end.
func TestReaderSlow(t *testing.T) {
	for _, mode := range append(liveModes(t), "ebpf, over") {
		t.Run(mode, func(t *testing.T) {
			mode, over := strings.CutSuffix(mode, ", over")
			duration := time.Minute
			if over {
				duration = 2 * time.Second
			}
			h := quietHost(t, 1)
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer read.Close()
			r := launchTo(t, h, write, weir(t), "run", "--interface", "in0", "--mode", mode, "--output", "ndjson",
				"--duration", duration.String())
			write.Close()
			r.Await("watching")
			const flows = 5000
			if _, err := h.SendFrames(context.Background(), "out0", datagrams(flows),
				lab.Sending{Rate: 20000, Loops: 2}); err != nil {
				t.Fatal(err)
			}
			lab.Landed(t)
			if over {
				wait.Until(t, "weir waits for its reader", func() bool { return lab.IsFull(t, read) })
			}
			began := time.Now()
			_ = r.Process.Process.Signal(syscall.SIGTERM)
			status := r.End(endTime)
			took := time.Since(began)
			output, err := io.ReadAll(read)
			if err != nil {
				t.Fatal(err)
			}
			written := uint64(strings.Count(string(output), "\n"))
			lost := r.Number("records were not written")
			t.Logf("ended after %v, %d records written, %d not", took.Round(time.Millisecond), written, lost)
			if missing := flows - written; lost != missing || written == 0 {
				t.Errorf("%d records were read of %d, weir said %d were not written", written, flows, lost)
			}
			if packets := r.Number("packets, "); packets != 2*flows {
				t.Errorf("weir says %d packets, %d came in", packets, 2*flows)
			}
			if status != 1 {
				t.Errorf("weir ended with %d after %v", status, took)
			}
			clean(t, h)
		})
	}
}

// TestReaderOfLittle: a slow reader that keeps reading receives all records, and the helper does not kill weir
// meanwhile.
func TestReaderOfLittle(t *testing.T) {
	for _, mode := range liveModes(t) {
		t.Run(mode, func(t *testing.T) {
			h := quietHost(t, 1)
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer read.Close()
			r := launchTo(t, h, write, weir(t), "run", "--interface", "in0", "--mode", mode, "--output", "ndjson")
			write.Close()
			r.Await("watching")
			const flows, perSecond = 2000, 200 << 10
			if _, err := h.SendFrames(context.Background(), "out0", datagrams(flows),
				lab.Sending{Rate: 20000, Loops: 2}); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_ = r.Process.Process.Signal(syscall.SIGTERM)
			var output bytes.Buffer
			for slowly := time.Tick(time.Second / 50); err == nil; <-slowly {
				_, err = io.CopyN(&output, read, perSecond/50)
			}
			status := r.End(endTime)
			t.Logf("ended after %v", time.Since(began).Round(time.Millisecond))
			if n := len(records(t, output.String())); status != 0 || n != flows {
				t.Errorf("weir ended with %d, %d records were read of %d; it said\n%s", status, n, flows, r.Said)
			}
			clean(t, h)
		})
	}
}

func TestDuration(t *testing.T) {
	for _, mode := range liveModes(t) {
		t.Run(mode, func(t *testing.T) {
			h := quietHost(t, 1)
			r := watch(t, h, "--interface", "in0", "--mode", mode, "--duration", "1s")
			began := time.Now()
			status := r.End(endTime)
			if took := time.Since(began); status != 0 || took < 500*time.Millisecond {
				t.Errorf("weir ended with %d after %v", status, took)
			}
			clean(t, h)
		})
	}
}

// TestNotBegun: a start that fails ends with status 2 and a helpful line.
func TestNotBegun(t *testing.T) {
	nobody := []string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set", "-all",
		"--inh-caps", "-all"}
	for _, c := range []struct {
		name    string
		command []string
		want    []string
	}{
		{"no such interface", []string{weir(t), "run", "--interface", "nosuch"}, []string{"no such interface: nosuch",
			"in0", "out0"}},
		{"too few flows", []string{weir(t), "run", "--interface", "in0", "--max-flows", "3"},
			[]string{"--max-flows 3"}},
		{"wrong mode", []string{weir(t), "run", "--mode", "magic"}, []string{"--mode", "magic", "ebpf"}},
		{"filter without libpcap", []string{weir(t), "run", "--mode", "ebpf", "--filter", "tcp"},
			[]string{"--filter", "libpcap"}},
		{"no rights, auto", append(nobody, weir(t), "run", "--interface", "in0"), []string{"CAP_NET_RAW"}},
		{"no rights, ebpf", append(nobody, weir(t), "run", "--interface", "in0", "--mode", "ebpf"),
			[]string{"CAP_BPF"}},
		{"no rights, afpacket", append(nobody, weir(t), "run", "--interface", "in0", "--mode", "afpacket"),
			[]string{"CAP_NET_RAW"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := exec.LookPath(c.command[0]); err != nil {
				lab.Lacks(t, err.Error())
			}
			h := quietHost(t, 1)
			r := launch(t, h, c.command...)
			status := r.End(endTime)
			said := r.Said.String()
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("it doesn't say %q", want)
				}
			}
			lines := 1
			if strings.HasSuffix(c.name, "auto") {
				lines = 4 // a reason for each mode
			}
			if status != 2 || strings.Count(said, "\n") > lines || strings.Contains(said, "Usage") {
				t.Errorf("weir ended with %d and said\n%s", status, said)
			}
		})
	}
}

// TestRights: weir works for a user other than root who has the rights of its mode.
func TestRights(t *testing.T) {
	if _, err := exec.LookPath("setpriv"); err != nil {
		lab.Lacks(t, "setpriv is missing")
	}
	type rights struct {
		mode, capabilities, want string
	}
	all := []rights{
		{"ebpf", "+bpf,+net_admin,+net_raw,+perfmon", "mode ebpf"},
		{"auto", "+bpf,+net_admin,+net_raw,+perfmon", "mode ebpf"},
		{"afpacket", "+net_raw", "mode afpacket"},
	}
	for _, c := range all {
		t.Run(c.mode+" "+c.capabilities, func(t *testing.T) {
			h := quietHost(t, 1)
			r := launch(t, h, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set",
				"-all,"+c.capabilities,
				"--inh-caps", "-all,"+c.capabilities, "--ambient-caps", "-all,"+c.capabilities,
				weir(t), "run", "--output", "ndjson", "--interface", "in0", "--mode", c.mode)
			r.Await("watching")
			if !strings.Contains(r.Said.String(), c.want) {
				t.Errorf("it isn't %s", c.want)
			}
			sent, err := h.SendFrames(context.Background(), "out0", datagrams(100), lab.Sending{Rate: 5000, Loops: 10})
			if err != nil {
				t.Fatal(err)
			}
			flows := r.stop()
			if packets, _ := sums(flows); packets != sent.Frames || len(flows) != 100 {
				t.Errorf("%d packets in %d flows, want %d in 100", packets, len(flows), sent.Frames)
			}
			clean(t, h)
		})
	}
}
