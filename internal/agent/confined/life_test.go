// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// TestLife: the agent gives signs while any step of its end makes progress, and none when it hangs.
func TestLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var signs, output, work atomic.Uint64
		var isGone atomic.Bool
		l := newLife()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			l.tell(func() error {
				if isGone.Load() {
					return errors.New("gone")
				}
				signs.Add(1)
				return nil
			}, output.Load)
		}()
		// longest returns the longest silence while something happens every 100 ms.
		longest := func(of time.Duration, something func()) (most time.Duration) {
			last, at := signs.Load(), time.Now()
			for end := time.Now().Add(of); time.Now().Before(end); {
				something()
				wait.Pass(100 * time.Millisecond)
				if n := signs.Load(); n != last {
					last, at = n, time.Now()
				}
				most = max(most, time.Since(at))
			}
			return most
		}
		want := func(what string, silence time.Duration, isSilent bool) {
			t.Helper()
			if (silence > time.Second) != isSilent {
				t.Errorf("%s: silent for %v", what, silence)
			}
		}
		nothing := func() {}
		want("before the first step", longest(10*time.Second, nothing), true)
		want("output is taken", longest(10*time.Second, func() { output.Add(1) }), false)
		want("output is not taken", longest(10*time.Second, nothing), true)
		want("work that is of no step", longest(10*time.Second, func() { work.Add(1) }), true)
		l.step(0, work.Load)
		want("a step makes progress", longest(10*time.Second, func() { work.Add(1) }), false)
		want("a step hangs", longest(10*time.Second, nothing), true)
		l.step(10*time.Second, nil)
		want("a step that can't tell", longest(9*time.Second, nothing), false)
		want("and takes too long", longest(5*time.Second, nothing), true)
		isGone.Store(true)
		l.step(0, nil)
		<-ended
	})
}
