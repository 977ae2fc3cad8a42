// SPDX-License-Identifier: Apache-2.0

package flow_test

import (
	"math"
	"testing"
	"unsafe"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/flow/flowtest"
	"github.com/weirnet/weir/internal/packet"
)

// play returns the health of a flow with these segments; other gives the server's part to way 0.
func play(segments []flowtest.Segment, other bool) *flow.Health {
	var h flow.Health
	var p packet.Packet
	var seen [2]bool
	now := int64(5_000_000_000)
	for i := range segments {
		s := &segments[i]
		now += int64(s.Wait)
		b := s.IP()
		p.Decode(packet.LinkRaw, b, len(b))
		way := 0
		if s.FromServer != other {
			way = 1
		}
		if !seen[way] {
			h.First(&p, way)
			seen[way] = true
		}
		h.Take(&p, way, max(s.Segments, 1), now)
	}
	return &h
}

func TestHealth(t *testing.T) {
	for i := range flowtest.HealthCases {
		c := &flowtest.HealthCases[i]
		h := play(c.Segments, false)
		c.Check(t, "flow.Health", [2]packet.Health{h.Of(0), h.Of(1)}, h.RoundTrips(), true)
		h = play(c.Segments, true)
		trips := h.RoundTrips()
		c.Check(t, "flow.Health, the ends exchanged", [2]packet.Health{h.Of(1), h.Of(0)}, [2]uint32{trips[1], trips[0]},
			true)
	}
}

// TestHealthStops: counts of 16 bits don't begin anew.
func TestHealthStops(t *testing.T) {
	all := make([]flowtest.Segment, 0, 2*math.MaxUint16+10)
	for range math.MaxUint16 + 5 {
		all = append(all, flowtest.Segment{Flags: packet.RST}, flowtest.Segment{Flags: packet.ACK, IsFull: true})
	}
	if got := play(all, false).Of(0); got.Resets != math.MaxUint16 || got.ZeroWindows != math.MaxUint16 {
		t.Errorf("%+v", got)
	}
}

// TestHealthBackInTime: a clock that was set back gives no round trip.
func TestHealthBackInTime(t *testing.T) {
	c := &flowtest.HealthCases[0]
	all := append([]flowtest.Segment(nil), c.Segments...)
	all[1].Wait, all[2].Wait = -all[1].Wait, -all[2].Wait
	if got := play(all, false).RoundTrips(); got != [2]uint32{} {
		t.Errorf("round trips %v", got)
	}
}

// TestHealthSet: what was counted elsewhere is there, and no count goes down.
func TestHealthSet(t *testing.T) {
	h := play(flowtest.HealthCases[0].Segments, false)
	high := packet.Health{Retransmits: 5, OutOfOrder: 4, ZeroWindows: 3, Resets: 2, Flags: packet.FIN, TTL: 9, DSCP: 8}
	h.Set([2]packet.Health{high, {}}, [2]uint32{7, 6})
	h.Set([2]packet.Health{{}, high}, [2]uint32{7, 6})
	high.TTL, high.DSCP, high.Flags = 64, 0, packet.FIN|packet.SYN|packet.ACK
	if h.Of(0) != high || h.Of(1) != high || h.RoundTrips() != [2]uint32{7, 6} {
		t.Errorf("%+v, %+v, %v; want %+v", h.Of(0), h.Of(1), h.RoundTrips(), high)
	}
}

// TestHealthSize: each flow has one.
func TestHealthSize(t *testing.T) {
	if n := unsafe.Sizeof(flow.Health{}); n > 64 {
		t.Errorf("%d bytes", n)
	}
	s := flowtest.HealthCases[1].Segments
	if n := testing.AllocsPerRun(100, func() {
		var h flow.Health
		var p packet.Packet
		h.Take(&p, 0, 1, int64(len(s)))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
