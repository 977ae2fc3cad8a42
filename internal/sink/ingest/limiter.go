// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"sync"
	"time"
)

// limiter bounds the requests of each agent, and how many of them are under way.
type limiter struct {
	now func() time.Time

	mu     sync.Mutex
	agents map[string]*bucket
}

const (
	// An agent sends a request each 15 s, and several a second while it catches up.
	perSecond = 10
	burst     = 100
	// maxUnderWay bounds the requests of one agent at the same time, so that it leaves memory and decoders to others.
	maxUnderWay = 2
)

// bucket is an agent's token bucket.
type bucket struct {
	tokens   float64
	filled   time.Time
	underWay int
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{now: now, agents: map[string]*bucket{}}
}

func (l *limiter) of(agent string) *bucket {
	b := l.agents[agent]
	if b == nil {
		b = &bucket{tokens: burst, filled: l.now()}
		l.agents[agent] = b // agents that have enrolled only: their number is bounded
	}
	return b
}

// enter admits a request, which has to leave.
func (l *limiter) enter(agent string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.of(agent)
	if b.underWay >= maxUnderWay {
		return false
	}
	b.underWay++
	return true
}

func (l *limiter) leave(agent string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(agent).underWay--
}

// take takes a token. Without one it returns the time until there is one.
func (l *limiter) take(agent string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.of(agent)
	now := l.now()
	if d := now.Sub(b.filled); d > 0 {
		b.tokens = min(b.tokens+d.Seconds()*perSecond, burst)
	}
	b.filled = now
	if b.tokens >= 1 {
		b.tokens--
		return 0
	}
	return time.Duration((1 - b.tokens) / perSecond * float64(time.Second))
}
