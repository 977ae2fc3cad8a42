// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// bindings returns a frame of each of so many flows: a STUN binding request (RFC 8489 §5), at a port that names
// nothing.
func bindings(flows int) [][]byte {
	frames := datagrams(flows)
	for i, b := range frames {
		binary.BigEndian.PutUint16(b[14+22:], 40000)
		stun := b[14+28:]
		binary.BigEndian.PutUint16(stun, 1)
		binary.BigEndian.PutUint16(stun[2:], uint16(len(stun)-20))
		binary.BigEndian.PutUint32(stun[4:], 0x2112a442)
		binary.BigEndian.PutUint32(stun[8:], uint32(i))
		attribute := stun[20:] // SOFTWARE (§14.14) fills the rest
		binary.BigEndian.PutUint16(attribute, 0x8022)
		binary.BigEndian.PutUint16(attribute[2:], uint16(len(attribute)-4))
		for j := range attribute[4:] {
			attribute[4+j] = 'x'
		}
	}
	return frames
}

// countArrivals makes nftables count what arrives at a link, from the network header on.
func countArrivals(t testing.TB, h *lab.Host, link string) (read func() (packets, bytes uint64)) {
	t.Helper()
	sh(t, h, "nft add table netdev test", "nft add counter netdev test arrived",
		fmt.Sprintf("nft add chain netdev test in '{ type filter hook ingress device %s priority 0; }'", link),
		"nft add rule netdev test in counter name arrived")
	return func() (packets, bytes uint64) {
		t.Helper()
		said := sh(t, h, "nft list counter netdev test arrived")
		_, numbers, _ := strings.Cut(said, "packets")
		if _, err := fmt.Sscanf(numbers, "%d bytes %d", &packets, &bytes); err != nil {
			t.Fatalf("nft said %q", said)
		}
		return packets, bytes
	}
}

// restart restarts weir in its process, and waits until the next one watches.
func (r *run) restart() {
	r.T.Helper()
	const watches = "WAN: "
	before := strings.Count(r.Said.String(), watches)
	if err := r.Process.Process.Signal(unix.SIGUSR2); err != nil {
		r.T.Fatal(err)
	}
	wait.Until(r.T, "weir watches after a restart", func() bool {
		return strings.Count(r.Said.String(), watches) > before
	})
}

// TestRestart restarts weir in its process while packets of many flows pass: each flow stays one record with its
// identity, its name and all its packets.
func TestRestart(t *testing.T) {
	for _, hook := range []string{"tcx", "clsact"} {
		t.Run(hook, func(t *testing.T) {
			const flows, restarts = 500, 3
			h := quietHost(t, 1)
			arrived := countArrivals(t, h, "in0")
			r := watch(t, h, "-i", "in0", "--mode", "ebpf", "--hook", hook, "--socket", "none", "--uplink", "off")
			pid := r.PID()
			frames := bindings(flows)
			send := func(ctx context.Context, s lab.Sending) {
				if _, err := h.SendFrames(ctx, "out0", frames, s); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
			send(context.Background(), lab.Sending{Rate: 5000, Loops: 2})
			ctx, stop := context.WithCancel(context.Background())
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				send(ctx, lab.Sending{Rate: 5000, Loops: 1 << 20})
			}()
			for range restarts {
				r.restart()
			}
			stop()
			<-sent
			lab.Landed(t)
			all := r.stop()
			if r.PID() != pid {
				t.Errorf("the process is %d now, not %d", r.PID(), pid)
			}
			wantPackets, wantBytes := arrived()
			packets, bytes := sums(all)
			t.Logf("%d records, %d packets, %d bytes; nft: %d packets, %d bytes", len(all), packets, bytes, wantPackets,
				wantBytes)
			if packets != wantPackets || bytes != wantBytes {
				t.Error("the records do not add up")
			}
			ids := map[any]bool{}
			for _, f := range all {
				ids[f.all["id"]] = true
				if f.all["protocol"] != "stun" || f.all["method"] != "dpi" {
					t.Fatalf("protocol %v by %v", f.all["protocol"], f.all["method"])
				}
			}
			if len(all) != flows || len(ids) != flows {
				t.Errorf("%d records of %d flows", len(all), len(ids))
			}
		})
	}
}

