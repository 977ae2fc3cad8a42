// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// attached lists a port's TCX and XDP programs, tc filters by name, and the clsact qdisc.
func (p *port) attached() string {
	p.t.Helper()
	var parts []string
	p.try(func() error {
		for _, at := range []struct {
			name string
			kind ebpf.AttachType
		}{{"tcx-ingress", ebpf.AttachTCXIngress}, {"tcx-egress", ebpf.AttachTCXEgress}} {
			r, err := link.QueryPrograms(link.QueryOptions{Target: int(p.ifindex), Attach: at.kind})
			if err != nil {
				return err
			}
			if n := len(r.Programs); n > 0 {
				parts = append(parts, fmt.Sprintf("%s %d", at.name, n))
			}
		}
		c, err := dialTC()
		if err != nil {
			return err
		}
		defer c.Close()
		qdiscs, err := c.dump(unix.RTM_GETQDISC, p.ifindex, 0)
		if err != nil {
			return err
		}
		for _, q := range qdiscs {
			if q.ifindex == p.ifindex && (q.kind == "clsact" || q.kind == "ingress") {
				parts = append(parts, q.kind)
			}
		}
		filters, err := c.filters(p.ifindex)
		for _, f := range filters {
			parts = append(parts, fmt.Sprintf("%s at %d", f.name, f.info>>16))
		}
		return err
	})
	if strings.Contains(p.run("ip link show dev %s", p.name), "prog/xdp") {
		parts = append(parts, "xdp")
	}
	return strings.Join(parts, ", ")
}

// other is a TC program of another user: it counts packets, and returns its verdict.
type other struct {
	counter *ebpf.Map
	program *ebpf.Program
}

func newOther(t *testing.T, verdict int32) *other {
	t.Helper()
	counter, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL",
		Instructions: asm.Instructions{
			asm.StoreImm(asm.R10, -4, 0, asm.Word),
			asm.Mov.Reg(asm.R2, asm.R10),
			asm.Add.Imm(asm.R2, -4),
			asm.LoadMapPtr(asm.R1, counter.FD()),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "out"),
			asm.Mov.Imm(asm.R1, 1),
			asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
			asm.Mov.Imm(asm.R0, verdict).WithSymbol("out"),
			asm.Return(),
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = program.Close()
		_ = counter.Close()
	})
	return &other{counter, program}
}

func (o *other) count(t *testing.T) (n uint64) {
	t.Helper()
	if err := o.counter.Lookup(uint32(0), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// pair is two namespaces with a veth between them and a UDP socket at each end.
func pair(t *testing.T) (a, b *port, sa, sb *net.UDPConn) {
	t.Helper()
	a, b = connect(newNamespace(t), newNamespace(t), 1)
	return a, b, a.listenUDP(a.address, 1000), b.listenUDP(b.address, 53)
}

const conversation = "udp 10.0.1.1 1000 10.0.1.2 53"

// TestHooks attaches with each kind of hook: the programs count, and leave nothing behind.
func TestHooks(t *testing.T) {
	for _, r := range []struct{ hook, attached, want string }{
		{"", "tcx-ingress 1, tcx-egress 1", " 20/720 20/680"},
		{"tcx", "tcx-ingress 1, tcx-egress 1", " 20/720 20/680"},
		{"clsact", "clsact, weir_ingress+qdisc at 1, weir_egress+qdisc at 1", " 20/720 20/680"},
		{"xdp", "xdp", " 20/720 0/0"},
		{"xdp-native", "xdp", " 20/720 0/0"},
	} {
		t.Run("hook "+r.hook, func(t *testing.T) {
			g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: r.hook})
			_, b, sa, sb := pair(t)
			for range 2 { // the second time it must work again
				g.attach(b)
				g.attach(b) // does nothing
				if got := b.attached(); got != r.attached {
					t.Errorf("attached: %s; want %s", got, r.attached)
				}
				if r.hook == "xdp-native" {
					// a veth may lose a packet at the attachment of native XDP, which therefore is only an option
					_ = exchange(sa, sb, 1)
					g.reset()
				}
				before := g.causes()
				if err := exchange(sa, sb, 20); err != nil {
					t.Fatal(err)
				}
				if got := g.describe(before); got != conversation+r.want {
					t.Errorf("got %s, want %s", got, conversation+r.want)
				}
				g.detach(b)
				if got := b.attached(); got != "" {
					t.Errorf("left behind: %s", got)
				}
				if n := g.noted(); n != 0 {
					t.Errorf("%d interfaces noted", n)
				}
				if err := exchange(sa, sb, 5); err != nil && r.hook != "xdp-native" {
					t.Fatal(err)
				}
				if got := g.describe(before); got != conversation+r.want {
					t.Errorf("counted after detaching: %s", got)
				}
				g.free()
			}
		})
	}
}

