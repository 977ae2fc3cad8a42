// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/flow/flowtest"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// healthOf plays a case's packets, and returns the record of its flow.
func healthOf(
	t *testing.T, c engine.Config, segments []flowtest.Segment, ip func(*flowtest.Segment) []byte,
) record.Flow {
	t.Helper()
	var all []record.Flow
	p := engine.NewPipeline(c, 1, 0, func(f *record.Flow) error {
		all = append(all, *f.Clone())
		return nil
	})
	now := int64(1_000_000 * time.Second)
	for i := range segments {
		s := &segments[i]
		now += int64(s.Wait)
		b := ip(s)
		p.Frame(&engine.Frame{Data: b, Length: len(b), Time: now, Link: packet.LinkRaw, Segments: uint16(s.Segments)})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no record")
	}
	return all[0]
}

// TestHealthCountedByWorker: the worker that counts itself finds the health of each case.
func TestHealthCountedByWorker(t *testing.T) {
	for i := range flowtest.HealthCases {
		c := &flowtest.HealthCases[i]
		r := healthOf(t, config(t), c.Segments, (*flowtest.Segment).IP)
		if r.Client.Addr.Port() != 1000 { // mid-flow, the lower port is taken for the server's
			r.Client, r.Server = r.Server, r.Client
			r.RoundTrips[0], r.RoundTrips[1] = r.RoundTrips[1], r.RoundTrips[0]
		}
		c.Check(t, "counted by the worker", [2]packet.Health{r.Client.Health, r.Server.Health}, r.RoundTrips, true)
	}
}

// TestHealthSwitch: without the switch nothing is noted.
func TestHealthSwitch(t *testing.T) {
	off := config(t)
	off.TCPHealth = false
	r := healthOf(t, off, flowtest.HealthCases[0].Segments, (*flowtest.Segment).IP)
	if r.Client.Health != (packet.Health{}) || r.Server.Health != (packet.Health{}) || r.RoundTrips != [2]uint32{} {
		t.Errorf("%+v, %+v, %v", r.Client.Health, r.Server.Health, r.RoundTrips)
	}
}

// TestHealthOfOthers: TTL and DSCP are of all protocols, and the rest of TCP with a whole header only.
func TestHealthOfOthers(t *testing.T) {
	cut := func(s *flowtest.Segment) []byte {
		b := s.IP()[:32]
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
		return b
	}
	asUDP := func(s *flowtest.Segment) []byte {
		b := s.IP()
		b[9] = packet.ProtoUDP
		binary.BigEndian.PutUint16(b[24:], uint16(len(b)-20))
		return b
	}
	segments := []flowtest.Segment{
		{Flags: 0xff, TTL: 3, TOS: 8}, {Flags: packet.RST, TTL: 4}, {FromServer: true, TTL: 5},
	}
	want := [2]packet.Health{{TTL: 3, DSCP: 2}, {TTL: 5}}
	for _, ip := range []func(*flowtest.Segment) []byte{cut, asUDP} {
		r := healthOf(t, config(t), segments, ip)
		if got := [2]packet.Health{r.Client.Health, r.Server.Health}; got != want {
			t.Errorf("%+v, %+v", r.Client.Health, r.Server.Health)
		}
	}
}

// TestHealthCountedByKernel: a record has what the kernel's slot says at its end, by ends.
func TestHealthCountedByKernel(t *testing.T) {
	c := &flowtest.Cases[0]
	low := packet.Health{Retransmits: 5, TTL: 64, Flags: packet.SYN}
	high := packet.Health{ZeroWindows: 3, TTL: 51, DSCP: 8}
	for _, clientIsLower := range []bool{true, false} {
		s := &slots{counts: make([]capture.Counts, 8)}
		records, _ := runLiveRecords(t, s, 64, func(each func(*capture.Frame)) {
			playLives(t, s, c, clientIsLower, func(i int, fr *capture.Frame) {
				s.counts[0].Health, s.counts[0].RoundTrips = [2]packet.Health{low, high}, [2]uint32{11, 22}
				each(fr)
			})
		})
		if len(records) != 1 {
			t.Fatalf("%d records", len(records))
		}
		r := &records[0]
		got := [2]packet.Health{r.Client.Health, r.Server.Health}
		trips := r.RoundTrips
		if !clientIsLower {
			got[0], got[1], trips[0], trips[1] = got[1], got[0], trips[1], trips[0]
		}
		if got != [2]packet.Health{low, high} || trips != [2]uint32{11, 22} {
			t.Errorf("client is the lower end: %v: %+v, %v", clientIsLower, got, trips)
		}
	}
}
