// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"math"
	"testing"
)

const second = int64(1e9)

// TestSteadyClock: a step back disappears, and a flow's record has the capture's times.
func TestSteadyClock(t *testing.T) {
	const start = 1_700_000_000
	for _, c := range []struct {
		name         string
		times, want  []float64 // seconds after start
		first, last  int       // indices of a flow's first and last frame
		wall0, wall1 float64   // the flow's times in the record
	}{
		{"even", []float64{0, 1, 2}, []float64{0, 1, 2}, 0, 2, 0, 2},
		{"a gap stays one", []float64{0, 1, 3601}, []float64{0, 1, 3601}, 0, 2, 0, 3601},
		{"late frames", []float64{0, 8, 1, 9}, []float64{0, 8, 1, 9}, 0, 3, 0, 9},
		{"back by an hour", []float64{0, 1, -3599, -3598}, []float64{0, 1, 1, 2}, 0, 3, -3600, -3598},
		{"before the step", []float64{0, 1, -3599, -3598}, []float64{0, 1, 1, 2}, 0, 1, 0, 1},
		{"after the step", []float64{0, 1, -3599, -3598}, []float64{0, 1, 1, 2}, 2, 3, -3599, -3598},
		{"back twice", []float64{0, 1, -99, -98, -198, -197}, []float64{0, 1, 1, 2, 2, 3}, 0, 5, -200, -197},
		{"one bogus time", []float64{0, 1, -1e9, 2, 3}, []float64{0, 1, 1, 2, 3}, 0, 4, 0, 3},
		{"two clocks in turn", []float64{0, -900, 1, -899, 2, -898}, []float64{0, 0, 1, 1, 2, 2}, 0, 4, 0, 2},
		{"back, and long after it a gap", []float64{0, -3600, -3590, -3580, 100}, []float64{0, 0, 10, 20, 3700}, 0, 4,
			-3600, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			var clock steadyClock
			got := make([]int64, len(c.times))
			for i, at := range c.times {
				got[i] = clock.steady(start*second + int64(at*1e9))
				if off := got[i] - (start*second + int64(c.want[i]*1e9)); off < 0 || off > 10 {
					t.Errorf("frame %d: %d ns from %v", i, off, c.want[i])
				}
			}
			first, last := clock.wall(got[c.first], got[c.last])
			for i, w := range []float64{c.wall0, c.wall1} {
				if off := []int64{first, last}[i] - (start*second + int64(w*1e9)); off < -10 || off > 10 {
					t.Errorf("time %d in the record is %d ns from %v", i, off, w)
				}
			}
		})
	}
}

// TestSteadyClockIsBounded: forged times neither overflow nor fill the memory.
func TestSteadyClockIsBounded(t *testing.T) {
	var clock steadyClock
	extremes := []int64{0, math.MaxInt64, math.MinInt64, -1, maxTime, maxTime + 1, 1, maxTime - 1, 0, maxTime / 2}
	for i := range 3 * maxSteps {
		at := extremes[i%len(extremes)]
		if got := clock.steady(at); uint64(at) > maxTime && got != at {
			t.Fatalf("%d became %d", at, got)
		} else if uint64(at) <= maxTime && got < 0 {
			t.Fatalf("%d became %d: it overflowed", at, got)
		}
	}
	if len(clock.steps) > maxSteps || len(clock.before) > maxUndo {
		t.Errorf("%d steps, %d to undo", len(clock.steps), len(clock.before))
	}
	first, last := (*steadyClock)(nil).wall(1, 2)
	if first != 1 || last != 2 {
		t.Error("without a clock the times are others")
	}
}
