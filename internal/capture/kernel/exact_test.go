// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/capture"
)

// onEachCPU runs f on every CPU of the process at once, on pinned threads, and returns the number of CPUs.
func onEachCPU(t *testing.T, f func() error) (n int) {
	t.Helper()
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	start := make(chan struct{})
	for id := 0; n < allowed.Count(); id++ {
		if !allowed.IsSet(id) {
			continue
		}
		n++
		group.Add(1)
		go func() {
			defer group.Done()
			runtime.LockOSThread() // and the thread ends here: its affinity is of no use to others
			var one unix.CPUSet
			one.Set(id)
			if err := unix.SchedSetaffinity(0, &one); err != nil {
				t.Error(err)
			}
			<-start
			if err := f(); err != nil {
				t.Error(err)
			}
		}()
	}
	close(start)
	group.Wait()
	return n
}

// flowFrames returns a packet of flow i from the lower end and one from the upper end.
func flowFrames(i int) [2][]byte {
	p := with(ip4(17, udp(1000, 53, abc)), 12, 10, byte(i>>16), byte(i>>8), byte(i))
	return [2][]byte{ether(0x0800, p), ether(0x0800, back4(p, true))}
}

const question = 31 // bytes of such a packet

// TestExact counts n flows of m packets each way from each CPU: all CPUs receive both directions of every flow at the
// same time.
func TestExact(t *testing.T) {
	const flows, rounds = 500, 20
	g := newRig(t, Config{Geometry: Geometry{Workers: 2, SlotsPerWorker: 2 * flows}})
	cpus := onEachCPU(t, func() error {
		for range rounds {
			for i := range flows {
				for _, f := range flowFrames(i) {
					if _, err := g.objects.WeirIngress.Run(&ebpf.RunOptions{Data: f}); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
	want := uint64(cpus * rounds)
	slots := g.slots()
	if len(slots) != flows || g.flowEntries() != flows {
		t.Errorf("%d slots and %d keys, want %d", len(slots), g.flowEntries(), flows)
	}
	for _, s := range slots {
		for _, d := range []bpf.WeirDirection{s.Lower, s.Upper} {
			if d.Packets != want || d.Bytes != want*question {
				t.Errorf("slot %d: %s, want %d packets each way", s.number, s.describe(), want)
			}
		}
	}
	c := g.causes()
	if n := c[bpf.WeirCauseCAUSE_SAMPLED] + c[bpf.WeirCauseCAUSE_RING_FULL]; n < 8*flows || n > uint64(8+cpus)*flows {
		t.Errorf("%d packets shown of %d flows", n, flows)
	}
	if n := uint64(len(g.records())); n != c[bpf.WeirCauseCAUSE_SAMPLED] {
		t.Errorf("%d records, %d counted", n, c[bpf.WeirCauseCAUSE_SAMPLED])
	}
	// One worker has both directions of a flow, and all flows of a pair of hosts.
	for _, s := range slots {
		if s.Key.Rest>>48 == 0 || g.workerOf(s.number) > 1 {
			t.Errorf("slot %d: %s", s.number, s.describe())
		}
	}
}

// TestOneHotFlow: all CPUs count the same packet at the same time, without pauses.
func TestOneHotFlow(t *testing.T) {
	const each = 200_000
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	frame := flowFrames(1)[0]
	cpus := onEachCPU(t, func() error {
		// A signal, such as the Go runtime's own, interrupts a test run, which then starts again.
		var all unix.Sigset_t
		for i := range all.Val {
			all.Val[i] = ^all.Val[i]
		}
		if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil); err != nil {
			return err
		}
		_, err := g.objects.WeirIngress.Run(&ebpf.RunOptions{Data: frame, Repeat: each})
		return err
	})
	s := g.slots()
	if want := uint64(cpus * each); len(s) != 1 || s[0].Lower.Packets != want || s[0].Lower.Bytes != want*question {
		t.Errorf("got %s, want %d packets", g.describe(g.causes()), want)
	}
}

// TestBegunAtOnce: all CPUs receive the first packet of a flow at the same time. One of them creates the flow, and the
// others free their slots.
func TestBegunAtOnce(t *testing.T) {
	const flows = 2000
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: flows + 64}}) // the losers need one for a moment
	var arrived atomic.Int64
	cpus := int64(onEachCPU(t, func() error { return nil }))
	onEachCPU(t, func() error {
		for i := range flows {
			f := flowFrames(i)[0]
			arrived.Add(1)
			for arrived.Load() < int64(i+1)*cpus { // the threads are on CPUs of their own
			}
			if _, err := g.objects.WeirIngress.Run(&ebpf.RunOptions{Data: f}); err != nil {
				return err
			}
		}
		return nil
	})
	slots := g.slots()
	if len(slots) != flows || g.flowEntries() != flows {
		t.Errorf("%d slots in use and %d keys, want %d", len(slots), g.flowEntries(), flows)
	}
	for _, s := range slots {
		if s.Lower.Packets != uint64(cpus) {
			t.Fatalf("%s, want %d packets", s.describe(), cpus)
		}
	}
	if n := g.causes()[bpf.WeirCauseCAUSE_MAP_FULL]; n != 0 {
		t.Errorf("%d packets found no slot", n)
	}
}

func (g *rig) workerOf(slot uint32) int { return int(slot) / g.config.SlotsPerWorker }

// TestWorkerByAddresses: one worker has all flows between two hosts, and hosts spread over the workers.
func TestWorkerByAddresses(t *testing.T) {
	const hosts = 64
	g := newRig(t, Config{Geometry: Geometry{Workers: 4, SlotsPerWorker: 1024}})
	perWorker := make([]int, 4)
	for h := range hosts {
		p := with(plainUDP, 12, 10, 0, 0, byte(h))
		for _, q := range [][]byte{p, back4(p, true), with(p, 20, 9, 9), with(plainTCP, 12, 10, 0, 0, byte(h))} {
			g.run(g.objects.WeirIngress, ether(0x0800, q))
		}
		slots := g.slots()
		for _, s := range slots {
			if g.workerOf(s.number) != g.workerOf(slots[0].number) {
				t.Fatalf("host %d: slots of workers %d and %d", h, g.workerOf(s.number), g.workerOf(slots[0].number))
			}
		}
		worker := g.workerOf(slots[0].number)
		for i, r := range g.rings {
			for b := r.next(); b != nil; b = r.next() {
				if i != worker {
					t.Fatalf("host %d: a record in ring %d, its slot is worker %d's", h, i, worker)
				}
			}
			r.release()
		}
		perWorker[worker]++
		g.free()
	}
	for w, n := range perWorker {
		if n == 0 {
			t.Errorf("worker %d has no host of %d: %v", w, hosts, perWorker)
		}
	}
}

// TestFanout: the fanout program selects the worker whose slots the shunt counts the frame in.
func TestFanout(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{Workers: 4, SlotsPerWorker: 256}})
	var counts [4]int
	for host := range byte(64) {
		p4, p6 := with(plainUDP, 12, 10, 0, 0, host), with(ip6(17, udp(1000, 53, abc)), 15, host)
		for _, p := range [][]byte{p4, back4(p4, true), p6, fragment4(p4, 0, true), ip4Options(make([]byte, 8), 6,
			tcp(abc))} {
			frame := &ebpf.RunOptions{Data: join(make([]byte, 14), p)}
			if _, err := g.objects.WeirShuntRaw.Run(frame); err != nil {
				t.Fatal(err)
			}
			worker, err := g.objects.WeirFanout.Run(frame)
			if err != nil {
				t.Fatal(err)
			}
			if s := g.slots(); len(s) != 1 || g.workerOf(s[0].number) != int(worker) {
				t.Errorf("sent to worker %d, counted: %s in slot %d", worker, s[0].describe(), s[0].number)
			}
			counts[worker]++
			g.free()
		}
	}
	for worker, n := range counts {
		if n == 0 {
			t.Errorf("worker %d got nothing: %v", worker, counts)
		}
	}
}

