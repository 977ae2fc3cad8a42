// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"testing"
	"time"
)

func TestClocksAgree(t *testing.T) {
	before := Now()
	between := FromMonotonic(monotonic())
	after := Now()
	// the possible delay on a busy machine between the first readings of the clocks
	const apart = int64(time.Millisecond)
	if between < before-apart || between > after+apart {
		t.Errorf("%d is not between %d and %d", between, before, after)
	}
	if step := Step(); step != 0 {
		t.Errorf("nobody set the clock, and it was by %v", time.Duration(step))
	}
}

// TestWallTimes: frames keep their times if the clock was not set, and get the present time if theirs is impossible.
func TestWallTimes(t *testing.T) {
	var w WallTimes
	var got int64
	hand := w.Wrap(func(f *Frame) { got = f.Time })
	now := w.now
	for _, c := range []struct {
		name          string
		step, of, the int64
	}{
		{"just now", 0, now - 5, now - 5},
		{"in a backlog", 0, now - int64(20*time.Second), now - int64(20*time.Second)},
		{"older than any backlog", 0, now - int64(time.Hour), now},
		{"not yet", 0, now + int64(time.Hour), now},
		{"no time", 0, -1, now},
		{"clock set forward", int64(time.Hour), now + int64(time.Hour) - 5, now - 5},
		{"clock set back", -int64(time.Hour), now - int64(time.Hour) - 5, now - 5},
		{"clock set forward while the frame waited", int64(time.Hour), now - 5, now},
		{"clock set back while the frame waited", -int64(time.Hour), now - 5, now},
	} {
		w.step = c.step
		if hand(&Frame{Time: c.of}); got != c.the {
			t.Errorf("%s: %v after now, want %v", c.name, time.Duration(got-now), time.Duration(c.the-now))
		}
	}
}

// TestContinue: the clock goes on as an earlier process had it, before and after the wall clock was set.
func TestContinue(t *testing.T) {
	const most = int64(time.Millisecond)
	own := Base()
	defer Continue(own)
	for _, set := range []time.Duration{0, 300 * time.Microsecond, time.Hour, -time.Hour} {
		Continue(own - int64(set)) // the earlier process began before the wall clock was set by that much
		apart := FromMonotonic(monotonic()) - Now()
		if apart < -most || apart > most {
			t.Errorf("%v: the clocks differ by %v", set, time.Duration(apart))
		}
		step := time.Duration(Step())
		if step != 0 && set < time.Millisecond && set > -time.Millisecond || (step-set).Abs() > time.Millisecond {
			t.Errorf("%v: step %v", set, step)
		}
	}
}
