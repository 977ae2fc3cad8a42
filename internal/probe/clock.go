// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"time"

	"golang.org/x/sys/unix"
)

// Clock is the state of the machine's clock. A wrong clock makes wrong times in records; it does not stop weir.
type Clock struct {
	OK           bool      `json:"ok"`
	Now          time.Time `json:"now"`
	Synchronised bool      `json:"synchronised"` // by the kernel's state (adjtimex): NTP, PTP or the like sets it
	Why          string    `json:"why,omitempty"`
	Fix          string    `json:"fix,omitempty"`
}

// firstYear is before this program was written: a clock that shows less was never set.
const firstYear = 2025

func readClock() Clock {
	var first, second unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &first)
	if err == nil {
		err = unix.ClockGettime(unix.CLOCK_MONOTONIC, &second)
	}
	var state unix.Timex
	status, adjtimex := unix.Adjtimex(&state)
	return judgeClock(time.Now().UTC(), second.Nano()-first.Nano(), err,
		adjtimex == nil && status != unix.TIME_ERROR && state.Status&unix.STA_UNSYNC == 0)
}

// judgeClock judges the time, the monotonic clock's step between two readings in nanoseconds, and whether something
// outside sets the clock.
func judgeClock(now time.Time, step int64, err error, synchronised bool) Clock {
	c := Clock{Now: now, Synchronised: synchronised}
	switch {
	case err != nil:
		c.Why, c.Fix = "cannot read the monotonic clock: "+err.Error(),
			"report this with the output of weir check --json"
	case step < 0 || step > int64(time.Second):
		c.Why, c.Fix = "the monotonic clock jumps",
			"look at /sys/devices/system/clocksource: the hypervisor's clock may be unstable"
	case now.Year() < firstYear:
		c.Why, c.Fix = "the clock was never set: it shows "+now.Format(time.DateOnly),
			"set it, or start an NTP client before weir"
	case !synchronised:
		c.OK, c.Why, c.Fix = true, "the clock is not synchronised",
			"start an NTP client: chrony, systemd-timesyncd, sysntpd"
	default:
		c.OK = true
	}
	return c
}
