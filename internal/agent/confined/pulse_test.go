// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestPulse: no sign before the capture has begun, then one at each interval in which the hub went on.
func TestPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var told []string
		var work atomic.Uint64
		p := &pulse{every: 10 * time.Second, begun: make(chan struct{}), work: work.Load,
			state: func() string { return fmt.Sprint(work.Load()) },
			tell: func(text string) error {
				told = append(told, fmt.Sprint(text, " at ", time.Since(began)))
				return nil
			}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.run(ctx)
		}()
		pass := func(d time.Duration, goesOn bool) {
			for range d / time.Second {
				if goesOn {
					work.Add(1)
				}
				time.Sleep(time.Second)
				synctest.Wait()
			}
		}
		pass(60*time.Second, true)
		close(p.begun)
		synctest.Wait()
		pass(25*time.Second, true)
		pass(3600*time.Second, false) // the hub hangs
		pass(5*time.Second, true)
		cancel()
		<-ended
		want := []string{"60 at 1m0s", "70 at 1m10s", "80 at 1m20s", "85 at 1m30s", "90 at 1h1m30s"}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

// TestPulseWithoutHelper ends.
func TestPulseWithoutHelper(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		p := &pulse{every: time.Second, begun: make(chan struct{}), work: func() uint64 { return 1 },
			state: func() string { return "" }, tell: func(string) error { return errors.New("gone") }}
		close(p.begun)
		p.run(context.Background())
		(&pulse{}).run(context.Background())
	})
}