func countEntries(t testing.TB, m *ebpf.Map) (n int) {
	t.Helper()
	var k, v []byte
	entries := m.Iterate()
	for entries.Next(&k, &v) {
		n++
	}
	if err := entries.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestHookErrors: the error for a missing kind of hook is a HookError.
func TestHookErrors(t *testing.T) {
	a, b, _, _ := pair(t)
	b.run("ip tuntap add dev tun0 mode tun")
	var tun *net.Interface
	b.try(func() (err error) { tun, err = net.InterfaceByName("tun0"); return err })
	a.run("tc qdisc add dev %s ingress", a.name)
	for _, r := range []struct {
		hook string
		at   *namespace
		dev  uint32
		raw  bool
	}{
		{"xdp", b.namespace, uint32(tun.Index), true},
		{"xdp-native", b.namespace, 1, false}, // the loopback's driver can't
		{"clsact", a.namespace, a.ifindex, false},
	} {
		g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: r.hook})
		var err error
		r.at.do(func() { _, err = g.Attach(r.dev, r.raw) })
		if !isHookError(err, r.hook) {
			t.Errorf("%s: %v", r.hook, err)
		} else {
			t.Log(err)
		}
		if n := g.noted(); n != 0 {
			t.Errorf("%s: %d interfaces noted", r.hook, n)
		}
	}
	old := &Loader{} // as on a kernel that cannot load the program
	if _, err := old.attachXDP(false)(b.ifindex, nil, nil); !isHookError(err, "xdp") {
		t.Errorf("xdp without its program: %v", err)
	}
	if got := a.attached(); got != "ingress" {
		t.Errorf("the ingress qdisc: %s", got)
	}
	if _, err := Load(Config{Hook: "tc"}); err == nil {
		t.Error("Load accepts an unknown hook")
	}
	for _, hook := range []string{"", "tcx", "clsact", "xdp"} {
		// a missing interface is no reason to try another hook
		g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: hook})
		var err error
		b.do(func() { _, err = g.Attach(9999, false) })
		if err == nil || isHookError(err, hook) {
			t.Errorf("hook %q on no interface: %v", hook, err)
		}
	}
}

// TestOthersKeepTheirCounts is check C4: the counts of another TCX program and another tc filter are the same before,
// with and after weir.
func TestOthersKeepTheirCounts(t *testing.T) {
	for _, hook := range []string{"tcx", "clsact", "xdp"} {
		t.Run(hook, func(t *testing.T) {
			g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: hook})
			_, b, sa, sb := pair(t)
			var others []*other
			for _, end := range []struct {
				tcx    ebpf.AttachType
				parent uint32
			}{{ebpf.AttachTCXIngress, ingressParent}, {ebpf.AttachTCXEgress, egressParent}} {
				x, f := newOther(t, -1), newOther(t, -1)
				others = append(others, x, f)
				b.try(func() error {
					c, err := dialTC()
					if err != nil {
						return err
					}
					defer c.Close()
					if _, err := c.addQdisc(b.ifindex); err != nil {
						return err
					}
					if _, err := c.addFilter(b.ifindex, end.parent, "other", f.program); err != nil {
						return err
					}
					l, err := link.AttachTCX(link.TCXOptions{Interface: int(b.ifindex), Program: x.program,
						Attach: end.tcx})
					if err == nil {
						t.Cleanup(func() { _ = l.Close() })
					}
					return err
				})
			}
			alone := b.attached()
			const n = 20
			for i, step := range []func(){func() {}, func() { g.attach(b) }, func() { g.detach(b) }} {
				step()
				if err := exchange(sa, sb, n); err != nil {
					t.Fatal(err)
				}
				for j, o := range others {
					if got, want := o.count(t), uint64((i+1)*n); got != want {
						t.Errorf("step %d: program %d of others counted %d, want %d", i, j, got, want)
					}
				}
			}
			if got := g.slots(); len(got) != 1 || got[0].Lower.Packets != n {
				t.Errorf("weir counted %v", got)
			}
			if got := b.attached(); got != alone {
				t.Errorf("before weir: %s; after it: %s", alone, got)
			}
		})
	}
}

