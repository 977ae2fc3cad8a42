// SPDX-License-Identifier: Apache-2.0

package privileged

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/weirnet/weir/internal/agent"
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
	kept
	folder       string
	compression  string
	user         int      // ship's; 0: this process's
	ours, theirs *os.File // the confined process's end, and ship's
	key          *os.File // of the reports' pseudonyms
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
	s := &shipper{folder: o.Uplink, user: user, compression: o.Compression, ours: ours, theirs: theirs, key: key}
	s.kept = kept{name: "ship", does: "sends reports", unmade: "the last reports may not be stored", launch: s.launch,
		crashed: s.crash, log: o.Log}
	return s, nil
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
		s.kept.start()
	}
}

// add passes the socket to the confined process.
func (s *shipper) add(e *agent.Descriptors) {
	if s != nil {
		e.Add(agent.DescriptorShip, int(s.ours.Fd()))
		e.Add(agent.DescriptorPseudonym, int(s.key.Fd()))
	}
}

// maxCrashes is the number of short lives after which the first report in the socket, which each ship begins with, is
// taken for their cause.
const maxCrashes = 20

// crash drops the first report in the socket after too many.
func (s *shipper) crash(n int) int {
	if n >= maxCrashes && ship.Discard(s.theirs) {
		s.log.Warnf("a report is dropped, as it may be what ended that process %d times", maxCrashes)
		return 0
	}
	return n
}

func (s *shipper) launch() (*sandbox.Child, error) {
	files, err := enrol.Open(filepath.Join(s.folder, ship.UplinkFolder))
	if err != nil {
		return nil, err
	}
	spool := filepath.Join(s.folder, ship.SpoolFolder)
	child, err := sandbox.Start(sandbox.Config{Role: sandbox.Ship, Args: s.args(),
		Writable: []string{spool}, Folder: spool, User: s.user, Files: append([]*os.File{s.theirs}, files...)})
	for _, f := range files {
		f.Close()
	}
	return child, err
}

// args returns ship's arguments.
func (s *shipper) args() []string {
	return append([]string{ShipCommand, s.folder, s.compression}, s.log.Args()...)
}

// end lets ship store what it got, and send it if that is quick. A signal hurries it.
func (s *shipper) end() {
	if s == nil {
		return
	}
	s.kept.end()
	_ = errors.Join(s.ours.Close(), s.theirs.Close(), s.key.Close())
}
