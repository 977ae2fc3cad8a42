// SPDX-License-Identifier: Apache-2.0

package flow_test

import (
	"testing"
	"time"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
)

// TestLate: the table recognises packets of an evicted ended connection for a minute after its last packet, while no
// other flow has its key.
func TestLate(t *testing.T) {
	const second = int64(time.Second)
	tcp := flow.Key{1, 2, 3, 4, packet.ProtoTCP<<8 | 4}
	udp := flow.Key{1, 2, 3, 5, packet.ProtoUDP<<8 | 4}
	end := func(reason flow.Reason) (*flow.Table[int], func(flags uint8, hasPayload bool, now int64) bool) {
		table := flow.NewTable(flow.Config{MaxFlows: 1}, func(flow.Index, *flow.Flow, *int, flow.Reason) {})
		i, _, _ := table.Get(&tcp, 0)
		if table.IsLate(&tcp, packet.ACK, false, 0) {
			t.Error("late, though the flow is there")
		}
		f := table.Flow(i)
		f.State, f.EndReason = flow.Ended, reason
		table.Hasten(i)
		table.Get(&udp, second)
		return table, func(flags uint8, hasPayload bool, now int64) bool {
			return table.IsLate(&tcp, flags, hasPayload,
				now)
		}
	}
	for _, c := range []struct {
		reason     flow.Reason
		flags      uint8
		hasPayload bool
		want       bool
	}{
		{flow.Closed, packet.ACK, false, true},
		{flow.Closed, packet.FIN | packet.ACK, false, true},
		{flow.Closed, packet.RST, false, true},
		{flow.Closed, packet.ACK, true, true},
		{flow.Closed, packet.SYN, false, false},
		{flow.Closed, packet.SYN | packet.ACK, false, false},
		{flow.Reset, packet.ACK, false, true},
		{flow.Reset, packet.RST, true, true},
		{flow.Reset, packet.ACK, true, false}, // revokes the reset
	} {
		if _, isLate := end(c.reason); isLate(c.flags, c.hasPayload, 2*second) != c.want {
			t.Errorf("%+v", c)
		}
	}
	_, isLate := end(flow.Closed)
	if !isLate(packet.ACK, false, 50*second) || !isLate(packet.ACK, false, 100*second) ||
		isLate(packet.ACK, false, 170*second) {
		t.Error("not for a minute after the last packet")
	}
	table, isLate := end(flow.Closed)
	if n := testing.AllocsPerRun(100, func() { isLate(packet.ACK, false, 2*second) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	table.Get(&tcp, 3*second) // evicts the one-way flow
	if isLate(packet.ACK, false, 3*second) {
		t.Error("late, though another connection has the key")
	}
}

// TestLateIsBounded: a flood of connections that end and are evicted takes no more memory, and the table still
// recognises the latest ones.
func TestLateIsBounded(t *testing.T) {
	table := flow.NewTable(flow.Config{MaxFlows: 1}, func(flow.Index, *flow.Flow, *int, flow.Reason) {})
	key := func(n int) *flow.Key { return &flow.Key{uint64(n), 4: packet.ProtoTCP<<8 | 4} }
	next := 0
	turn := func() {
		i, _, _ := table.Get(key(next), int64(next))
		table.Flow(i).State = flow.Ended
		table.Hasten(i)
		next++
	}
	for range 5000 {
		turn()
	}
	if n := testing.AllocsPerRun(20_000, turn); n != 0 {
		t.Errorf("%v allocations", n)
	}
	for n := next - 50; n < next-1; n++ {
		if !table.IsLate(key(n), packet.ACK, false, int64(next)) {
			t.Errorf("the %d-th before the last is forgotten", next-n)
		}
	}
}
