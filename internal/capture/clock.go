// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"time"

	"golang.org/x/sys/unix"
)

// The wall clock may be set while weir runs: a router without a battery boots in 1970. So captured and counted packets
// have times of a clock that nobody sets, and only records have the wall clock's time at the moment they leave weir
// (Step).

// start is the start of the process, and monotonicBase the difference between a time of Now and one of CLOCK_MONOTONIC,
// to some microseconds: the two clocks are read one after the other.
var (
	start         = time.Now()
	monotonicBase = start.UnixNano() - monotonic()
	origin        = start.UnixNano() // Now at the start; see Continue
)

// Base identifies the clock of Now, for Continue.
func Base() int64 { return monotonicBase }

// Continue makes Now go on as in an earlier process of this boot, whose Base it gets, so that the times of flows that
// go on stay what they are. Call it before anything else of this process reads the clock.
func Continue(base int64) {
	origin += base - monotonicBase
	monotonicBase = base
}

func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0 // every Linux has the clock
	}
	return now.Nano()
}

// Now returns nanoseconds since the Unix epoch, by the wall clock's time when the process began, or the first one that
// it continues.
func Now() int64 { return origin + int64(time.Since(start)) }

// FromMonotonic converts a time of CLOCK_MONOTONIC to one of Now.
func FromMonotonic(t int64) int64 { return t + monotonicBase }

// Step returns how far the wall clock has been set since the process began: add it to a time of Now.
func Step() int64 { return stepAt(time.Now()) }

func stepAt(now time.Time) int64 {
	step := now.UnixNano() - origin - int64(now.Sub(start))
	if -minStep < step && step < minStep {
		return 0
	}
	return step
}

// minStep is the least step. NTP slews both clocks alike; smaller differences come from the delay between two readings.
const minStep = int64(time.Millisecond)

// WallTimes converts frames' times from the wall clock to Now.
type WallTimes struct {
	now, step int64
	each      func(*Frame)
	fix       func(*Frame)
}

// Wrap returns each with a fixed time. It reads the clocks: call it before each batch of frames. Earlier results use
// this each, too.
func (w *WallTimes) Wrap(each func(*Frame)) func(*Frame) {
	now := time.Now()
	w.now, w.step = origin+int64(now.Sub(start)), stepAt(now)
	w.each = each
	if w.fix == nil {
		w.fix = func(f *Frame) {
			f.Time = w.steady(f.Time)
			w.each(f)
		}
	}
	return w.fix
}

// The range around the last reading of the clocks in which frames may have come. Frames that waited while the clock was
// set may be outside of it.
const (
	maxAge    = int64(time.Minute)
	maxFuture = int64(time.Second)
)

func (w *WallTimes) steady(t int64) int64 {
	t -= w.step
	if t < w.now-maxAge || t > w.now+maxFuture {
		return w.now
	}
	return t
}
