// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/ship"
	"github.com/weirnet/weir/internal/ship/enrol"
)

// ShipCommand is the sub-command of the process ship, with the state folder and the compression as its arguments; it
// calls ship.Run.
const ShipCommand = "ship"

// shipper keeps the process ship running: it holds both ends of the socket between ship and the confined process, so
// that a new ship finds the messages that the last one left.
type shipper struct {
	folder       string
	compression  string
	user         int      // ship's; 0: this process's
	ours, theirs *os.File // the confined process's end, and ship's
	key          *os.File // of the reports' pseudonyms
	log          *logging.Logger
	ending       chan struct{} // closed by end
	ended        chan struct{} // closed when ship has ended for good
	hurry        chan struct{} // closed at a signal during the end
}

// openShip makes what ship needs; nil if the agent has no uplink. The caller calls start, and then end.
func openShip(o *agent.Options) (*shipper, error) {
	if o.Uplink == "" {
		return nil, nil
	}
	key, user, err := openUplinkState(o.Uplink)
	if err != nil {
		return nil, fmt.Errorf("--state-dir: %w", err)
	}
	ours, theirs, err := ship.NewSocketPair()
	if err != nil {
		return nil, errors.Join(err, key.Close())
	}
	return &shipper{folder: o.Uplink, user: user, compression: o.Compression, ours: ours, theirs: theirs, key: key,
		log: o.Log, ending: make(chan struct{}), ended: make(chan struct{}), hurry: make(chan struct{})}, nil
}

// openUplinkState makes what the state folder lacks, and returns the file with the key of pseudonyms, and ship's user.
// As for the list of devices, nobody else may write there.
func openUplinkState(folder string) (key *os.File, user int, err error) {
	directory, err := openStateDirectory(folder)
	if err != nil {
		return nil, 0, err
	}
	defer directory.Close()
	if user, err = openSpool(filepath.Join(folder, ship.SpoolFolder)); err != nil {
		return nil, 0, err
	}
	key, err = openPseudonymKey(directory, folder)
	return key, user, err
}

// start starts ship.
func (s *shipper) start() {
	if s != nil {
		go s.run()
	}
}

// add passes the socket to the confined process.
func (s *shipper) add(e *agent.Descriptors) {
	if s != nil {
		e.Add(agent.DescriptorShip, int(s.ours.Fd()))
		e.Add(agent.DescriptorPseudonym, int(s.key.Fd()))
	}
}

// The waits before ship is started again: the first after its death, the longest, the one at the end before which weir
// gives up, and how long ship has to live for the next wait to be short again.
const (
	firstWait   = 100 * time.Millisecond
	lastWait    = 30 * time.Second
	lastEndWait = 5 * time.Second
	soundLife   = time.Minute
)

// maxCrashes is the number of short lives after which the first report in the socket, which each ship begins with, is
// taken for their cause.
const maxCrashes = 20

// run starts ship, again and again until the end, in which ship has to finish its work.
func (s *shipper) run() {
	defer close(s.ended)
	ending := s.ending // nil after that
	crashes := 0
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		began := time.Now()
		child, err := s.launch()
		if err == nil {
			if isOver := s.serve(child); isOver {
				return
			}
			var hasCrashed bool
			if hasCrashed, err = shipError(child); hasCrashed {
				crashes++
			}
		}
		if time.Since(began) >= soundLife {
			wait, crashes = firstWait, 0
		}
		if crashes >= maxCrashes && ship.Discard(s.theirs) {
			crashes = 0
			s.log.Warnf("a report is dropped, as it may be what ended that process %d times", maxCrashes)
		}
		if ending == nil && wait >= lastEndWait {
			s.log.Warnf("the last reports may not be stored: %v", err)
			return
		}
		s.log.Warnf("%v; it starts again in %s", err, wait)
		select {
		case <-time.After(wait):
		case <-ending:
			ending, wait = nil, firstWait
		}
	}
}

func (s *shipper) launch() (*sandbox.Child, error) {
	files, err := enrol.Open(filepath.Join(s.folder, ship.UplinkFolder))
	if err != nil {
		return nil, fmt.Errorf("start ship: %w", err)
	}
	spool := filepath.Join(s.folder, ship.SpoolFolder)
	child, err := sandbox.Start(sandbox.Config{Role: sandbox.Ship, Args: s.args(),
		Writable: []string{spool}, Folder: spool, User: s.user, Files: append([]*os.File{s.theirs}, files...)})
	for _, f := range files {
		f.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("start ship: %w", err)
	}
	return child, nil
}

// args returns ship's arguments.
func (s *shipper) args() []string {
	return append([]string{ShipCommand, s.folder, s.compression}, s.log.Args()...)
}

// shipError says how ship ended, and whether a signal or a panic has ended it.
func shipError(child *sandbox.Child) (hasCrashed bool, err error) {
	state, err := child.Wait()
	if err != nil {
		return false, fmt.Errorf("wait for ship: %w", err)
	}
	hasCrashed = state.ExitCode() == panicCode || state.ExitCode() < 0
	return hasCrashed, fmt.Errorf("the process that sends reports has ended (%v)", state)
}

// panicCode is the status of a Go program that a panic or the runtime has ended. ShipCommand has another for errors.
const panicCode = 2

// Bounds of ship's end: without a sign of life for shipGrace, or after endTime, it is killed. With the agent's minute,
// that is below systemd's 90 seconds (TimeoutStopSec).
const (
	shipGrace = 5 * time.Second
	endTime   = 25 * time.Second
)

// serve waits for ship's death, or lets it end, and reports whether it did that.
func (s *shipper) serve(child *sandbox.Child) (isOver bool) {
	defer child.Conn.Close()
	select {
	case <-child.Done():
		return false
	case <-s.ending:
	}
	signs := make(chan struct{}, 1)
	go func() {
		for b := make([]byte, 1); ; {
			if n, err := child.Conn.Read(b); err != nil || n == 0 {
				return
			}
			select {
			case signs <- struct{}{}:
			default:
			}
		}
	}()
	_ = child.Conn.CloseWrite() // the order to end
	hurry, end := s.hurry, time.After(endTime)
	for {
		grace := time.NewTimer(shipGrace)
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
		s.log.Warnf("the process that sends reports did not end, and is killed")
		_ = child.Signal(unix.SIGKILL)
		<-child.Done()
		return true
	}
}

// end lets ship store what it got, and send it if that is quick. A signal hurries it.
func (s *shipper) end() {
	if s == nil {
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	defer signal.Stop(signals)
	close(s.ending)
	select {
	case <-s.ended:
	case <-signals:
		close(s.hurry)
		<-s.ended
	}
	_ = errors.Join(s.ours.Close(), s.theirs.Close(), s.key.Close())
}
