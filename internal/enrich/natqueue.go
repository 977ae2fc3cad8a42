// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"slices"
	"time"
)

// queue holds pairs in order of arrival. An entry whose pair has another turn is stale.
type queue struct {
	entries []entry
	n       int // entries that are not stale
	peak    int // of n, since the last Chain.Waiting
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
	x.peak = max(x.peak, x.n)
	p.in, p.turn, p.since = x, x.turns, now
	x.entries = append(x.entries, entry{p, p.turn})
}

func (x *queue) has(q entry) bool { return q.pair.in == x && q.pair.turn == q.turn }

// first returns the pair that has waited longest, or nil.
func (x *queue) first() *pair {
	for len(x.entries) > 0 {
		if x.has(x.entries[0]) {
			return x.entries[0].pair
		}
		x.entries[0] = entry{}
		x.entries = x.entries[1:]
	}
	x.entries = nil // releases the memory
	return nil
}

func (p *pair) leave() {
	if p.in != nil {
		p.in.n--
		p.in = nil
	}
}

// enter puts a pair into a queue, unless it is already there.
func (p *pair) enter(x *queue, now time.Time) {
	if p.in != x {
		p.leave()
		x.push(p, now)
	}
}
