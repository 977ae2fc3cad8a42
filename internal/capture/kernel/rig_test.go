// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/testing/lab"
)

// needRoot skips a test that cannot load programs; in CI it fails.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	lab.Lacks(t, "needs root")
}

// rig has the loaded programs, and the agent's view of their maps.
type rig struct {
	t testing.TB
	*Loader
	view  *View
	rings []*ring
}

func newRig(t testing.TB, config Config) *rig {
	t.Helper()
	needRoot(t)
	l, err := Load(config)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	fds := l.Descriptors()
	for i, fd := range fds {
		if fds[i], err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
	}
	v, err := NewView(l.Geometry(), fds)
	if err != nil {
		t.Fatalf("view: %v", err)
	}
	g := &rig{t: t, Loader: l, view: v}
	for _, fd := range v.rings {
		r, err := newRing(fd, l.config.RingBytes)
		if err != nil {
			t.Fatal(err)
		}
		g.rings = append(g.rings, r)
	}
	t.Cleanup(func() {
		for _, r := range g.rings {
			_ = r.close()
		}
		if err := v.Close(); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// record is a record of a ring.
type record struct {
	bpf.WeirRecord
	frame []byte
}

// records reads all records of the rings.
func (g *rig) records() (all []record) {
	for _, r := range g.rings {
		for b := r.next(); b != nil; b = r.next() {
			h := *(*bpf.WeirRecord)(unsafe.Pointer(&b[0]))
			all = append(all, record{h, bytes.Clone(b[recordHeader : recordHeader+int(h.Captured)])})
			r.release()
		}
		r.release()
	}
	return all
}

// slot is a used slot and its number.
type slot struct {
	bpf.WeirSlot
	number uint32
}

func (s *slot) key() flow.Key {
	k := &s.Key
	return flow.Key{k.LowerHigh, k.LowerLow, k.UpperHigh, k.UpperLow, k.Rest}
}

// slots lists the slots in use, by key and then by birth.
func (g *rig) slots() (used []slot) {
	for i := range g.view.slots {
		if g.view.slots[i].Born != 0 {
			used = append(used, slot{g.view.slots[i], uint32(i)})
		}
	}
	slices.SortStableFunc(used, func(a, b slot) int {
		ka, kb := a.key(), b.key()
		return cmp.Or(slices.Compare(ka[:], kb[:]), cmp.Compare(a.Born, b.Born))
	})
	return used
}

// free retires and releases all slots in use.
func (g *rig) free() {
	g.t.Helper()
	var numbers []uint32
	for i := range g.view.slots {
		if g.view.slots[i].Born != 0 {
			numbers = append(numbers, uint32(i))
		}
	}
	if err := g.Retire(numbers); err != nil {
		g.t.Fatal(err)
	}
	if err := g.Release(numbers); err != nil {
		g.t.Fatal(err)
	}
}

// flowEntries counts the keys in the flow map.
func (g *rig) flowEntries() (n int) {
	var k bpf.WeirFlowKey
	var v uint32
	entries := g.objects.Flows.Iterate()
	for entries.Next(&k, &v) {
		n++
	}
	if err := entries.Err(); err != nil {
		g.t.Fatal(err)
	}
	return n
}

// noted counts the interfaces that are noted.
func (g *rig) noted() int {
	n := countEntries(g.t, g.objects.Interfaces)
	var index uint32
	var i bpf.WeirInterface
	entries := g.objects.Links.Iterate()
	for entries.Next(&index, &i) {
		if i != (bpf.WeirInterface{}) {
			n++
		}
	}
	if err := entries.Err(); err != nil {
		g.t.Fatal(err)
	}
	return n
}

// causes returns all counters by cause.
func (g *rig) causes() (c [bpf.WeirCauseNUM_CAUSES]uint64) {
	for i := range c {
		c[i] = g.view.cause(bpf.WeirCause(i))
	}
	return c
}

var causeNames = [...]string{"sampled", "ring-full", "map-full", "uncounted", "not-ip", "truncated", "bad-header",
	"too-deep", "odd"}

// skbContext is a struct __sk_buff of linux/bpf.h for a test run.
func skbContext(ingress, ifindex, segments, segmentSize uint32) []byte {
	b := make([]byte, 192)
	for offset, v := range map[int]uint32{36: ingress, 40: ifindex, 164: segments, 176: segmentSize} {
		binary.NativeEndian.PutUint32(b[offset:], v)
	}
	return b
}

// run runs a program on a frame, and fails unless the program passes the packet on.
func (g *rig) run(p *ebpf.Program, frame []byte) {
	g.t.Helper()
	g.runWith(p, &ebpf.RunOptions{Data: frame})
}

func (g *rig) runWith(p *ebpf.Program, options *ebpf.RunOptions) {
	g.t.Helper()
	answer, err := p.Run(options)
	if err != nil {
		g.t.Fatalf("test run of %d bytes: %v", len(options.Data), err)
	}
	want := ^uint32(0) // TCX_NEXT
	if p == g.objects.WeirXdp {
		want = 2 // XDP_PASS
	}
	if answer != want {
		g.t.Fatalf("the program answered %d to %x", int32(answer), options.Data)
	}
}

// describe describes a slot: protocol, ends, network, and the packets and bytes of each end, lower end first.
func (s *slot) describe() string {
	var b strings.Builder
	k := s.key()
	address := func(high, low uint64) netip.Addr {
		var a [16]byte
		for i := range 8 {
			a[i], a[8+i] = byte(high>>(56-8*i)), byte(low>>(56-8*i))
		}
		if k.Version() == 4 {
			return netip.AddrFrom4([4]byte(a[12:]))
		}
		return netip.AddrFrom16(a)
	}
	fmt.Fprintf(&b, "%s %v %d %v %d", packet.ProtoName(k.Proto()), address(k[0], k[1]), k[4]>>48, address(k[2], k[3]),
		uint16(k[4]>>32))
	if network := uint16(k[4] >> 16); network != 0 {
		fmt.Fprintf(&b, " net %d", network)
	}
	if s.IcmpType|s.IcmpCode != 0 {
		fmt.Fprintf(&b, " type %d/%d", s.IcmpType, s.IcmpCode)
	}
	if s.LowerFlags|s.UpperFlags != 0 {
		fmt.Fprintf(&b, " flags %x/%x", s.LowerFlags, s.UpperFlags)
	}
	fmt.Fprintf(&b, " %d/%d %d/%d", s.Lower.Packets, s.Lower.Bytes, s.Upper.Packets, s.Upper.Bytes)
	if bpf.WeirMark(s.Marks)&bpf.WeirMarkMARK_REPLACED != 0 {
		b.WriteString(" replaced")
	}
	return b.String()
}

// describe describes all counts: slots, then causes (those of sampling only after a loss).
func (g *rig) describe(before [bpf.WeirCauseNUM_CAUSES]uint64) string {
	var parts []string
	for _, s := range g.slots() {
		parts = append(parts, s.describe())
	}
	for i, n := range g.causes() {
		if n -= before[i]; n != 0 && bpf.WeirCause(i) != bpf.WeirCauseCAUSE_SAMPLED {
			parts = append(parts, fmt.Sprintf("%s %d", causeNames[i], n))
		}
	}
	return strings.Join(parts, "; ")
}
