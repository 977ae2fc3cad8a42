// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"math"
	"sort"
	"sync"
	"sync/atomic"
)

// steadyClock gives frames of a file times that don't step back: when a clock was set back while it captured, flows go
// on, as they did. Records have the capture's own times again (wall).
//
// A step forward stays what it looks like, a gap: a capture that was suspended, or files with time between them, look
// the same, and there a flow that goes on is another one more often than not. But where the time comes back soon to
// what it was before a step (a few frames with a bogus time, two clocks in one file), the step is undone.
//
// Live, times are of a clock that nobody sets, and Live has no such clock.
type steadyClock struct {
	begun   bool
	latest  int64
	offset  int64 // that is added now
	stepped int64 // since when, in steady time
	before  []int64

	hasSteps atomic.Bool
	mu       sync.Mutex // over what the workers read
	steps    []step
}

// step says what is added to the capture's times from a steady time on.
type step struct{ from, offset int64 }

const (
	// disorder is how far back a frame may be that is merely late: several interfaces, each with a buffer. It is less
	// than any time for which a flow is kept.
	disorder = int64(9e9)
	// maxSteps bounds what is remembered; past it times are as they are, and a step back may split a flow.
	maxSteps = 1 << 16
	// maxUndo is how many steps in a row can be undone.
	maxUndo = 16
	// maxTime keeps sums of times in their range: the year 2116 is past what a pcap file can say.
	maxTime = math.MaxInt64 / 2
)

// steady is the time of a frame, in capture order.
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

// begin takes the first time. What is before 1970 or far ahead stays as it is.
func (c *steadyClock) begin(t int64) int64 {
	if !c.begun && uint64(t) <= maxTime {
		c.begun, c.latest = true, t
	}
	return t
}

// back is the time of a frame where the capture's clock has stepped back: right after what came before.
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

// undo is the time of a frame after a jump forward to now: by an offset of before, if one leads less far and was in
// force lately.
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

// wall turns the times of a flow's first and last packet back to the capture's. Of a flow that went on over a step both
// are by the later clock: it was set right.
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
