// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"slices"
	"time"
)

// queue are pairs in the order in which they came. An entry whose pair has another turn is out of date.
type queue struct {
	entries []entry
	n       int // that are not out of date
	turns   uint64
}

type entry struct {
	pair *pair
	turn uint64
}

func (x *queue) push(p *pair, now time.Time) {
	if len(x.entries) >= 2*maxPairs {
		x.entries = slices.DeleteFunc(x.entries, func(q entry) bool { return !x.has(q) })
	}
	x.turns++
	x.n++
	p.in, p.turn, p.since = x, x.turns, now
	x.entries = append(x.entries, entry{p, p.turn})
}

func (x *queue) has(q entry) bool { return q.pair.in == x && q.pair.turn == q.turn }

// first is the one that has waited longest; nil: there is none.
func (x *queue) first() *pair {
	for len(x.entries) > 0 {
		if x.has(x.entries[0]) {
			return x.entries[0].pair
		}
		x.entries[0] = entry{}
		x.entries = x.entries[1:]
	}
	x.entries = nil // with its memory
	return nil
}

func (p *pair) leave() {
	if p.in != nil {
		p.in.n--
		p.in = nil
	}
}

// enter has a pair wait in a queue, where it keeps the place that it has.
func (p *pair) enter(x *queue, now time.Time) {
	if p.in != x {
		p.leave()
		x.push(p, now)
	}
}