// TestRestartThenStop: a stop during a restart is an orderly one: each flow has its record. Only one that comes just
// when one program takes the other's place may end weir at once, or be lost, and then ends weir when it is repeated.
func TestRestartThenStop(t *testing.T) {
	const flows = 200
	const last = " were looked into"
	for _, after := range []string{"", "restarting in place", last} { // what the first weir has said
		h := quietHost(t, 1)
		arrived := countArrivals(t, h, "in0")
		r := watch(t, h, "-i", "in0", "--mode", "ebpf", "--socket", "none", "--uplink", "off")
		_, err := h.SendFrames(context.Background(), "out0", bindings(flows), lab.Sending{Rate: 5000, Loops: 2})
		if err != nil {
			t.Fatal(err)
		}
		lab.Landed(t)
		if err := r.Process.Process.Signal(unix.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		r.Await(after)
		if err := r.Process.Process.Signal(unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if after == last && !r.Within(wait.Limit, r.Ended) {
			if err := r.Process.Process.Signal(unix.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
		if status := r.End(endTime); status != 0 {
			if after != last || status != -1 {
				t.Errorf("stopped after %q: status %d; weir said\n%s", after, status, r.Said)
			}
			continue
		}
		all := records(t, r.Stdout.String())
		wantPackets, wantBytes := arrived()
		if packets, bytes := sums(all); packets != wantPackets || bytes != wantBytes || len(all) != flows {
			t.Errorf("stopped after %q: %d records, %d packets, %d bytes; nft: %d packets, %d bytes", after, len(all),
				packets, bytes, wantPackets, wantBytes)
		}
	}
}

// TestRestartWithOtherMaps: with other settings of the kernel's maps flows go on with what they had, and weir says that
// packets may be missing.
func TestRestartWithOtherMaps(t *testing.T) {
	const flows = 200
	h := quietHost(t, 1)
	file := filepath.Join(t.TempDir(), "weir.yaml")
	set := func(most int) {
		t.Helper()
		text := fmt.Sprintf("flows: {max: %d}\ncontrol: {socket: none}\nuplink: {use: off}\n", most)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set(4096)
	r := watch(t, h, "-i", "in0", "--mode", "ebpf", "--config", file)
	frames := bindings(flows)
	for _, most := range []int{8192, 8192} { // the second time the maps are the same
		if _, err := h.SendFrames(context.Background(), "out0", frames, lab.Sending{Rate: 5000, Loops: 2}); err != nil {
			t.Fatal(err)
		}
		lab.Landed(t)
		set(most)
		r.restart()
	}
	if _, err := h.SendFrames(context.Background(), "out0", frames, lab.Sending{Rate: 5000}); err != nil {
		t.Fatal(err)
	}
	lab.Landed(t)
	all := r.stop()
	if packets, _ := sums(all); packets != 5*flows || len(all) != flows {
		t.Errorf("%d records with %d packets", len(all), packets)
	}
	for _, f := range all {
		if f.all["method"] != "dpi" {
			t.Fatalf("a flow was named by %v", f.all["method"])
		}
	}
	if n := strings.Count(r.Said.String(), "is not counted"); n != 1 {
		t.Errorf("weir said %d times that packets may be missing", n)
	}
}

// TestRestartCommand: weir restart returns when the next weir answers; without a sound program nothing happens.
func TestRestartCommand(t *testing.T) {
	h := quietHost(t, 1)
	folder := t.TempDir()
	program, socket := filepath.Join(folder, "weir"), filepath.Join(folder, "socket")
	install := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(program+".new", text, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(program+".new", program); err != nil {
			t.Fatal(err)
		}
	}
	sound, err := os.ReadFile(weir(t))
	if err != nil {
		t.Fatal(err)
	}
	install(sound)
	m := newManager(t)
	r := launch(t, h, "env", "NOTIFY_SOCKET="+m.path, program, "run", "-i", "in0", "--mode", "ebpf",
		"--output", "ndjson", "--uplink", "off", "--socket", socket)
	m.await("READY=1")
	restart := func() (string, int) {
		c := exec.Command(weir(t), "restart", "--socket", socket)
		out, _ := c.CombinedOutput()
		return string(out), c.ProcessState.ExitCode()
	}
	said, status := "", 1
	wait.Until(t, "weir answers", func() bool {
		said, status = restart()
		return !strings.Contains(said, "only just started")
	})
	if status != 0 {
		t.Fatalf("weir restart: %d, %s", status, said)
	}
	m.await("RELOADING=1")
	m.await("READY=1")

	install([]byte("#!/bin/sh\nexit 3\n"))
	if err := r.Process.Process.Signal(unix.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	r.Await("no restart: ")
	install(sound)
	r.restart()
	if flows := r.stop(); len(flows) != 0 {
		t.Errorf("%d flows", len(flows))
	}
	m.await("STOPPING=1")
}