// TestMapFull: with more flows than slots the other packets go to the agent, and counters cover all of them.
func TestMapFull(t *testing.T) {
	const flows, rounds = 200, 10
	for _, ring := range []int{4096, 4 << 20} {
		g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64, RingBytes: ring}})
		handed := uint64(0)
		cpus := onEachCPU(t, func() error {
			for range rounds {
				for i := range flows {
					if _, err := g.objects.WeirIngress.Run(&ebpf.RunOptions{Data: flowFrames(i)[0]}); err != nil {
						return err
					}
				}
			}
			return nil
		})
		sent := uint64(cpus * rounds * flows)
		for _, r := range g.records() {
			if r.Slot == capture.NotCounted {
				handed += uint64(r.Segments)
			}
		}
		counted := uint64(0)
		slots := g.slots()
		for _, s := range slots {
			counted += s.Lower.Packets
		}
		c := g.causes()
		if len(slots) != 64 {
			t.Errorf("ring of %d: %d slots used", ring, len(slots))
		}
		if counted+c[bpf.WeirCauseCAUSE_MAP_FULL] != sent {
			t.Errorf("ring of %d: %d counted and %d handed over of %d", ring, counted, c[bpf.WeirCauseCAUSE_MAP_FULL],
				sent)
		}
		if handed+c[bpf.WeirCauseCAUSE_UNCOUNTED] != c[bpf.WeirCauseCAUSE_MAP_FULL] {
			t.Errorf("ring of %d: %d in records, %d uncounted, of %d handed over", ring, handed,
				c[bpf.WeirCauseCAUSE_UNCOUNTED],
				c[bpf.WeirCauseCAUSE_MAP_FULL])
		}
		if ring > 4096 && c[bpf.WeirCauseCAUSE_UNCOUNTED] != 0 {
			t.Errorf("%d uncounted in a ring with room", c[bpf.WeirCauseCAUSE_UNCOUNTED])
		}
		if n := g.flowEntries(); n != 64 {
			t.Errorf("ring of %d: %d keys for 64 slots", ring, n)
		}
	}
}

