// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// TestStopped stops weir's processes for a while, like a debugger or a machine out of memory. Traffic goes on, and the
// packets meanwhile are counted: by the kernel, or as lost.
func TestStopped(t *testing.T) {
	eachWay(t, func(t *testing.T, way string, flags []string) {
		t.Parallel()
		var found string
		report(t, "C1", "stopped, "+way, &found)
		l := lab.New(t, lab.Options{})
		a := watch(t, l.Gateway, nil, flags...)
		x := &traffic{t: t, lab: l, rate: 10_000}
		x.while(1, func() {
			for _, pid := range []int{a.confined(), a.Process.Process.Pid, -a.Process.Process.Pid} {
				// the last: all of them
				_ = unix.Kill(pid, unix.SIGSTOP)
				time.Sleep(stopped / 2) // the outage itself
				_ = unix.Kill(pid, unix.SIGCONT)
			}
		})
		lab.Landed(t)
		a.stop()
		seen := packetsTo(flows(t, a.Stdout.String()), 9000)
		lost, causes := a.Lost()
		found = fmt.Sprintf("3 × %v; %v; weir saw %d and %d are lost (%s)", stopped/2, x, seen, lost, causes)
		x.verdict()
		sent := uint64(x.sent + x.spoilt)
		if x.spoilt == 0 && (seen > sent || seen+lost < sent) {
			t.Errorf("%d sent, but %d seen and %d lost", sent, seen, lost)
		}
		if way == "ebpf tcx" && lost > 0 {
			t.Errorf("the kernel counts, but %d are lost", lost)
		}
	})
}

// TestMemoryKill makes the kernel's OOM killer end weir.
func TestMemoryKill(t *testing.T) {
	path := weir(t)
	t.Parallel()
	var found string
	report(t, "C1", "out of memory", &found)
	group := fmt.Sprintf("/sys/fs/cgroup/memory/weir-soak-%d", os.Getpid())
	if err := os.Mkdir(group, 0o755); err != nil {
		lab.Lacks(t, "no control group with a limit of memory (version 1): "+err.Error())
	}
	t.Cleanup(func() {
		if !wait.Reached(func() bool { return os.Remove(group) == nil }) { // its processes may be ending
			t.Errorf("%s is still there", group)
		}
	})
	l := lab.New(t, lab.Options{})
	x := &traffic{t: t, lab: l, rate: 10_000}
	ends := map[string]int{}
	x.while(1, func() {
		// From too little to start, to enough to watch until learning exhausts it.
		for _, mebibytes := range []int{6, 12, 20, 28} {
			if err := os.WriteFile(filepath.Join(group, "memory.limit_in_bytes"), []byte(strconv.Itoa(mebibytes<<20)),
				0o644); err != nil {
				t.Error(err)
				return
			}
			a := start(t, l.Gateway, nil, "sh", "-c",
				fmt.Sprintf("echo $$ >%s/tasks; exec %s run -i lan0 -i wan0 --output none --duration 2s", group, path))
			status := a.End(30 * time.Second)
			switch said := a.Said.String(); {
			case status == -1:
				ends["killed"]++
			case status == 0:
				ends["went well"]++
			case strings.Contains(said, "SIGKILL") || strings.Contains(said, "memory"):
				ends["reported it"]++
			default:
				t.Errorf("with %d MiB weir ended with %d, but said %q", mebibytes, status, program.Tail(said))
			}
		}
	})
	found = fmt.Sprintf("%v with 6, 12, 20, 28 MiB; %v", ends, x)
	x.verdict()
	if ends["killed"]+ends["reported it"] == 0 {
		t.Error("weir was never out of memory: the limits are too high for this test")
	}
}

// TestPanicLoop starts weir again immediately after each crash, as a service manager does.
func TestPanicLoop(t *testing.T) {
	path := weir(t)
	t.Parallel()
	var found string
	report(t, "C1", "panic loop", &found)
	l := lab.New(t, lab.Options{})
	x := &traffic{t: t, lab: l, rate: 10_000}
	crashes := 0
	x.while(1, func() {
		for range max(5, kills/10) {
			a := start(t, l.Gateway, nil, path, "run", "-i", "lan0", "-i", "wan0", "--output", "none")
			a.Await("watching")
			if err := unix.Kill(a.confined(), unix.SIGABRT); err != nil {
				t.Error(err)
				return
			}
			if status := a.End(10 * time.Second); status == 0 {
				t.Error("the confined process crashed, and weir ended with 0")
			}
			if said := a.Said.String(); !strings.Contains(said, "SIGABRT") || !strings.Contains(said, "goroutine ") {
				t.Errorf("weir crashed and said %q", program.Tail(said))
			}
			crashes++
		}
	})
	found = fmt.Sprintf("%d crashes; %v", crashes, x)
	x.verdict()
}

// TestFullDisk writes to a full file system.
func TestFullDisk(t *testing.T) {
	weir(t)
	t.Parallel()
	var found string
	report(t, "C1", "disk full", &found)
	l := lab.New(t, lab.Options{})
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	a := watch(t, l.Gateway, full, "--update-every", "1s")
	x := &traffic{t: t, lab: l, rate: 10_000}
	status := 0
	x.while(1, func() { status = a.End(20 * time.Second) })
	lines := strings.Split(strings.TrimSpace(a.Said.String()), "\n")
	last := lines[len(lines)-1]
	found = fmt.Sprintf("status %d, %q; %v", status, last, x)
	x.verdict()
	if status == 0 || !strings.Contains(a.Said.String(), "no space left on device") {
		t.Errorf("weir ended with %d and said %q", status, a.Said)
	}
}
