// SPDX-License-Identifier: Apache-2.0

package capture

import "time"

// Naps is how a source waits. While there is work it naps: it waits for more without asking to be woken, so that what
// comes meanwhile costs no interrupt and is read at once, with more of the worker's memory still in the caches. After
// maxNaps in a row with nothing to read it sleeps until it is woken. A source sleeps first. It should nap in a system
// call that Go's scheduler doesn't know of: else its monitor looks after the thread every 20 µs for as long as it
// waits, and gives its place away, which costs more than all else.
type Naps struct{ left int }

const (
	nap     = 10 * time.Millisecond
	maxNaps = 20
)

// Work says that there was something to read.
func (n *Naps) Work() { n.left = maxNaps }

// Next is for how long to nap before the next look, of a wait that may last timeout, and takes that nap as one without
// work. Where ok is false it is time to sleep.
func (n *Naps) Next(timeout time.Duration) (length time.Duration, ok bool) {
	if n.left == 0 {
		return 0, false
	}
	n.left--
	return max(min(timeout, nap), 0), true
}
