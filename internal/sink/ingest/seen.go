// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"slices"
	"sync"
)

// seen remembers which reports have come: of each agent's latest epochs the sequences, as intervals. It is bounded; a
// repeat that it has forgotten is taken again, and the store knows it.
type seen struct {
	mu     sync.Mutex
	agents map[string][]*epoch // the one that was used last is the last
}

const (
	maxEpochs    = 8   // of an agent
	maxIntervals = 256 // of an epoch
)

// epoch holds the sequences of one epoch, ascending.
type epoch struct {
	name      string
	intervals []interval
}

// interval has both ends.
type interval struct{ first, last uint64 }

func newSeen() *seen { return &seen{agents: map[string][]*epoch{}} }

// has reports whether a report has come.
func (s *seen) has(agent, name string, sequence uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.agents[agent] {
		if e.name == name {
			i, found := e.find(sequence)
			return found && e.intervals[i].first <= sequence
		}
	}
	return false
}

// find returns the first interval that does not end before the sequence.
func (e *epoch) find(sequence uint64) (i int, found bool) {
	i, _ = slices.BinarySearchFunc(e.intervals, sequence, func(v interval, sequence uint64) int {
		if v.last < sequence {
			return -1
		}
		return 1
	})
	return i, i < len(e.intervals)
}

// add notes the reports from first to last.
func (s *seen) add(agent, name string, first, last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.agents[agent]
	i := slices.IndexFunc(all, func(e *epoch) bool { return e.name == name })
	var e *epoch
	if i >= 0 {
		e = all[i]
		all = slices.Delete(all, i, i+1)
	} else {
		e = &epoch{name: name}
		if len(all) == maxEpochs {
			all = slices.Delete(all, 0, 1)
		}
	}
	s.agents[agent] = append(all, e)
	e.add(first, last)
}

func (e *epoch) add(first, last uint64) {
	i := 0
	for i < len(e.intervals) && e.intervals[i].last < first-1 { // no sequence is 0
		i++
	}
	end := i
	for end < len(e.intervals) && e.intervals[end].first <= last+1 {
		first, last = min(first, e.intervals[end].first), max(last, e.intervals[end].last)
		end++
	}
	e.intervals = slices.Replace(e.intervals, i, end, interval{first, last})
	if len(e.intervals) > maxIntervals {
		e.intervals = slices.Delete(e.intervals, 0, 1)
	}
}
