// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
)

// steps are the round ones of series.
var steps = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute,
	2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
	3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 30 * day, 365 * day}

const day = 24 * time.Hour

// points returns a series' step, the begin of its first one, and how many there are: at most store.MaxPoints.
func points(from, to int64, step time.Duration) (length, start int64, n int, err error) {
	for _, round := range append([]time.Duration{step}, steps...) {
		if round < max(step, time.Second) {
			continue
		}
		length = int64(round)
		start = from - from%length
		if count := (to - start + length - 1) / length; count <= store.MaxPoints {
			return length, start, int(max(count, 0)), nil
		}
	}
	return 0, 0, 0, fmt.Errorf("%w: the range is too long for a series", store.ErrInvalid)
}

// Series answers with the course of what is largest.
func (s *Store) Series(ctx context.Context, q *store.SeriesQuery) (*store.Series, error) {
	if _, ok := dimensions[q.By]; !ok && q.By != "" {
		return nil, fmt.Errorf("%w: a series of an unknown dimension, %q", store.ErrInvalid, q.By)
	}
	from, to := bounds(q.Range)
	step, start, n, err := points(from, to, q.Step)
	if err != nil {
		return nil, err
	}
	snapshot, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = snapshot.Rollback() }()
	rows, err := s.source(ctx, snapshot, q.By, q.Filter, from, to, step)
	if err != nil {
		return nil, err
	}
	limit := min(max(q.Limit, 0), maxSeries)
	if q.By == "" {
		limit = 1
	}
	series := &store.Series{Start: time.Unix(0, start).UTC(), Step: time.Duration(step),
		StepS: int(time.Duration(step) / time.Second), Series: []store.Line{}}
	query := `WITH g AS MATERIALIZED (
			SELECT k, (t - ?) // ? AS point, sum(up) AS up, sum(down) AS down FROM (` + rows.sql + `)
			GROUP BY ALL HAVING k IS NOT NULL OR sum(up) <> 0 OR sum(down) <> 0),
		r AS (SELECT k, least(row_number() OVER (ORDER BY ` + byBytes + ` DESC, k), ?) AS n
			FROM (SELECT k, sum(up) AS up, sum(down) AS down FROM g WHERE k IS NOT NULL GROUP BY k))
		SELECT coalesce(n, ?) AS n, coalesce(min(k), ''), point, ` + sumsOf("up", "down") + `
		FROM g LEFT JOIN r USING (k) GROUP BY ALL ORDER BY 1, point`
	args := append(append([]any{start, step}, rows.args...), limit+1, limit+1)
	series.Approximate = rows.isApproximate
	before := 0
	err = each(ctx, snapshot, query, args, func(rows *sql.Rows) error {
		var number, point int
		var key string
		var one sums
		if err := rows.Scan(&number, &key, &point, &one.up, &one.down); err != nil {
			return err
		}
		if number != before {
			before = number
			line := store.Line{Key: key, UpBytes: make([]uint64, n), DownBytes: make([]uint64, n)}
			if line.IsOther = number > limit; line.IsOther {
				line.Key = ""
			}
			series.Series = append(series.Series, line)
		}
		if point >= 0 && point < n {
			line := &series.Series[len(series.Series)-1]
			public := one.public()
			line.UpBytes[point], line.DownBytes[point] = public.UpBytes, public.DownBytes
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return series, nil
}
