// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// StopSignals returns a channel that is closed at the confined process's first SIGTERM or SIGINT. It swallows
// further ones, since a terminal's Ctrl-C arrives twice: directly and through the helper. The helper kills a process
// that hangs.
func StopSignals() <-chan struct{} {
	signals, stop := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	go func() {
		<-signals
		close(stop)
	}()
	return stop
}

// ReloadSignals returns a channel with the SIGHUPs to the confined process; several at once are one. A SIGHUP never
// ends that process: the helper, which gets a terminal's too, decides what it means.
func ReloadSignals() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGHUP)
	return signals
}

// LeaveSignals returns a channel that is closed at the confined process's first SIGUSR2: another one will go on with
// its work.
func LeaveSignals() <-chan struct{} {
	signals, leave := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, unix.SIGUSR2)
	go func() {
		<-signals
		close(leave)
	}()
	return leave
}
