// SPDX-License-Identifier: Apache-2.0

package flow

// queued identifies one life of a place.
type queued struct{ place, born uint32 }

// queue holds the one-way flows in order of creation. A flow that is answered or ends stays in it until its turn comes
// or the queue is cleaned, so leaving costs nothing.
type queue struct {
	items []queued
	head  int
	clean int // length at which the next cleaning is due
}

// minQueue is the length below which cleaning does not pay.
const minQueue = 1024

func (q *queue) push(item queued, valid func(queued) bool) {
	if len(q.items) >= max(q.clean, minQueue) {
		kept := q.items[:0]
		for _, it := range q.items[q.head:] {
			if valid(it) {
				kept = append(kept, it)
			}
		}
		q.items, q.head = kept, 0
		q.clean = 2 * len(kept) // so cleaning costs a constant per push
	}
	q.items = append(q.items, item)
}

// pop removes and returns the oldest valid item.
func (q *queue) pop(valid func(queued) bool) (queued, bool) {
	for q.head < len(q.items) {
		item := q.items[q.head]
		q.head++
		if valid(item) {
			return item, true
		}
	}
	q.items, q.head = q.items[:0], 0
	return queued{}, false
}
