// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"testing"

	"github.com/cilium/ebpf"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/flow/flowtest"
	"github.com/weirnet/weir/internal/packet"
)

// TestHealth: the programs find the health of each case. TestLives has the other rules of connections.
func TestHealth(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, TCPHealth: true})
	tagged := func(s *flowtest.Segment) []byte { return ether(0x8100, append([]byte{0, 7, 8, 0}, s.IP()...)) }
	for _, run := range []struct {
		name    string
		program *ebpf.Program
		frame   func(*flowtest.Segment) []byte
	}{
		{"ingress", g.objects.WeirIngress, func(s *flowtest.Segment) []byte { return ether(0x0800, s.IP()) }},
		{"ingress, IPv6", g.objects.WeirIngress, func(s *flowtest.Segment) []byte { return ether(0x86dd, s.IPv6()) }},
		{"ingress, on the general path", g.objects.WeirIngress, tagged},
		{"ingress, without a link layer", g.objects.WeirIngressRaw, (*flowtest.Segment).IP},
		{"xdp", g.objects.WeirXdp, func(s *flowtest.Segment) []byte { return ether(0x0800, s.IP()) }},
	} {
		if run.program == nil { // no XDP program before Linux 5.18
			continue
		}
		for i := range flowtest.HealthCases {
			c := &flowtest.HealthCases[i]
			if !g.play(run.program, c.Segments, run.frame) {
				continue
			}
			counts := g.onlyCounts()
			c.Check(t, run.name, counts.Health, counts.RoundTrips, false)
			g.reset()
		}
	}
}

// play runs a case's packets through a program; it returns false if the program has no such packets.
func (g *rig) play(p *ebpf.Program, segments []flowtest.Segment, frame func(*flowtest.Segment) []byte) bool {
	g.t.Helper()
	for i := range segments {
		s := &segments[i]
		b := frame(s)
		options := &ebpf.RunOptions{Data: b}
		switch {
		case s.Segments > 1 && p == g.objects.WeirXdp, s.IsFirst && b[12] == 0x86:
			g.reset()
			return false
		case p != g.objects.WeirXdp:
			options.Context = skbContext(0, 1, s.Segments, uint32(s.Data)/max(s.Segments, 1)*min(s.Segments, 1))
		}
		g.runWith(p, options)
	}
	return true
}

// onlyCounts reads the only slot in use. The client of the cases is the lower end.
func (g *rig) onlyCounts() (c capture.Counts) {
	g.t.Helper()
	all := g.slots()
	if len(all) != 1 || !g.view.Counter(0, nil).Read(all[0].number, &c) {
		g.t.Fatalf("%d slots in use", len(all))
	}
	return c
}

// TestHealthSwitch: without the switch nothing is noted.
func TestHealthSwitch(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	for i := range flowtest.HealthCases {
		g.play(g.objects.WeirIngressRaw, flowtest.HealthCases[i].Segments, (*flowtest.Segment).IP)
		if c := g.onlyCounts(); c.Health != [2]packet.Health{} || c.RoundTrips != [2]uint32{} {
			t.Errorf("%s: %+v", flowtest.HealthCases[i].Name, c)
		}
		g.reset()
	}
}

// TestHealthIsReleased: the next flow of a slot begins anew.
func TestHealthIsReleased(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 1}, TCPHealth: true})
	for range 2 {
		g.play(g.objects.WeirIngressRaw, flowtest.HealthCases[0].Segments, (*flowtest.Segment).IP)
		c := g.onlyCounts()
		flowtest.HealthCases[0].Check(t, "a slot's next user", c.Health, c.RoundTrips, false)
		g.free()
		if g.view.slots[0] != (bpf.WeirSlot{}) {
			t.Errorf("%+v", g.view.slots[0])
		}
	}
}