// TestOthersWhoEndTheChain: weir counts packets that other programs pass or drop.
func TestOthersWhoEndTheChain(t *testing.T) {
	const pass = 0 // TCX_PASS
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: "tcx"})
	_, b, sa, sb := pair(t)
	for _, end := range []ebpf.AttachType{ebpf.AttachTCXIngress, ebpf.AttachTCXEgress} {
		o := newOther(t, pass)
		b.try(func() error {
			l, err := link.AttachTCX(link.TCXOptions{Interface: int(b.ifindex), Program: o.program, Attach: end})
			if err == nil {
				t.Cleanup(func() { _ = l.Close() })
			}
			return err
		})
	}
	g.attach(b)
	before := g.causes()
	if err := exchange(sa, sb, 20); err != nil {
		t.Fatal(err)
	}
	if got, want := g.describe(before), conversation+" 20/720 20/680"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// childEnvironment makes the test binary a weir that attaches and waits for its kill; the value has a hook and an
// ifindex.
const childEnvironment = "WEIR_KERNEL_TEST_CHILD"

func TestMain(m *testing.M) {
	if s := os.Getenv(childEnvironment); s != "" {
		if err := child(s); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

func child(s string) error {
	hook, number, _ := strings.Cut(s, " ")
	ifindex, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return err
	}
	l, err := Load(Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: hook})
	if err != nil {
		return err
	}
	if _, err := l.Attach(uint32(ifindex), false); err != nil {
		return err
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed, or the test is gone
	return l.Close()
}

// killed starts a weir that attaches to p with hook, calls meanwhile, and kills the weir.
func (p *port) killed(hook string, meanwhile func()) {
	p.t.Helper()
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", childEnvironment, hook, p.ifindex))
	out, err := c.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := c.StdinPipe(); err != nil { // stays open until Wait
		p.t.Fatal(err)
	}
	p.try(c.Start)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready\n" {
		p.t.Errorf("the child said %q, %v", line, err)
	} else {
		meanwhile()
	}
	if err := c.Process.Kill(); err != nil {
		p.t.Error(err)
	}
	_ = c.Wait() // "signal: killed"
}

