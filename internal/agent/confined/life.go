// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"sync/atomic"
	"time"
)

// life reports the progress of the agent's end to the helper, which kills an agent without a sign of life.
type life struct {
	steps atomic.Uint64
	busy  atomic.Int64 // until this time, by the clock of since, a step runs that cannot show its progress
	since time.Time
	work  atomic.Pointer[func() uint64] // grows as the present step makes progress
}

// signEvery is the interval of the signs: short enough for the helper's two seconds, even on a busy machine.
const signEvery = 200 * time.Millisecond

func newLife() *life { return &life{since: time.Now()} }

// step begins the end's next step, whose progress work counts; work may be nil. For the time atMost the step needs no
// progress: a system call cannot show any.
func (l *life) step(atMost time.Duration, work func() uint64) {
	l.work.Store(&work)
	l.busy.Store(int64(time.Since(l.since) + atMost))
	l.steps.Add(1)
}

// tell calls alive now, and whenever the end has made progress, until alive fails. output grows as the reader takes the
// output.
func (l *life) tell(alive func() error, output func() uint64) {
	every := time.NewTicker(signEvery)
	defer every.Stop()
	for last := ^uint64(0); ; <-every.C {
		sum := l.steps.Load()
		if work := l.work.Load(); work != nil && *work != nil {
			sum += (*work)()
		}
		if output != nil {
			sum += output()
		}
		if sum == last && int64(time.Since(l.since)) >= l.busy.Load() {
			continue
		}
		last = sum
		if alive() != nil { // the helper is gone, and this process with it
			return
		}
	}
}
