// SPDX-License-Identifier: Apache-2.0

package flow

const (
	// tick is the wheel's resolution in nanoseconds: timeouts are tens of seconds.
	tick = int64(1e9)
	// wheelSlots is a power of two above the longest default timeout in ticks; longer ones go round more than once.
	wheelSlots = 512
)

// wheel is a timer wheel: slot n holds the flows to check at tick n (mod wheelSlots). A packet does not move its flow;
// when the slot comes, a flow that was not silent moves further on.
type wheel struct {
	slots [wheelSlots]uint32 // first flow of each slot
	now   int64              // the last processed tick
	begun bool
}

// flows is the wheel's view of its table.
type flows interface {
	Flow(i Index) *Flow
}

func (w *wheel) init() {
	for i := range w.slots {
		w.slots[i] = none
	}
}

// add puts a flow into the slot of its deadline, at least one tick and at most one turn ahead.
func (w *wheel) add(t flows, place uint32, deadline int64) {
	ahead := min(max(deadline/tick+1-w.now, 1), wheelSlots-1)
	slot := uint16(uint64(w.now+ahead) % wheelSlots)
	f := t.Flow(Index(place))
	f.slot, f.prev, f.next = slot, none, w.slots[slot]
	if f.next != none {
		t.Flow(Index(f.next)).prev = place
	}
	w.slots[slot] = place
}

func (w *wheel) remove(t flows, place uint32) {
	f := t.Flow(Index(place))
	if f.prev != none {
		t.Flow(Index(f.prev)).next = f.next
	} else {
		w.slots[f.slot] = f.next
	}
	if f.next != none {
		t.Flow(Index(f.next)).prev = f.prev
	}
	f.next, f.prev = none, none
}

// Advance ends the flows whose time is over at now. A jump forward, however far, goes round the wheel once; a jump back
// only sets the clock.
func (t *Table[D]) Advance(now int64) {
	w := &t.wheel
	target := now / tick
	if !w.begun || target < w.now {
		w.begun = true
		w.now = target
		return
	}
	for range min(target-w.now, wheelSlots) {
		w.now++
		if target-w.now >= wheelSlots { // skips the turns between
			w.now = target - wheelSlots + 1
		}
		t.expire(uint16(uint64(w.now)%wheelSlots), now)
	}
	w.now = target
}

// expire checks all flows of a slot: each ends or moves to a later slot. Flows put back into the same slot go to its
// head, behind the walk, and wait a whole turn.
func (t *Table[D]) expire(slot uint16, now int64) {
	place := t.wheel.slots[slot]
	t.wheel.slots[slot] = none
	for place != none {
		i := Index(place)
		f := t.Flow(i)
		next := f.next
		f.next, f.prev = none, none
		timeout := t.Timeout(i)
		t.wheel.add(t, place, f.Last+timeout)
		if IsIdle(f.Last, now, timeout) {
			t.End(i, Idle)
		}
		place = next
	}
}
