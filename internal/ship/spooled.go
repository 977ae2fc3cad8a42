// SPDX-License-Identifier: Apache-2.0

package ship

import (
	"github.com/weirnet/weir/internal/ship/compress"
	"github.com/weirnet/weir/internal/ship/spool"
)

// spooled is a spool as the store of a receiver.
type spooled struct {
	spool      *spool.Spool
	agent      ID
	upload     func() (connected bool, problem string) // the state of the upload
	arrived    func()                                  // called after each report
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
	s.body = s.compressor.Compress(s.body[:0], line, compress.Zstd)
	err := s.spool.Put(sequence, s.body, compress.Zstd)
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
	state.Connected, state.Problem = s.upload()
	if state.Problem == "" {
		state.Problem = stats.Error
	}
	if state.Problem == "" {
		state.Problem = stats.Refusal
	}
	return state
}
