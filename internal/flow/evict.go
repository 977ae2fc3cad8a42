// SPDX-License-Identifier: Apache-2.0

package flow

// makeRoom evicts the least valuable flow: one that lingers after its end, else the oldest one-way flow, else an
// answered one that has long been silent. It never evicts an answered, busy flow.
func (t *Table[D]) makeRoom(now int64) bool {
	i, ok := t.candidate(&t.ended, t.over)
	if !ok {
		i, ok = t.candidate(&t.oneWay, t.waits)
	}
	if !ok {
		i, ok = t.longSilent(now)
	}
	if ok {
		t.evict(i, now)
	}
	return ok
}

// candidate returns the oldest flow of a queue for which is holds. It removes the others from the queue.
func (t *Table[D]) candidate(q *queue, is func(queued) bool) (Index, bool) {
	for {
		item, ok := q.pop(is)
		if !ok {
			return 0, false
		}
		t.refresh(Index(item.place))
		if is(item) {
			return Index(item.place), true
		}
	}
}

func (t *Table[D]) refresh(i Index) {
	if t.Refresh != nil {
		t.Refresh(i)
	}
}

// longSilent returns an answered flow that has been silent long enough for eviction. The work per call is bounded: a
// clock hand goes round the table.
func (t *Table[D]) longSilent(now int64) (i Index, ok bool) {
	const looks = 64
	longest := int64(evictableAfter)
	for range min(looks, t.used) {
		t.hand = (t.hand + 1) % t.used
		f := t.Flow(Index(t.hand))
		if f.born == 0 || now-f.Last <= longest {
			continue
		}
		if t.refresh(Index(t.hand)); now-f.Last > longest {
			i, ok, longest = Index(t.hand), true, now-f.Last
		}
	}
	return i, ok
}

// evict ends a flow to make room, and remembers an ended connection; see IsLate.
func (t *Table[D]) evict(i Index, now int64) {
	t.Counters.Evicted++
	if f := t.Flow(i); f.State == Ended {
		if t.evicted == nil {
			t.evicted = new(evictedFlows)
		}
		t.evicted.add(t.secret.hash(t.Key(i)), t.Key(i), f.EndReason, now)
	}
	t.End(i, Evicted)
}

func (t *Table[D]) stillEnded(q queued) bool {
	f := t.Flow(Index(q.place))
	if f.born != q.born {
		return false
	}
	if f.State != Ended { // it goes on, and leaves the queue
		f.TCP &^= endIsQueued
	}
	return f.State == Ended
}

func (t *Table[D]) stillOneWay(q queued) bool {
	f := t.Flow(Index(q.place))
	return f.born == q.born && f.State == OneWay
}