// TestRingFull: nobody reads the ring. A counter has the records without room, and the flows are exact.
func TestRingFull(t *testing.T) {
	const flows, packets, budget = 40, 20, 8
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64, RingBytes: 4096}})
	for range packets {
		for i := range flows {
			g.run(g.objects.WeirIngress, flowFrames(i)[0])
		}
	}
	for _, s := range g.slots() {
		if s.Lower.Packets != packets || s.Lower.Bytes != packets*question {
			t.Errorf("%s", s.describe())
		}
	}
	c := g.causes()
	records := uint64(len(g.records()))
	if c[bpf.WeirCauseCAUSE_SAMPLED] != records || records == 0 ||
		records+c[bpf.WeirCauseCAUSE_RING_FULL] != flows*budget {
		t.Errorf("%d records, %d counted as sent, %d without room; want %d in all", records,
			c[bpf.WeirCauseCAUSE_SAMPLED],
			c[bpf.WeirCauseCAUSE_RING_FULL], flows*budget)
	}
}

// segment returns a TCP segment of the tests' connection, from the lower or the upper end.
func segment(fromUpper bool, seq uint32, flags byte, payload ...[]byte) []byte {
	p := ip4(6, tcpOf(1000, 443, seq, flags, payload...))
	if fromUpper {
		p = back4(p, true)
		binary.BigEndian.PutUint32(p[24:], seq)
	}
	return ether(0x0800, p)
}

const (
	fin, syn, rst, ack = 1, 2, 4, 16
)

// TestRebirth opens connections with the addresses and ports of earlier ones.
func TestRebirth(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	first := [][]byte{segment(false, 7, syn), segment(true, 9, syn|ack), segment(false, 8, ack, abc)}
	const head = tcp4
	for _, r := range []struct {
		name   string
		frames [][]byte
		want   string
	}{
		{"SYN sent again", [][]byte{segment(false, 7, syn)}, head + " flags 2/2 3/123 1/40"},
		{"SYN with another number soon after", [][]byte{segment(false, 70, syn)}, head + " flags 2/2 3/123 1/40"},
		{"one FIN", [][]byte{segment(false, 11, fin|ack), segment(false, 70, syn)},
			head + " flags 3/2 3/123 1/40 replaced; " + head + " flags 2/0 1/40 0/0"},
		{"one FIN, the first SYN again", [][]byte{segment(false, 11, fin|ack), segment(false, 7, syn)}, head +
			" flags 3/2 4/163 1/40"},
		{"FIN both ways", [][]byte{segment(false, 11, fin|ack), segment(true, 10, fin|ack), segment(false, 70, syn),
			segment(true, 90, syn|ack)}, head + " flags 3/3 3/123 2/80 replaced; " + head + " flags 2/2 1/40 1/40"},
		{"RST", [][]byte{segment(true, 10, rst), segment(false, 70, syn)},
			head + " flags 2/6 2/83 2/80 replaced; " + head + " flags 2/0 1/40 0/0"},
		{"the other end begins", [][]byte{segment(true, 10, rst), segment(true, 70, syn)},
			head + " flags 2/6 2/83 2/80 replaced; " + head + " flags 0/2 0/0 1/40"},
		{"a SYN ACK begins nothing", [][]byte{segment(true, 10, rst), segment(true, 70, syn|ack)}, head +
			" flags 2/6 2/83 3/120"},
	} {
		before := g.causes()
		for _, f := range first {
			g.run(g.objects.WeirIngress, f)
		}
		waitForClockTick()
		for _, f := range r.frames {
			g.run(g.objects.WeirIngress, f)
		}
		if got := g.describe(before); got != r.want {
			t.Errorf("%s:\ngot  %s\nwant %s", r.name, got, r.want)
		}
		slots := g.slots()
		if last := slots[len(slots)-1]; len(slots) == 2 {
			isUpper := bpf.WeirMark(last.Marks)&bpf.WeirMarkMARK_FIRST_FROM_UPPER != 0
			if isUpper != (r.name == "the other end begins") {
				t.Errorf("%s: first from upper: %v", r.name, isUpper)
			}
			if last.Isn != 70 {
				t.Errorf("%s: initial sequence number %d", r.name, last.Isn)
			}
			// Retiring the old life leaves the new one's key.
			if err := g.Retire([]uint32{slots[0].number}); err != nil {
				t.Fatal(err)
			}
			if n := g.flowEntries(); n != 1 {
				t.Errorf("%s: %d keys after the old life was retired", r.name, n)
			}
		}
		g.reset()
	}
}

