// SPDX-License-Identifier: Apache-2.0

package flow_test

import (
	"testing"
	"time"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
)

// TestRefresh: the table calls Refresh before it evicts a flow. It does not evict one that was meanwhile answered, goes
// on after a reset, or is no longer silent, and does not call Refresh for it again in that state.
func TestRefresh(t *testing.T) {
	const second = int64(time.Second)
	now := 1000 * second
	for name, c := range map[string]struct {
		before  func(table *flow.Table[int], i flow.Index)
		refresh func(f *flow.Flow)
	}{
		"answered": {func(*flow.Table[int], flow.Index) {}, func(f *flow.Flow) {
			f.Packets = [2]uint64{1, 1}
			f.Answer()
		}},
		"goes on": {func(table *flow.Table[int], i flow.Index) {
			f := table.Flow(i)
			f.Packets = [2]uint64{1, 1}
			f.Follow(packet.RST, false, 1)
			table.Hasten(i)
		}, func(f *flow.Flow) { f.FollowReading(0, 0) }},
		"heard again": {func(table *flow.Table[int], i flow.Index) {
			f := table.Flow(i)
			f.Packets, f.Last = [2]uint64{1, 1}, now-100*second
			f.Answer()
		}, func(f *flow.Flow) { f.Heard(now) }},
	} {
		var ended []int
		table := flow.NewTable(flow.Config{MaxFlows: 2}, func(_ flow.Index, _ *flow.Flow, number *int, _ flow.Reason) {
			ended = append(ended, *number)
		})
		for n := range 2 {
			i, _, _ := table.Get(&flow.Key{uint64(n), 4: packet.ProtoTCP<<8 | 4}, now)
			*table.Detail(i) = n
			c.before(table, i)
		}
		asked := map[int]int{}
		table.Refresh = func(i flow.Index) {
			asked[*table.Detail(i)]++
			if *table.Detail(i) == 0 {
				c.refresh(table.Flow(i))
			}
		}
		get := func(n uint64) bool {
			i, _, ok := table.Get(&flow.Key{n, 4: packet.ProtoTCP<<8 | 4}, now)
			if ok {
				f := table.Flow(i)
				f.Packets = [2]uint64{1, 1}
				f.Answer()
			}
			return ok
		}
		if !get(7) || len(ended) != 1 || ended[0] != 1 {
			t.Errorf("%s: %v gave way, want 1", name, ended)
		}
		if get(8) || len(ended) != 1 || asked[0] > 1 {
			t.Errorf("%s: %v gave way, want 1 and no other; the first was asked about %d times", name, ended, asked[0])
		}
	}
}
