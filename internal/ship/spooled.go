// SPDX-License-Identifier: Apache-2.0

package ship

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/spool"
	"github.com/weirnet/weir/internal/ship/upload"
)

// spooled is a spool as the store of a receiver.
type spooled struct {
	spool      *spool.Spool
	agent      ID
	upload     func() upload.State
	arrived    func()   // called after each report
	statm      *os.File // of proc_pid_statm(5); nil: unknown
	encoding   compress.Encoding
	compressor compress.Compressor
	body       []byte
}

func (s *spooled) Identity() Identity {
	epoch, next := s.spool.Identity()
	return Identity{Agent: s.agent, Epoch: ID(epoch), Next: next}
}

// keptBody bounds the memory kept for the next report.
const keptBody = 1 << 20

func (s *spooled) Put(sequence uint64, line []byte, told []Range) error {
	s.body = s.compressor.Compress(s.body[:0], line, s.encoding)
	err := s.spool.Put(sequence, s.body, s.encoding)
	if cap(s.body) > keptBody {
		s.body = nil
	}
	if err != nil {
		return err
	}
	ranges := make([]spool.Range, len(told))
	for i, t := range told {
		ranges[i] = spool.Range{Epoch: spool.Epoch(t.Epoch), First: t.First, Last: t.Last, Count: t.Count}
	}
	s.arrived()
	_ = s.spool.Told(ranges) // the report is stored; after a crash the ranges are told again
	return nil
}

func (s *spooled) State() State {
	stats := s.spool.Stats()
	_, next := s.spool.Identity()
	state := State{Queued: uint64(stats.Reports), SpoolBytes: uint64(stats.Bytes), Refused: stats.Refused,
		Lost: stats.Dropped + stats.Damaged + stats.Failed, Next: next}
	for _, l := range s.spool.Lost() {
		state.Untold = append(state.Untold, Range{ID(l.Epoch), l.First, l.Last, l.Count})
	}
	u := s.upload()
	state.Connected, state.Problem = u.Phase == upload.Connected, u.Error
	state.SinkOffset, state.HasSinkOffset = u.ClockOffset, u.HasClockOffset
	if state.Problem == "" {
		state.Problem = stats.Error
	}
	if state.Problem == "" {
		state.Problem = stats.Refusal
	}
	state.Usage = s.usage()
	return state
}

// usage measures this process.
func (s *spooled) usage() (u Usage) {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) == nil {
		u = Usage{UserTime: time.Duration(r.Utime.Nano()), SystemTime: time.Duration(r.Stime.Nano()),
			PeakResident: uint64(r.Maxrss) << 10}
	}
	if s.statm == nil {
		return u
	}
	text := make([]byte, 128)
	n, _ := s.statm.ReadAt(text, 0) // with io.EOF, as the file is shorter
	if fields := bytes.Fields(text[:n]); len(fields) > 1 {
		pages, _ := strconv.ParseUint(string(fields[1]), 10, 40)
		u.Resident = pages * uint64(os.Getpagesize())
	}
	return u
}
