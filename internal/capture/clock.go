// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"time"

	"golang.org/x/sys/unix"
)

// The wall clock may be set while weir runs: a router without a battery boots in 1970. So what is captured and counted
// has times of a clock that nobody sets, and only what leaves weir is told in the wall clock's time of that moment
// (Step).

// start is when the process began, and monotonicBase what to add to a time of CLOCK_MONOTONIC to get one of Now, to
// some microseconds: the two clocks are read one after the other.
var (
	start         = time.Now()
	monotonicBase = start.UnixNano() - monotonic()
)

func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0 // every Linux has it
	}
	return now.Nano()
}

// Now is in nanoseconds since the Unix epoch, by what the wall clock said when the process began.
func Now() int64 { return start.UnixNano() + int64(time.Since(start)) }

// FromMonotonic makes a time of CLOCK_MONOTONIC one of Now.
func FromMonotonic(t int64) int64 { return t + monotonicBase }

// Step is by how much the wall clock has been set since the process began: what to add to a time of Now.
func Step() int64 { return stepAt(time.Now()) }

func stepAt(now time.Time) int64 {
	step := now.UnixNano() - start.UnixNano() - int64(now.Sub(start))
	if -minStep < step && step < minStep {
		return 0
	}
	return step
}

// minStep is what a step is at least. NTP slews both clocks alike; what differs by less was read at two times.
const minStep = int64(time.Millisecond)

// WallTimes gives frames that are stamped with the wall clock's time such of Now.
type WallTimes struct {
	now, step int64
	each      func(*Frame)
	fix       func(*Frame)
}

// Wrap returns each with a fixed time. It reads the clocks, and is to be called before each batch of frames; what it
// returned before calls this each, too.
func (w *WallTimes) Wrap(each func(*Frame)) func(*Frame) {
	now := time.Now()
	w.now, w.step = start.UnixNano()+int64(now.Sub(start)), stepAt(now)
	w.each = each
	if w.fix == nil {
		w.fix = func(f *Frame) {
			f.Time = w.steady(f.Time)
			w.each(f)
		}
	}
	return w.fix
}

// How far before and after the last reading of the clocks a frame may have come. Those that waited while the clock was
// set would be out of it.
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
