// SPDX-License-Identifier: Apache-2.0

package logging

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Messages that pass within a window: so many with one text, and so many with one format, such as those of links that
// come and go.
const (
	sameText   = 20
	sameFormat = 1000
	window     = time.Minute
	maxKinds   = 256 // that a limiter knows; it lets others pass
	maxName    = 200 // bytes of a text that tell its kind
)

// limiter decides which messages pass: burst of one kind within a window.
type limiter struct {
	burst int
	tell  func(level slog.Level, text string, omitted int)

	mu    sync.Mutex
	kinds map[string]*kind
}

// kind counts the messages of a kind in its present window.
type kind struct {
	until   time.Time
	passed  int
	omitted int
	level   slog.Level // the highest of those left out
	last    string     // text of the last one
	timer   *time.Timer
}

// take reports whether a message passes.
func (l *limiter) take(name string, level slog.Level, text string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.find(name[:min(len(name), maxName)], now)
	if k == nil {
		return true
	}
	if k.passed < l.burst {
		k.passed++
		return true
	}
	if k.omitted == 0 {
		k.timer = time.AfterFunc(k.until.Sub(now), func() { l.end(k) })
		k.level = level
	}
	k.omitted++
	k.level, k.last = max(k.level, level), text
	return false
}

// find returns the kind of a name, in a window that is not over; nil if there are too many kinds. A window that left
// messages out ends by its timer.
func (l *limiter) find(name string, now time.Time) *kind {
	if l.kinds == nil {
		l.kinds = map[string]*kind{}
	}
	k := l.kinds[name]
	if k == nil && len(l.kinds) >= maxKinds {
		for other, old := range l.kinds {
			if old.omitted == 0 && !now.Before(old.until) {
				delete(l.kinds, other)
			}
		}
		if len(l.kinds) >= maxKinds {
			return nil
		}
	}
	if k == nil {
		k = &kind{until: now.Add(window)}
		l.kinds[name] = k
	}
	if k.omitted == 0 && !now.Before(k.until) {
		k.passed, k.until = 0, now.Add(window)
	}
	return k
}

// end ends a window, and tells what was left out.
func (l *limiter) end(k *kind) {
	l.mu.Lock()
	level, last, omitted := k.level, k.last, k.omitted
	k.omitted, k.passed, k.until, k.last = 0, 0, time.Time{}, ""
	l.mu.Unlock()
	if omitted > 0 {
		l.tell(level, fmt.Sprintf("%d more such messages were left out; the last one: %s", omitted, last), omitted)
	}
}

// flush ends all windows.
func (l *limiter) flush() {
	l.mu.Lock()
	var some []*kind
	for _, k := range l.kinds {
		if k.omitted > 0 && k.timer.Stop() {
			some = append(some, k)
		}
	}
	l.mu.Unlock()
	for _, k := range some {
		l.end(k)
	}
}
