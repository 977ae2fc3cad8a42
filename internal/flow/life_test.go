// SPDX-License-Identifier: Apache-2.0

package flow_test

import (
	"testing"
	"time"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/flow/flowtest"
	"github.com/weirnet/weir/internal/packet"
)

// lives plays a case by the rules. With readEach it passes the flags of all packets so far after each packet, not each
// packet's.
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

// TestResetAndRevival: a reset ends a flow, and after payload revokes it the flow has its state by the ends that were
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

// TestResetsFillNoQueue: a connection that is reset and revived repeatedly takes one place in the queue of ended ones.
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
	for n := range uint64(2) { // evicts the one that was reset
		if _, _, ok := table.Get(&flow.Key{0: n, 4: packet.ProtoUDP<<8 | 4}, 0); !ok {
			t.Error("no room for a new flow")
		}
	}
	if table.Counters.Evicted != 1 {
		t.Errorf("%d flows gave way, want the one that was reset", table.Counters.Evicted)
	}
}

// TestRepetitionsAfterTheEnd: retransmissions of an end that missed the connection's end, at growing intervals, stay in
// the one flow. Packets in flight at the end change nothing.
func TestRepetitionsAfterTheEnd(t *testing.T) {
	const second = int64(time.Second)
	key := flow.Key{4: packet.ProtoTCP<<8 | 4}
	type later struct {
		wait       int64
		flags      uint8
		hasPayload bool
	}
	repeats := func(flags uint8, hasPayload bool) (all []later) {
		for wait := second / 5; wait < 120*second; wait *= 2 {
			all = append(all, later{wait, flags, hasPayload}, later{second / 100, packet.RST, false})
		}
		return all
	}
	for name, c := range map[string]struct {
		closed bool
		later  []later
		stays  int64 // after the last packet
	}{
		"data":                   {later: repeats(packet.ACK, true), stays: 300 * second},
		"FIN":                    {later: repeats(packet.FIN|packet.ACK, false), stays: 300 * second},
		"FIN, after both":        {closed: true, later: repeats(packet.FIN|packet.ACK, false), stays: 300 * second},
		"what was under way":     {later: []later{{second / 5, packet.ACK, false}}, stays: 10 * second},
		"the last of a close":    {closed: true, later: []later{{second / 5, packet.ACK, false}}, stays: 10 * second},
		"nothing":                {stays: 10 * second},
		"data that goes on once": {later: []later{{2 * second, packet.ACK, true}}, stays: 300 * second},
	} {
		ended := 0
		table := flow.NewTable(flow.Config{}, func(flow.Index, *flow.Flow, *int, flow.Reason) { ended++ })
		now := 1000 * second
		i, _, _ := table.Get(&key, now)
		f := table.Flow(i)
		f.Packets = [2]uint64{5, 5}
		f.Answer()
		table.Advance(now)
		follow := func(p later, way int) {
			for to := now + p.wait; now < to; {
				now = min(now+second, to)
				table.Advance(now)
			}
			f.Heard(now)
			if f.Follow(p.flags, p.hasPayload, way) {
				table.Hasten(i)
			}
		}
		if c.closed {
			follow(later{0, packet.FIN | packet.ACK, false}, 0)
			follow(later{0, packet.FIN | packet.ACK, false}, 1)
		} else {
			follow(later{0, packet.RST, false}, 1)
		}
		for n, p := range c.later {
			if follow(p, n%2); ended > 0 {
				t.Fatalf("%s: the flow is over %v after the end", name, time.Duration(now-1000*second))
			}
		}
		last := now
		for ; ended == 0 && now < last+1000*second; now += second {
			table.Advance(now)
		}
		if got := now - last; got < c.stays || got > c.stays+3*second {
			t.Errorf("%s: the flow stayed %v, want %v", name, time.Duration(got), time.Duration(c.stays))
		}
	}
}

// TestRepetitionsWithoutAnAnswer: what one side sends again and again, each time later, is one flow, though nobody
// answers. Other protocols, a closing connection, and packets at other intervals keep the idle time.
func TestRepetitionsWithoutAnAnswer(t *testing.T) {
	const second = int64(time.Second)
	for _, c := range []struct {
		name  string
		proto uint8
		flags uint8
		waits []int64 // seconds
		stays int64   // seconds after the last packet
	}{
		{"data", packet.ProtoTCP, packet.ACK, []int64{1, 3, 6, 13, 26, 51, 102, 120, 120, 120}, 300},
		{"SYN", packet.ProtoTCP, packet.SYN, []int64{1, 2, 4, 8, 16}, 60},
		{"FIN", packet.ProtoTCP, packet.FIN | packet.ACK, []int64{1, 3, 6, 13, 26, 51}, 60},
		{"one", packet.ProtoTCP, packet.ACK, nil, 60},
		{"UDP", packet.ProtoUDP, 0, []int64{1, 3, 6, 13, 26, 51}, 60},
		{"a keep-alive", packet.ProtoTCP, packet.ACK, []int64{30, 30, 30, 30, 30, 30}, 60},
		{"now and then", packet.ProtoTCP, packet.ACK, []int64{5, 50, 2, 40, 10, 45}, 60},
	} {
		ended := 0
		table := flow.NewTable(flow.Config{}, func(flow.Index, *flow.Flow, *int, flow.Reason) { ended++ })
		now := 1000 * second
		key := flow.Key{4: uint64(c.proto)<<8 | 4}
		table.Advance(now)
		i, _, _ := table.Get(&key, now)
		f := table.Flow(i)
		for n, wait := range append([]int64{0}, c.waits...) {
			for range wait {
				now += second
				table.Advance(now)
			}
			if ended > 0 {
				t.Fatalf("%s: the flow is over before packet %d", c.name, n)
			}
			f.Packets[0]++
			f.Heard(now)
			f.Answer()
			if c.proto == packet.ProtoTCP {
				f.Follow(c.flags, false, 0)
			}
		}
		last := now
		for ; ended == 0 && now < last+1000*second; now += second {
			table.Advance(now)
		}
		if got := (now - last) / second; got < c.stays || got > c.stays+3 {
			t.Errorf("%s: the flow stayed %d s, want %d", c.name, got, c.stays)
		}
	}
}
