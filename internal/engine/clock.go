// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"math"
	"sort"
	"sync"
	"sync/atomic"
)

// steadyClock gives the frames of a file times that do not step back: where the capturing clock was set back, flows go
// on, as they did. Records have the capture's own times again (wall).
//
// A step forward stays a gap: a suspended capture, or a file joined from two, look the same, and after those a flow
// with the same key is mostly another one. But where the time soon returns to what it was before a step (a few frames
// with a wrong time, two clocks in one file), the step is undone.
//
// Live times come from a monotonic clock, so Live has no steadyClock.
type steadyClock struct {
	begun   bool
	latest  int64
	offset  int64 // added now
	stepped int64 // since when, in steady time
	before  []int64

	hasSteps atomic.Bool
	mu       sync.Mutex // guards what the workers read
	steps    []step
}

// step is the offset from the capture's times to steady ones, from a steady time on.
type step struct{ from, offset int64 }

const (
	// disorder bounds how much older a late frame may be: several interfaces, each with a buffer. It is below every
	// idle time of a flow.
	disorder = int64(9e9)
	// maxSteps bounds the remembered steps; past it times stay unchanged, and a step back may split a flow.
	maxSteps = 1 << 16
	// maxUndo bounds the steps in a row that can be undone.
	maxUndo = 16
	// maxTime keeps sums of times in range: the year 2116 is past the range of a pcap file.
	maxTime = math.MaxInt64 / 2
)

// steady returns the steady time of a frame. Call it in capture order.
func (c *steadyClock) steady(t int64) int64 {
	if !c.begun || uint64(t) > maxTime {
		return c.begin(t)
	}
	now := t + c.offset
	switch ahead := now - c.latest; {
	case ahead < -disorder:
		return c.back(t)
	case ahead > disorder && c.offset != 0:
		now = c.undo(t, now)
	}
	c.latest = max(c.latest, now)
	return now
}

// begin takes the first time. A time before 1970 or far ahead stays unchanged.
func (c *steadyClock) begin(t int64) int64 {
	if !c.begun && uint64(t) <= maxTime {
		c.begun, c.latest = true, t
	}
	return t
}

// back returns the time of a frame after the capture's clock has stepped back: right after the previous frame.
func (c *steadyClock) back(t int64) int64 {
	if len(c.steps) == maxSteps || c.latest+1-t > maxTime {
		return t + c.offset
	}
	if len(c.before) == maxUndo {
		c.before = append(c.before[:0], c.before[1:]...)
	}
	c.before = append(c.before, c.offset)
	c.latest++
	c.set(c.latest-t, c.latest)
	return c.latest
}

// undo returns the time of a frame after a jump forward to now: with an earlier offset, if one leads less far and was
// in force recently.
func (c *steadyClock) undo(t, now int64) int64 {
	if c.latest-c.stepped > disorder || len(c.steps) == maxSteps {
		return now
	}
	for i, offset := range c.before { // the oldest leads the least far
		if earlier := t + offset; earlier >= c.latest-disorder {
			c.before = c.before[:i]
			now = max(earlier, c.latest+1)
			c.set(offset, now)
			return earlier
		}
	}
	return now
}

// set puts an offset in force.
func (c *steadyClock) set(offset, from int64) {
	c.offset, c.stepped = offset, from
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps = append(c.steps, step{from, offset})
	c.hasSteps.Store(true)
}

// wall converts the times of a flow's first and last packet back to the capture's. For a flow across a step both use
// the later clock, which is the corrected one.
func (c *steadyClock) wall(first, last int64) (int64, int64) {
	if c == nil || !c.hasSteps.Load() {
		return first, last
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := sort.Search(len(c.steps), func(i int) bool { return c.steps[i].from > last })
	if i == 0 {
		return first, last
	}
	offset := c.steps[i-1].offset
	return first - offset, last - offset
}
