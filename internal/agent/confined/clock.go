// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock is the state of the clock that people set.
type Clock struct {
	// IsKnown: the kernel has told the next three (adjtimex).
	IsKnown        bool
	IsSynchronised bool // NTP, PTP or the like keeps it right
	EstimatedError time.Duration
	MaximumError   time.Duration
	// Steps counts how often the clock was set since the agent's start, and Stepped by how much in all. A clock that
	// only runs faster or slower for a while does not step.
	Steps   uint64
	Stepped time.Duration
	// Suspended is how long the machine has slept since the agent's start.
	Suspended time.Duration
}

// clocks are the kernel's clocks at one moment, in nanoseconds. The second one goes on while the machine sleeps, and
// the third one does not.
type clocks struct{ wall, boot, monotonic int64 }

// minStep is the smallest step that counts: NTP slews what is less, and reading the clocks takes time.
const minStep = 50 * time.Millisecond

// clock watches the clock. It is not safe for use by several goroutines.
type clock struct {
	read  func() clocks
	first clocks
	last  clocks
	state Clock
}

func newClock() *clock {
	c := &clock{read: readClocks}
	c.first = c.read()
	c.last = c.first
	return c
}

// now reads the clock's state. A step that another one undoes between two calls stays unseen.
func (c *clock) now() Clock {
	now := c.read()
	step := time.Duration((now.wall - now.boot) - (c.last.wall - c.last.boot))
	if step.Abs() >= minStep {
		c.state.Steps++
		c.state.Stepped += step
		c.last = now
	}
	c.state.Suspended = max(time.Duration((now.boot-now.monotonic)-(c.first.boot-c.first.monotonic)), 0)
	var t unix.Timex
	status, err := unix.Adjtimex(&t) // without a capability it only reads
	if c.state.IsKnown = err == nil; err == nil {
		c.state.IsSynchronised = status != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
		c.state.EstimatedError = time.Duration(t.Esterror) * time.Microsecond
		c.state.MaximumError = time.Duration(t.Maxerror) * time.Microsecond
	}
	return c.state
}

// readClocks reads the clocks close to each other, unless the machine is too busy.
func readClocks() (best clocks) {
	const attempts, close = 8, 100 * time.Microsecond
	least := int64(-1)
	for range attempts {
		begin := clockTime(unix.CLOCK_MONOTONIC)
		now := clocks{wall: clockTime(unix.CLOCK_REALTIME), boot: clockTime(unix.CLOCK_BOOTTIME)}
		now.monotonic = clockTime(unix.CLOCK_MONOTONIC)
		if took := now.monotonic - begin; least < 0 || took < least {
			best, least = now, took
		}
		if least < int64(close) {
			break
		}
	}
	return best
}

// monotonic returns the time by CLOCK_MONOTONIC, in nanoseconds.
func monotonic() int64 { return clockTime(unix.CLOCK_MONOTONIC) }

// clockTime returns the time by a clock that every kernel has, in nanoseconds.
func clockTime(id int32) int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(id, &t)
	return t.Nano()
}
