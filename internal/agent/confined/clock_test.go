// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"testing"
	"time"
)

// TestClock: a clock that is set steps, one that is slewed or wakes up does not.
func TestClock(t *testing.T) {
	const hour, year = time.Hour, 365 * 24 * time.Hour
	now := clocks{wall: int64(30 * year), boot: int64(hour), monotonic: int64(hour)}
	c := &clock{read: func() clocks { return now }, first: now, last: now}
	var steps uint64
	var stepped, suspended time.Duration
	for _, x := range []struct {
		name         string
		step, asleep time.Duration
		isStep       bool
	}{
		{"a second", 0, 0, false},
		{"an hour on", hour, 0, true},
		{"two hours back", -2 * hour, 0, true},
		{"ten years on", 10 * year, 0, true},
		{"twenty years back", -20 * year, 0, true},
		{"noise", minStep - 1, 0, false},
		{"noise of the other side", -minStep + 1, 0, false},
		{"sleep", 0, 8 * hour, false},
		{"sleep, and set on waking", -time.Minute, hour, true},
	} {
		second := int64(time.Second)
		now.monotonic += second
		now.boot += second + int64(x.asleep)
		now.wall += second + int64(x.asleep) + int64(x.step)
		suspended += x.asleep
		if x.isStep {
			steps++
			stepped += x.step
		}
		if got := c.now(); got.Steps != steps || got.Stepped != stepped || got.Suspended != suspended {
			t.Errorf("%s: %+v, want %d steps of %s, %s asleep", x.name, got, steps, stepped, suspended)
		}
	}
}

// TestClockOfKernel: the real clock does not step by itself, and the kernel tells of it.
func TestClockOfKernel(t *testing.T) {
	c := newClock()
	if got := c.now(); got.Steps != 0 || got.Suspended > time.Second || got.IsKnown && got.MaximumError < 0 {
		t.Errorf("%+v", got)
	}
}
