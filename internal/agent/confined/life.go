// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"sync/atomic"
	"time"
)

// life is how the agent's end gets on, which the helper is told of: it kills an agent that gives no sign.
type life struct {
	steps atomic.Uint64
	busy  atomic.Int64 // until this time by the clock of since, a step is under way that can't tell how it gets on
	since time.Time
	work  atomic.Pointer[func() uint64] // what goes up as the present step gets on
}

// signEvery is how often life tells: often enough for the two seconds that the helper waits, on a busy machine too.
const signEvery = 200 * time.Millisecond

func newLife() *life { return &life{since: time.Now()} }

// step begins the end's next step, which gets on as work goes up; work may be nil. It has the time atMost besides, in
// which it counts as one that gets on: a system call can't tell.
func (l *life) step(atMost time.Duration, work func() uint64) {
	l.work.Store(&work)
	l.busy.Store(int64(time.Since(l.since) + atMost))
	l.steps.Add(1)
}

// tell calls alive now, and whenever the end has got on, until that fails. output goes up as the reader takes what is
// written.
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
