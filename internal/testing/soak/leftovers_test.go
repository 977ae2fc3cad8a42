// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// held are the BPF objects that processes hold, by ID, which the kernel never reuses.
type held struct{ maps, programs, links []uint32 }

var heldLine = regexp.MustCompile(`(?m)^(map_id|prog_id|link_id):\s*(\d+)$`)

func heldBy(pids ...int) (h held) {
	for _, pid := range pids {
		infos, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
		for _, info := range infos {
			text, _ := os.ReadFile(info)
			for _, m := range heldLine.FindAllStringSubmatch(string(text), -1) {
				n, _ := strconv.ParseUint(m[2], 10, 32)
				switch id := uint32(n); m[1] {
				case "map_id":
					h.maps = append(h.maps, id)
				case "prog_id":
					h.programs = append(h.programs, id)
				case "link_id":
					h.links = append(h.links, id)
				}
			}
		}
	}
	for _, ids := range []*[]uint32{&h.maps, &h.programs, &h.links} {
		slices.Sort(*ids)
		*ids = slices.Compact(*ids)
	}
	return h
}

// left returns those that still exist.
func (h held) left() (all []string) {
	for _, id := range h.maps {
		if m, err := ebpf.NewMapFromID(ebpf.MapID(id)); !errors.Is(err, os.ErrNotExist) {
			all = append(all, fmt.Sprintf("map %d", id))
			m.Close()
		}
	}
	for _, id := range h.programs {
		if p, err := ebpf.NewProgramFromID(ebpf.ProgramID(id)); !errors.Is(err, os.ErrNotExist) {
			all = append(all, fmt.Sprintf("program %d", id))
			p.Close()
		}
	}
	for _, id := range h.links {
		if l, err := link.NewFromID(link.ID(id)); !errors.Is(err, os.ErrNotExist) {
			all = append(all, fmt.Sprintf("link %d", id))
			if err == nil {
				l.Close()
			}
		}
	}
	return all
}

// inventory describes everything in a host that weir could have changed.
func inventory(t testing.TB, h *lab.Host) string {
	t.Helper()
	s := sh(t, h, "tc qdisc show", "for l in lan0 wan0; do tc filter show dev $l ingress; tc filter show dev $l "+
		"egress; done 2>&1",
		"nft list ruleset", "ss -0 -a -n -e", "ss -a -n -u -t", "ip -d link show | grep -v 'state'", "ip -o address",
		"ip route", "ip rule",
		"ls -R /sys/fs/bpf", "ls /sys/class/net",
		"sysctl -a 2>/dev/null | grep -E '^net[.](core|ipv4[.](conf|ip_forward)|ipv6[.]conf)'",
		"echo", "bpftool net 2>&1")
	return s + strings.Join(attached(t, h), "\n")
}

