// SPDX-License-Identifier: Apache-2.0

// Package wait makes tests wait for a condition, with a bound that a busy machine does not reach, and never for a
// duration. If time itself is the subject of a test, Pass lets it pass in a bubble of testing/synctest.
package wait

import (
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Limit bounds every wait for an expected event.
const Limit = 30 * time.Second

// look is the pause between two checks of a condition.
const look = 2 * time.Millisecond

// Until waits until a condition holds, and fails the test if that takes longer than Limit.
func Until(t testing.TB, what string, is func() bool) {
	t.Helper()
	if !Reached(is) {
		t.Fatalf("not within %v: %s", Limit, what)
	}
}

// Reached waits until a condition holds, and reports whether it did within Limit.
func Reached(is func() bool) bool { return Within(Limit, is) }

// Within is Reached with another limit.
func Within(limit time.Duration, is func() bool) bool {
	for end := time.Now().Add(limit); !is(); {
		if time.Now().After(end) {
			return is() // this goroutine may have been delayed
		}
		time.Sleep(look) // between two checks; nothing depends on the duration
	}
	return true
}

// For returns the next value of a channel, the zero value of a closed one, and fails the test if none arrives within
// Limit.
func For[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	x, came := Next(c, Limit)
	if !came {
		t.Fatalf("not within %v: %s", Limit, what)
	}
	return x
}

// Next returns the next value of a channel, the zero value of a closed one, and whether one arrived within a limit.
func Next[T any](c <-chan T, limit time.Duration) (x T, came bool) {
	over := time.NewTimer(limit)
	defer over.Stop()
	select {
	case x = <-c:
		return x, true
	case <-over.C:
		return x, false
	}
}

// Blocked waits until a goroutine in a function, named as in a stack trace ("afpacket.(*Source).Read"), blocks.
func Blocked(t testing.TB, function string) {
	t.Helper()
	Until(t, "a goroutine waits in "+function, func() bool { return IsBlocked(function) })
}

// IsBlocked reports whether a goroutine blocks there now.
func IsBlocked(function string) bool { return isBlocked(stacks(), function) }

// waiting matches the head of a blocked goroutine's trace.
var waiting = regexp.MustCompile(
	`^goroutine \d+ .*\[(syscall|IO wait|select|chan receive|chan send|sleep|sync\.Cond\.Wait)\b`)

func isBlocked(traces, function string) bool {
	for trace := range strings.SplitSeq(traces, "\n\n") {
		if strings.Contains(trace, function+"(") && waiting.MatchString(trace) {
			return true
		}
	}
	return false
}

func stacks() string {
	for b := make([]byte, 64<<10); ; b = make([]byte, 2*len(b)) {
		if n := runtime.Stack(b, true); n < len(b) {
			return string(b[:n])
		}
	}
}

// Pass lets a time pass in a bubble of testing/synctest, and lets all due work finish. It panics outside of a bubble.
func Pass(d time.Duration) {
	time.Sleep(d) // the bubble's clock: takes no real time
	synctest.Wait()
}
