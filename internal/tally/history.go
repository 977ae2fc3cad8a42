// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"slices"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/record"
)

// History holds the last hour: the totals in steps of ten seconds, and of each minute the largest rows by some
// criteria. It holds at most 60·5·16 rows and never a flow: the bytes of a flow that ends are spread evenly over its
// life. What has no room in a minute is added up in its row Other. It is safe for use by several goroutines.
type History struct {
	mu      sync.Mutex
	minutes [historyMinutes]minute // by number of the minute
	steps   [historySteps]Step     // by number of the step
	newest  int64                  // number of the newest minute, since the Unix epoch
	step    int64                  // number of the newest step
	last    Step                   // the totals at the last second
	seconds int64                  // Unix time of the last second
	key     []byte                 // scratch
}

// The bounds of a History.
const (
	historyMinutes = 60
	stepSeconds    = 10
	historySteps   = historyMinutes * 60 / stepSeconds
	maxOfMinute    = 16 // rows of a criterion
	inHistory      = int(ByHost) + 1
)

// Step is what passed in a step.
type Step struct {
	Bytes   uint64 `json:"bytes"`
	Packets uint64 `json:"packets"`
}

// Sum is what the flows of a row sent and received in a minute.
type Sum struct {
	Name  string    `json:"name"`
	Bytes [2]uint64 `json:"bytes"` // by the device, and to it
	Flows uint64    `json:"flows"` // that ended in this minute
}

func (s *Sum) add(bytes [2]uint64, flows uint64) {
	s.Bytes[0] += bytes[0]
	s.Bytes[1] += bytes[1]
	s.Flows += flows
}

func (s *Sum) total() uint64 { return s.Bytes[0] + s.Bytes[1] }

type minute struct {
	number int64
	lists  [inHistory]minuteList
}

type minuteList struct {
	sums  []Sum
	other Sum
}

// add counts in a row. A new one that is larger than the smallest takes its place.
func (l *minuteList) add(name []byte, bytes [2]uint64, flows uint64) {
	smallest := -1
	for i := range l.sums {
		if l.sums[i].Name == string(name) {
			l.sums[i].add(bytes, flows)
			return
		}
		if smallest < 0 || l.sums[i].total() < l.sums[smallest].total() {
			smallest = i
		}
	}
	switch {
	case len(l.sums) < maxOfMinute:
		l.sums = append(l.sums, Sum{string(name), bytes, flows})
	case bytes[0]+bytes[1] > l.sums[smallest].total():
		l.other.add(l.sums[smallest].Bytes, l.sums[smallest].Flows)
		l.sums[smallest] = Sum{string(name), bytes, flows}
	default:
		l.other.add(bytes, flows)
	}
}

// Flow counts a record of a flow that ended.
func (h *History) Flow(r *record.Flow) {
	if r.State != record.StateEnd {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	amounts := OfDevice(r)
	end := min(r.LastSeen, (h.newest+1)*int64(time.Minute)-1)
	var before [2]uint64 // what earlier minutes have of it
	for n := max(r.FirstSeen/int64(time.Minute), h.newest-historyMinutes+1, 0); n <= end/int64(time.Minute); n++ {
		upTo := Share(amounts, r.FirstSeen, end, (n+1)*int64(time.Minute))
		if n == h.newest-historyMinutes+1 {
			before = Share(amounts, r.FirstSeen, end, n*int64(time.Minute)).Bytes
		}
		flows := uint64(0)
		if n == end/int64(time.Minute) {
			flows = 1
		}
		m := h.minute(n)
		for by := range inHistory {
			h.key = AppendKey(h.key[:0], By(by), r)
			m.lists[by].add(h.key, [2]uint64{upTo.Bytes[0] - before[0], upTo.Bytes[1] - before[1]}, flows)
		}
		before = upTo.Bytes
	}
}

// Share returns the part of a flow's amounts that fell before a time, if they came evenly over its life.
func Share(a Amounts, first, last, before int64) Amounts {
	if before > last {
		return a
	}
	if before <= first {
		return Amounts{}
	}
	part := float64(before-first) / float64(last-first)
	of := func(n uint64) uint64 { return min(uint64(float64(n)*part), n) }
	return Amounts{[2]uint64{of(a.Bytes[0]), of(a.Bytes[1])}, of(a.Packets)}
}

// minute returns a minute of the last hour.
func (h *History) minute(number int64) *minute {
	m := &h.minutes[number%historyMinutes]
	if m.number != number {
		*m = minute{number: number}
	}
	return m
}

// Second counts what has passed since the last call. bytes and packets are the totals since the start.
func (h *History) Second(now time.Time, bytes, packets uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seconds := now.Unix()
	if seconds < h.seconds-60 || seconds > h.seconds+historyMinutes*60 { // the clock was set
		h.minutes, h.steps = [historyMinutes]minute{}, [historySteps]Step{}
		h.newest, h.step = seconds/60, seconds/stepSeconds
	}
	h.seconds = seconds
	h.newest = max(h.newest, seconds/60)
	for ; h.step < seconds/stepSeconds; h.step++ {
		h.steps[(h.step+1)%historySteps] = Step{}
	}
	s := &h.steps[h.step%historySteps]
	s.Bytes += bytes - min(h.last.Bytes, bytes)
	s.Packets += packets - min(h.last.Packets, packets)
	h.last = Step{bytes, packets}
}

// Past is a copy of a History.
type Past struct {
	Start       int64    `json:"start"` // Unix time of the first step
	StepSeconds int      `json:"step_seconds"`
	Steps       []Step   `json:"steps"` // the last one goes on
	Minutes     []Minute `json:"minutes"`
}

// Minute is a minute of a Past. Its lists have the largest row first; what had no room is in the row Other.
type Minute struct {
	Start        int64 `json:"start"` // Unix time
	Applications []Sum `json:"applications"`
	Protocols    []Sum `json:"protocols"`
	Categories   []Sum `json:"categories"`
	Devices      []Sum `json:"devices"`
	Hosts        []Sum `json:"hosts"`
}

// Lists returns the lists by criterion, in their order.
func (m *Minute) Lists() [inHistory]*[]Sum {
	return [...]*[]Sum{&m.Applications, &m.Protocols, &m.Categories, &m.Devices, &m.Hosts}
}

// Past returns the last hour, or less after a start, the oldest first.
func (h *History) Past() *Past {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := &Past{StepSeconds: stepSeconds}
	begun := false
	for n := h.step - historySteps + 1; n <= h.step; n++ {
		s := h.steps[((n%historySteps)+historySteps)%historySteps]
		if begun = begun || s != (Step{}); !begun {
			continue
		}
		if p.Steps == nil {
			p.Start = n * stepSeconds
		}
		p.Steps = append(p.Steps, s)
	}
	for n := max(h.newest-historyMinutes+1, 0); n <= h.newest; n++ {
		if m := &h.minutes[n%historyMinutes]; m.number == n && n > 0 && m.lists[0].sums != nil {
			p.Minutes = append(p.Minutes, m.copy())
		}
	}
	return p
}

func (m *minute) copy() Minute {
	c := Minute{Start: m.number * 60}
	for by, to := range c.Lists() {
		l := &m.lists[by]
		*to = slices.SortedFunc(slices.Values(l.sums), func(a, b Sum) int {
			switch {
			case a.total() > b.total():
				return -1
			case a.total() < b.total():
				return 1
			}
			return 0
		})
		if l.other != (Sum{}) {
			other := l.other
			other.Name = Other
			*to = append(*to, other)
		}
	}
	return c
}
