// SPDX-License-Identifier: Apache-2.0

package flow_test

import (
	"testing"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/flow/flowtest"
	"github.com/weirnet/weir/internal/packet"
)

// lives plays a case by the rules. readEach has the flags of all packets so far read after each packet, instead of
// each packet's.
func lives(c *flowtest.Case, readEach bool) (all []flowtest.Life) {
	var f flow.Flow
	var isn uint32
	var flags flowtest.Flags
	now := int64(0)
	end := func(why flow.Reason) { all = append(all, flowtest.Life{Packets: f.Packets, End: why}) }
	for i := range c.Packets {
		p := &c.Packets[i]
		now += int64(p.Wait)
		begins := i == 0
		if p.Flags&(packet.SYN|packet.ACK) == packet.SYN && !begins && f.IsReplaced(isn, p.Seq, now) {
			end(f.ReasonReplaced())
			f, flags, begins = flow.Flow{}, flowtest.Flags{}, true
		}
		if begins && p.Flags&packet.SYN != 0 {
			f.TCP |= flow.Handshake
			if isn = p.Seq; p.Flags&packet.ACK != 0 {
				isn = p.Ack - 1
			}
		}
		way := 0
		if p.FromServer {
			way = 1
		}
		f.Packets[way]++
		f.Last = now
		f.Answer()
		flags.Add(p)
		if readEach {
			f.FollowReading(flags[0], flags[1])
		} else {
			f.Follow(p.Flags, p.Payload != "", way)
		}
	}
	if f.State == flow.Ended {
		end(f.EndReason)
	} else {
		end(flow.Shutdown)
	}
	return all
}

func TestCases(t *testing.T) {
	for i := range flowtest.Cases {
		c := &flowtest.Cases[i]
		t.Run(c.Name, func(t *testing.T) {
			c.Want(t, "by each packet", lives(c, false))
			c.Want(t, "by readings", lives(c, true))
		})
	}
}

// TestResetAndRevival: a reset ends a flow, and what comes after it leaves the state that the flow has by who was
// heard.
func TestResetAndRevival(t *testing.T) {
	for _, c := range []struct {
		packets [2]uint64
		want    flow.State
	}{{[2]uint64{2, 0}, flow.OneWay}, {[2]uint64{2, 1}, flow.Answered}} {
		f := flow.Flow{Packets: c.packets}
		f.Answer()
		if !f.Follow(packet.RST, false, 0) || f.State != flow.Ended || f.EndReason != flow.Reset {
			t.Errorf("after a reset: %+v", f)
		}
		if !f.Follow(packet.ACK, true, 0) || f.State != c.want {
			t.Errorf("after payload: state %d, want %d", f.State, c.want)
		}
	}
}

// TestIsIdle: a flow is over after its timeout, and when the clock was set back by more.
func TestIsIdle(t *testing.T) {
	for _, c := range []struct {
		now  int64
		want bool
	}{{1000, false}, {1059, false}, {1060, true}, {940, false}, {939, true}} {
		if got := flow.IsIdle(1000, c.now, 60); got != c.want {
			t.Errorf("last heard at 1000, at %d: %v", c.now, got)
		}
	}
}

// TestResetsFillNoQueue: a connection that is reset and goes on, again and again, takes one place among the ended
// ones.
func TestResetsFillNoQueue(t *testing.T) {
	table := flow.NewTable(flow.Config{MaxFlows: 2}, func(flow.Index, *flow.Flow, *int, flow.Reason) {})
	i, _, _ := table.Get(&flow.Key{4: packet.ProtoTCP<<8 | 4}, 0)
	f := table.Flow(i)
	turn := func() {
		for _, p := range []struct {
			flags      uint8
			hasPayload bool
		}{{packet.RST, false}, {packet.ACK, true}} {
			if f.Follow(p.flags, p.hasPayload, 0) {
				table.Hasten(i)
			}
		}
	}
	turn()
	if n := testing.AllocsPerRun(1, func() {
		for range 100_000 {
			turn()
		}
	}); n > 0 {
		t.Errorf("100,000 resets allocated %v times", n)
	}
	f.Follow(packet.RST, false, 0)
	table.Hasten(i)
	for n := range uint64(2) { // the reset one gives way
		if _, _, ok := table.Get(&flow.Key{0: n, 4: packet.ProtoUDP<<8 | 4}, 0); !ok {
			t.Error("no room for a new flow")
		}
	}
	if table.Counters.Evicted != 1 {
		t.Errorf("%d flows gave way, want the one that was reset", table.Counters.Evicted)
	}
}