// waitForClockTick waits until the coarse clock of the slots advances.
func waitForClockTick() {
	read := func() (ts unix.Timespec) {
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC_COARSE, &ts)
		return ts
	}
	for before := read(); read() == before; {
		runtime.Gosched()
	}
}

// TestBudget counts records.
func TestBudget(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	counter := g.view.Counter(0, g.Loader)
	shown := func(n int, frames ...[]byte) int {
		for range n {
			for _, f := range frames {
				g.run(g.objects.WeirIngress, f)
			}
		}
		return len(g.records())
	}
	check := func(name string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d records, want %d", name, got, want)
		}
	}
	data, bare := segment(false, 8, ack, abc), segment(true, 10, ack)
	check("handshake", shown(1, segment(false, 7, syn), segment(true, 9, syn|ack)), 2)
	check("bare ACKs", shown(20, bare), 0)
	check("TCP with payload", shown(20, data, bare), 10)
	slot := g.slots()[0].number
	counter.Show(slot, 3)
	check("three more", shown(20, data, bare), 3)
	counter.Show(slot, 5)
	check("two of five", shown(2, data), 2)
	counter.Show(slot, 0)
	check("stopped", shown(20, data), 0)
	g.reset()

	check("TCP without its beginning", shown(20, data), 12)
	g.reset()
	check("a flow's first packet, bare", shown(20, bare), 1)
	g.reset()
	both := flowFrames(1)
	check("UDP", shown(20, both[:]...), 8)
	counter.Show(g.slots()[0].number, 0)
	check("UDP, stopped", shown(20, flowFrames(1)[0]), 0)
	g.reset()
	check("UDP again, in the same slot", shown(20, flowFrames(1)[0]), 8)
	g.reset()
	check("a first fragment", shown(1, ether(0x0800, fragment4(ip4(17, udp(1000, 53, make([]byte, 16))), 0, true))), 1)
	check("later fragments have no payload to show",
		shown(20, ether(0x0800, fragment4(ip4(17, abc), 3, false))), 0)
	g.reset()
}

// TestSlotsGoRound uses and frees all slots many times: none is lost, and none has two users.
func TestSlotsGoRound(t *testing.T) {
	const slots = 64
	g := newRig(t, Config{Geometry: Geometry{Workers: 1, SlotsPerWorker: slots}})
	for round := range 50 {
		for i := range slots {
			g.run(g.objects.WeirIngress, flowFrames(round*slots + i)[0])
		}
		used := g.slots()
		if len(used) != slots {
			t.Fatalf("round %d: %d of %d slots used", round, len(used), slots)
		}
		for _, s := range used {
			if s.Lower.Packets != 1 || s.Upper.Packets != 0 {
				t.Fatalf("round %d: %s", round, s.describe())
			}
		}
		g.free()
		g.records()
		if n := g.flowEntries(); n != 0 {
			t.Fatalf("round %d: %d keys left", round, n)
		}
	}
	if n := g.causes()[bpf.WeirCauseCAUSE_MAP_FULL]; n != 0 {
		t.Errorf("%d packets found no slot", n)
	}
}

// TestRetired: a retired flow keeps its counters until their release, while another life begins.
func TestRetired(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	f := flowFrames(1)
	counter := g.view.Counter(0, g.Loader)
	g.run(g.objects.WeirIngress, f[0])
	old := g.slots()[0]
	if err := counter.Retire([]uint32{old.number, 1 << 30}); err != nil { // a number that is no slot is passed over
		t.Fatal(err)
	}
	waitForClockTick()
	g.run(g.objects.WeirIngress, f[1])
	slots := g.slots()
	if len(slots) != 2 || slots[0].number != old.number || slots[0].Lower != old.Lower || slots[1].Upper.Packets != 1 {
		t.Fatalf("%d slots: %s", len(slots), g.describe(g.causes()))
	}
	if err := counter.Release([]uint32{old.number}); err != nil {
		t.Fatal(err)
	}
	if g.view.slots[old.number] != (bpf.WeirSlot{}) || g.view.budgets[old.number] != (bpf.WeirBudget{}) {
		t.Errorf("the released slot holds %v, budget %v", g.view.slots[old.number], g.view.budgets[old.number])
	}
	var c capture.Counts
	if counter.Read(old.number, &c) || !counter.Read(slots[1].number, &c) || c.Packets != [2]uint64{0, 1} {
		t.Errorf("the agent reads %v", c)
	}
}
