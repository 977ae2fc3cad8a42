// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"context"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
)

// Prune removes what a retention does not allow.
func (s *Store) Prune(ctx context.Context, now time.Time, r store.Retention) error {
	s.write.Lock()
	defer s.write.Unlock()
	if r.Flows > 0 {
		if err := s.pruneFlows(ctx, now.Add(-r.Flows).UnixNano()); err != nil {
			return err
		}
	}
	if r.Rollups > 0 { // never before the intervals: they would be rolled up again
		if err := s.pruneRollups(ctx, now.Add(-max(r.Rollups, r.Flows)).UnixNano()); err != nil {
			return err
		}
	}
	if r.Bytes <= 0 {
		return nil
	}
	return s.pruneBytes(ctx, r.Bytes)
}

// pruneFlows removes raw data from before a time, once it is rolled up. The keys of reports go too: reports from before
// then are not taken any more.
func (s *Store) pruneFlows(ctx context.Context, before int64) error {
	if before <= s.rolls.horizon {
		return nil
	}
	if err := s.rollBefore(ctx, before); err != nil {
		return err
	}
	err := s.transaction(ctx, func() error {
		for _, statement := range []string{
			"DELETE FROM intervals WHERE t < $1",
			"DELETE FROM flows WHERE packets_t < $1 AND last_seen < $1",
			"DELETE FROM interfaces WHERE t < $1",
			"DELETE FROM reports WHERE end_at < $1",
			"DELETE FROM devices WHERE t < $1 AND (agent, device) NOT IN (SELECT agent, device FROM intervals)",
			"INSERT INTO horizon VALUES ($1)",
		} {
			if _, err := s.writer.ExecContext(ctx, statement, before); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.load(ctx)
}

// rollBefore makes the roll-ups of what ended before a time.
func (s *Store) rollBefore(ctx context.Context, before int64) error {
	for one := range s.rolls.open {
		if one.t+one.step > before {
			continue
		}
		if err := s.transaction(ctx, func() error { return s.rollSpan(ctx, one) }); err != nil {
			return err
		}
		delete(s.rolls.open, one)
		s.rolls.done[one] = true
	}
	return nil
}

// pruneRollups removes roll-ups of before a time.
func (s *Store) pruneRollups(ctx context.Context, before int64) error {
	err := s.transaction(ctx, func() error {
		for _, table := range []string{"rollups", "rolled"} {
			if _, err := s.writer.ExecContext(ctx, "DELETE FROM "+table+" WHERE t + step <= ?", before); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.load(ctx)
}

// pruneBytes removes the oldest raw data until the database's files are no larger than allowed.
func (s *Store) pruneBytes(ctx context.Context, most int64) error {
	const tries = 8
	for range tries {
		if _, err := s.writer.ExecContext(ctx, "CHECKPOINT"); err != nil {
			return err
		}
		used, err := s.used(ctx)
		if err != nil || used <= most {
			return err
		}
		var before *int64
		share := min(max(1-float64(most)/float64(used), 0.05), 1)
		err = s.writer.QueryRowContext(ctx, "SELECT quantile_disc(t, ?) + 1 FROM intervals", share).Scan(&before)
		if err != nil || before == nil {
			return err
		}
		if err := s.pruneFlows(ctx, *before); err != nil {
			return err
		}
	}
	return nil
}

// used is what the database holds in bytes. Its file does not shrink: it has room for what follows.
func (s *Store) used(ctx context.Context) (n int64, err error) {
	err = s.writer.QueryRowContext(ctx, `SELECT block_size * used_blocks FROM pragma_database_size()
		WHERE database_name = current_database()`).Scan(&n)
	return n, err
}
