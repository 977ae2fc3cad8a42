// SPDX-License-Identifier: Apache-2.0

package server

import (
	"log"
	"strings"
	"sync"
	"time"
)

// errorLog passes on what net/http reports, such as a handler's panic. Errors that anybody can cause from outside are
// left out, and so is more than a report each logPause.
type errorLog struct {
	log func(format string, args ...any)

	mu   sync.Mutex
	last time.Time
}

const logPause = 10 * time.Second

func newErrorLog(to func(format string, args ...any)) *log.Logger {
	return log.New(&errorLog{log: to}, "", 0)
}

func (l *errorLog) Write(b []byte) (int, error) {
	text := strings.TrimSpace(string(b))
	if strings.HasPrefix(text, "http: TLS handshake error") || strings.HasPrefix(text, "http2:") {
		return len(b), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.last) > logPause {
		l.last = now
		l.log("%s", text)
	}
	return len(b), nil
}
