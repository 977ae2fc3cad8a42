// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/sandbox"
)

// kept is a process beside the confined one that the helper keeps running until the end, in which the process has to
// finish its work: ship, export.
type kept struct {
	name   string // of the process
	does   string // what it does, for people: "sends reports"
	unmade string // what may be missing if it can't be started for its last work
	launch func() (*sandbox.Child, error)
	// crashed, unless nil, gets the number of short lives that a crash has ended, one after another, and returns a new
	// one.
	crashed func(n int) int
	// hear, unless nil, answers a message of the process.
	hear   func(c *net.UnixConn, message byte)
	log    *logging.Logger
	ending chan struct{}                 // closed by end
	ended  chan struct{}                 // closed when the process has ended for good
	hurry  chan struct{}                 // closed at a signal during the end
	child  atomic.Pointer[sandbox.Child] // the present process; nil: none
}

// start starts the process.
func (k *kept) start() {
	k.ending, k.ended, k.hurry = make(chan struct{}), make(chan struct{}), make(chan struct{})
	go k.run()
}

// The waits before the process is started again: the first after its death, the longest, the one at the end before
// which weir gives up, and how long it has to live for the next wait to be short again.
const (
	firstWait   = 100 * time.Millisecond
	lastWait    = 30 * time.Second
	lastEndWait = 5 * time.Second
	soundLife   = time.Minute
)

// run starts the process, again and again until the end, in which it has to finish its work.
func (k *kept) run() {
	defer close(k.ended)
	ending := k.ending // nil after that
	crashes := 0
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		began := time.Now()
		child, err := k.launch()
		if err != nil {
			err = fmt.Errorf("start %s: %w", k.name, err)
		} else {
			k.child.Store(child)
			if isOver := k.serve(child); isOver {
				return
			}
			var hasCrashed bool
			if hasCrashed, err = k.endError(child); hasCrashed {
				crashes++
			}
		}
		if time.Since(began) >= soundLife {
			wait, crashes = firstWait, 0
		}
		if k.crashed != nil {
			crashes = k.crashed(crashes)
		}
		if ending == nil && wait >= lastEndWait {
			k.log.Warnf("%s: %v", k.unmade, err)
			return
		}
		k.log.Warnf("%v; it starts again in %s", err, wait)
		select {
		case <-time.After(wait):
		case <-ending:
			ending, wait = nil, firstWait
		}
	}
}

// signal sends a signal to the process, if it runs.
func (k *kept) signal(s os.Signal) {
	if child := k.child.Load(); child != nil {
		_ = child.Signal(s) // it may have ended
	}
}

// endError says how the process ended, and whether a signal or a panic has ended it.
func (k *kept) endError(child *sandbox.Child) (hasCrashed bool, err error) {
	state, err := child.Wait()
	if err != nil {
		return false, fmt.Errorf("wait for %s: %w", k.name, err)
	}
	hasCrashed = state.ExitCode() == panicCode || state.ExitCode() < 0
	return hasCrashed, fmt.Errorf("the process that %s has ended (%v)", k.does, state)
}

// panicCode is the status of a Go program that a panic or the runtime has ended. The commands of kept processes have
// another for errors.
const panicCode = 2

// Bounds of the end: without a sign of life for keptGrace, or after endTime, the process is killed. With the agent's
// minute, that is below systemd's 90 seconds (TimeoutStopSec).
const (
	keptGrace = 5 * time.Second
	endTime   = 25 * time.Second
)

// serve waits for the process's death, or lets it end, and reports whether it did that.
func (k *kept) serve(child *sandbox.Child) (isOver bool) {
	defer child.Conn.Close()
	signs := make(chan struct{}, 1)
	go k.listen(child.Conn, signs)
	select {
	case <-child.Done():
		return false
	case <-k.ending:
	}
	_ = child.Conn.CloseWrite() // the order to end
	hurry, end := k.hurry, time.After(endTime)
	for {
		grace := time.NewTimer(keptGrace)
		select {
		case <-child.Done():
			state, _ := child.Wait()
			return state != nil && state.Success()
		case <-signs:
			continue
		case <-hurry:
			hurry = nil
			_ = child.Signal(unix.SIGTERM)
			continue
		case <-grace.C:
		case <-end:
		}
		k.log.Warnf("the process that %s did not end, and is killed", k.does)
		_ = child.Signal(unix.SIGKILL)
		<-child.Done()
		return true
	}
}

// listen takes the process's messages, each of which is a sign of life, too.
func (k *kept) listen(c *net.UnixConn, signs chan<- struct{}) {
	for b := make([]byte, 1); ; {
		if n, err := c.Read(b); err != nil || n == 0 {
			return
		}
		if k.hear != nil {
			k.hear(c, b[0])
		}
		select {
		case signs <- struct{}{}:
		default:
		}
	}
}

// end lets the process finish its work. A signal hurries it.
func (k *kept) end() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	defer signal.Stop(signals)
	close(k.ending)
	select {
	case <-k.ended:
	case <-signals:
		close(k.hurry)
		<-k.ended
	}
}