// TestKilled kills an attached weir: its links end with it, and the next start recognises and removes its filters
// (check C3).
func TestKilled(t *testing.T) {
	const filters = "weir_ingress at 2, weir_egress at 1"
	_, b, sa, sb := pair(t)
	for _, hook := range []string{"tcx", "xdp"} {
		b.killed(hook, func() {
			if b.attached() == "" {
				t.Errorf("%s: nothing was attached", hook)
			}
		})
		if !wait.Reached(func() bool { return b.attached() == "" }) {
			t.Errorf("%s: left behind: %s", hook, b.attached())
		}
	}
	removed := func(want int, f func() (int, error)) {
		t.Helper()
		var n int
		b.try(func() (err error) { n, err = f(); return err })
		if n != want {
			t.Errorf("%d filters removed, want %d", n, want)
		}
	}
	one := func() (int, error) { return RemoveLeftovers(b.ifindex) }

	removed(0, one)
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	everywhere := func() (int, error) { return g.RemoveLeftovers() }
	removed(0, everywhere)
	b.killed("clsact", func() {})
	if got, want := b.attached(), "clsact, weir_ingress+qdisc at 1, weir_egress+qdisc at 1"; got != want {
		t.Errorf("left behind: %s, want %s", got, want)
	}
	if err := exchange(sa, sb, 20); err != nil { // orphans let traffic through
		t.Fatal(err)
	}
	removed(2, one)
	if got := b.attached(); got != "" {
		t.Errorf("still there: %s", got)
	}

	// The next weir takes over the qdisc of a killed one, and deletes it at its end.
	b.killed("clsact", func() {})
	next := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: "clsact"})
	next.attach(b)
	removed(0, next.RemoveLeftovers) // not those in use
	if got, want := b.attached(), "clsact, weir_ingress+qdisc at 1, weir_egress+qdisc at 1"; got != want {
		t.Errorf("taken over: %s, want %s", got, want)
	}
	next.detach(b)
	if got := b.attached(); got != "" {
		t.Errorf("left by the weir that took over: %s", got)
	}

	// With a qdisc and a filter of another user.
	o := newOther(t, -1)
	b.try(func() error {
		c, err := dialTC()
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.addQdisc(b.ifindex); err != nil {
			return err
		}
		_, err = c.addFilter(b.ifindex, ingressParent, "other", o.program)
		return err
	})
	b.killed("clsact", func() {})
	if got := b.attached(); got != "clsact, other at 1, "+filters {
		t.Errorf("left behind: %s", got)
	}
	removed(2, everywhere)
	if got := b.attached(); got != "clsact, other at 1" {
		t.Errorf("after the filters were removed: %s", got)
	}

	// The next start removes them, with any hook.
	for _, hook := range []string{"tcx", "clsact", "xdp"} {
		b.killed("clsact", func() {})
		g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: hook})
		g.attach(b)
		if got := b.attached(); strings.Count(got, "weir_") > 2 || hook != "clsact" && strings.Contains(got, "weir_") {
			t.Errorf("next start by %s: %s", hook, got)
		}
		g.detach(b)
		if got := b.attached(); got != "clsact, other at 1" {
			t.Errorf("after weir by %s: %s", hook, got)
		}
	}
	before := o.count(t)
	if err := exchange(sa, sb, 20); err != nil {
		t.Fatal(err)
	}
	if n := o.count(t) - before; n != 20 {
		t.Errorf("the other's filter counted %d of 20", n)
	}
}

// TestKilledUnderTraffic kills weir repeatedly during an exchange of single datagrams, which ends at the first loss
// (check C1). WEIR_KILLS is the number of kills. Native XDP, which lost packets elsewhere, is exempt.
func TestKilledUnderTraffic(t *testing.T) {
	kills := 3
	if s := os.Getenv("WEIR_KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	for _, hook := range []string{"tcx", "clsact", "xdp"} {
		_, b, sa, sb := pair(t)
		b.killed(hook, func() {}) // the coming of a qdisc may cost a packet, that of weir does not
		stop, done := make(chan struct{}), make(chan error, 1)
		var answered atomic.Int64
		var failed atomic.Bool
		go func() {
			for {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				if err := exchange(sa, sb, 100); err != nil {
					failed.Store(true)
					done <- err
					return
				}
				answered.Add(100)
			}
		}()
		for range kills {
			b.killed(hook, func() {
				before := answered.Load()
				if !wait.Reached(func() bool { return answered.Load() >= before+200 || failed.Load() }) {
					// 100 of them begun since
					t.Errorf("%s: no answers", hook)
				}
			})
		}
		close(stop)
		if err := <-done; err != nil {
			t.Errorf("%s: after %d answers: %v", hook, answered.Load(), err)
			continue
		}
		t.Logf("%s: %d kills, %d questions and answers, none lost", hook, kills, answered.Load())
	}
}

// TestInterfaceGone deletes an interface under each kind of hook: detaching then succeeds.
func TestInterfaceGone(t *testing.T) {
	for _, hook := range []string{"tcx", "clsact", "xdp"} {
		g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: hook})
		_, b, _, _ := pair(t)
		g.attach(b)
		b.run("ip link delete %s", b.name)
		var err error
		b.do(func() { err = g.Detach(b.ifindex) })
		if err != nil {
			t.Errorf("%s: %v", hook, err)
		}
	}
}