// attached lists the TCX programs, which many distributions' bpftool does not know.
func attached(t testing.TB, h *lab.Host) (all []string) {
	t.Helper()
	err := h.Do(func() error {
		interfaces, err := net.Interfaces()
		if err != nil {
			return err
		}
		for _, i := range interfaces {
			for _, at := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
				r, err := link.QueryPrograms(link.QueryOptions{Target: i.Index, Attach: at})
				if err != nil {
					return fmt.Errorf("%s: %w", i.Name, err)
				}
				for _, p := range r.Programs {
					all = append(all, fmt.Sprintf("%s %v: program %d", i.Name, at, p.ID))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// settled waits until a host's inventory is unchanged, and returns the lines that differ.
func settled(t testing.TB, h *lab.Host, before string, limit time.Duration) (differ []string) {
	t.Helper()
	wait.Within(limit, func() bool {
		after := inventory(t, h)
		if after == before {
			differ = nil
			return true
		}
		differ = nil
		a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
		for _, line := range a {
			if !slices.Contains(b, line) {
				differ = append(differ, "-"+line)
			}
		}
		for _, line := range b {
			if !slices.Contains(a, line) {
				differ = append(differ, "+"+line)
			}
		}
		return false
	})
	return differ
}

// TestNothingLeft kills weir and looks for traces.
func TestNothingLeft(t *testing.T) {
	eachWay(t, func(t *testing.T, way string, flags []string) {
		t.Parallel()
		var found string
		report(t, "C3", "leftovers, "+way, &found)
		l := lab.New(t, lab.Options{})
		before := inventory(t, l.Gateway)
		objects := 0
		for _, kill := range []string{"parent", "confined", "all"} {
			a := watch(t, l.Gateway, nil, flags...)
			if during := inventory(t, l.Gateway); during == before {
				t.Error("the inventory does not show that weir runs")
			}
			pid := a.Process.Process.Pid
			h := heldBy(append(program.Children(pid), pid)...)
			objects += len(h.maps) + len(h.programs) + len(h.links)
			if strings.HasPrefix(way, "ebpf") && (len(h.maps) < 5 || len(h.programs) < 2) {
				t.Errorf("weir holds %+v", h)
			}
			switch kill {
			case "parent":
				_ = unix.Kill(pid, unix.SIGKILL)
			case "confined":
				_ = unix.Kill(a.confined(), unix.SIGKILL)
			default:
				_ = unix.Kill(-pid, unix.SIGKILL)
			}
			a.End(10 * time.Second)
			checkLeft(t, l, way, kill, before, h)
		}
		if way == "ebpf clsact" { // the next start, in any mode, recognises what is left and removes it
			a := watch(t, l.Gateway, nil)
			a.stop()
			if differ := settled(t, l.Gateway, before, wait.Limit); differ != nil {
				t.Errorf("after the next start there differ\n%s", strings.Join(differ, "\n"))
			}
		}
		found = fmt.Sprintf("3 kills; of %d maps, programs and links none is left", objects)
	})
}

// checkLeft looks for traces of a killed weir. With clsact these are the filters and the qdisc, unless the privileged
// process had time to remove them.
func checkLeft(t *testing.T, l *lab.Lab, way, kill, before string, h held) {
	t.Helper()
	limit, stay := wait.Limit, way == "ebpf clsact" && kill != "confined"
	if stay {
		limit = 3 * time.Second // no removal to wait for: the privileged process is gone
	}
	differ := settled(t, l.Gateway, before, limit)
	if stay {
		for _, line := range differ {
			if !strings.Contains(line, "clsact") && !strings.Contains(line, "weir_") &&
				!strings.Contains(line, "filter protocol all") {
				t.Errorf("%s killed: %s", kill, line)
			}
		}
		if len(differ) == 0 {
			t.Error("killed with clsact, and no filter is left: the test does not see them")
		}
		return
	}
	if differ != nil {
		t.Errorf("%s killed, and there differ\n%s", kill, strings.Join(differ, "\n"))
	}
	var left []string
	if wait.Reached(func() bool { left = h.left(); return len(left) == 0 }) { // the kernel frees them later
		return
	}
	t.Errorf("%s killed, and these remain: %s", kill, strings.Join(left, ", "))
}

// counting is another owner's program, which counts UDP packets and passes them.
type counting struct {
	program *ebpf.Program
	count   *ebpf.Map
}

func newCounting(t testing.TB, verdict int32) *counting {
	t.Helper()
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "Apache-2.0", Name: "other",
		Instructions: asm.Instructions{
			asm.LoadMapValue(asm.R1, m.FD(), 0),
			asm.Mov.Imm(asm.R2, 1),
			asm.StoreXAdd(asm.R1, asm.R2, asm.DWord),
			asm.Mov.Imm(asm.R0, verdict),
			asm.Return(),
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(); m.Close() })
	return &counting{p, m}
}

func (c *counting) value(t testing.TB) (n uint64) {
	t.Helper()
	if err := c.count.Lookup(uint32(0), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOthers runs others' programs at TCX and at tc, and nftables counters, beside weir: they count as without it.
func TestOthers(t *testing.T) {
	eachWay(t, func(t *testing.T, way string, flags []string) {
		t.Parallel()
		var found string
		report(t, "C4", "others, "+way, &found)
		l := lab.New(t, lab.Options{})
		counters := others(t, l)
		before := counters()
		step := func(name string, during func()) {
			t.Helper()
			was := counters()
			during()
			d, err := lab.Datagrams{Count: 10_000, Rate: 20_000}.Send(context.Background(), l.Clients[0], l.Servers[0])
			if err != nil || d.LostCount() > 0 {
				t.Errorf("%s weir: %v, %v", name, d, err)
			}
			for i, now := range counters() {
				// Neighbour solicitations add a few frames to the datagrams.
				if got := now - was[i]; got < 10_000 || got > 10_000+20 || i == 2 && got != 10_000 {
					t.Errorf("%s weir, counter %d grew by %d", name, i, got)
				}
			}
		}
		step("before", func() {})
		var a *agent
		step("with", func() { a = watch(t, l.Gateway, nil, flags...) })
		step("after a kill of", func() {
			_ = unix.Kill(-a.Process.Process.Pid, unix.SIGKILL)
			<-a.Done()
		})
		step("again with", func() { a = watch(t, l.Gateway, nil, flags...) })
		step("after", func() { a.stop() })
		now := counters()
		found = fmt.Sprintf("of 5 × 10,000 datagrams TCX counted %d, tc %d, nftables %d", now[0]-before[0],
			now[1]-before[1], now[2]-before[2])
	})
}

// others installs the three on lan0 and wan0, and returns a function that reads them.
func others(t testing.TB, l *lab.Lab) func() [3]uint64 {
	t.Helper()
	lan, err := l.Gateway.Link("lan0")
	if err != nil {
		t.Fatal(err)
	}
	tcx, tc := newCounting(t, -1 /* TCX_NEXT */), newCounting(t, -1 /* TC_ACT_UNSPEC */)
	err = l.Gateway.Do(func() error {
		k, err := link.AttachTCX(link.TCXOptions{Interface: lan.Index, Program: tcx.program,
			Attach: ebpf.AttachTCXIngress})
		if err != nil {
			return err
		}
		t.Cleanup(func() { k.Close() })
		if err := unix.Mount("bpf", "/sys/fs/bpf", "bpf", 0, ""); err != nil {
			return fmt.Errorf("mount a file system for programs: %w", err)
		}
		return tc.program.Pin("/sys/fs/bpf/other")
	})
	if err != nil {
		t.Fatal(err)
	}
	sh(t, l.Gateway, "tc qdisc add dev wan0 clsact",
		"tc filter add dev wan0 egress bpf da object-pinned /sys/fs/bpf/other",
		"nft add table ip other",
		"nft add chain ip other count '{ type filter hook forward priority 0; }'",
		"nft add rule ip other count udp dport 9000 counter")
	inNft := regexp.MustCompile(`counter packets (\d+)`)
	return func() [3]uint64 {
		t.Helper()
		m := inNft.FindStringSubmatch(sh(t, l.Gateway, "nft list table ip other"))
		if m == nil {
			t.Fatal("nftables has no counter")
		}
		n, _ := strconv.ParseUint(m[1], 10, 64)
		return [3]uint64{tcx.value(t), tc.value(t), n}
	}
}
