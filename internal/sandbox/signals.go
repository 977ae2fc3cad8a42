// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// StopSignals returns a channel that is closed at the confined process's first SIGTERM, SIGINT or SIGHUP. Every further
// one is swallowed, since a terminal's Ctrl-C reaches it twice: by itself and from the helper. One that hangs the
// helper kills.
func StopSignals() <-chan struct{} {
	signals, stop := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	go func() {
		<-signals
		close(stop)
	}()
	return stop
}
