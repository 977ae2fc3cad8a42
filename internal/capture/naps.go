// SPDX-License-Identifier: Apache-2.0

package capture

import "time"

// Naps decides how a source waits. While there is work it naps: it waits for more without requesting a wakeup, so that
// packets that come meanwhile cost no interrupt and are read at once, with more of the worker's memory still in the
// caches. After maxNaps in a row without work it sleeps until it is woken. A source starts asleep. It should nap in a
// system call outside of Go's scheduler: else the scheduler's monitor checks the thread every 20 µs while it waits, and
// hands its P over, which costs more than all else.
type Naps struct{ left int }

const (
	nap     = 10 * time.Millisecond
	maxNaps = 20
)

// Work reports that there was something to read.
func (n *Naps) Work() { n.left = maxNaps }

// Next returns the length of the next nap, within a wait of at most timeout, and counts it as one without work. ok is
// false when it is time to sleep.
func (n *Naps) Next(timeout time.Duration) (length time.Duration, ok bool) {
	if n.left == 0 {
		return 0, false
	}
	n.left--
	return max(min(timeout, nap), 0), true
}
