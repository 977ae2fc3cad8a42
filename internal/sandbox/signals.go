// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// StopSignals returns a channel that is closed at the confined process's first SIGTERM, SIGINT or SIGHUP. It swallows
// further ones, since a terminal's Ctrl-C arrives twice: directly and through the helper. The helper kills a process
// that hangs.
func StopSignals() <-chan struct{} {
	signals, stop := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	go func() {
		<-signals
		close(stop)
	}()
	return stop
}
