// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/sink/store/decode"
)

// Bounds of questions.
const (
	maxLimit  = 1000
	maxSeries = 12
)

// dimension is how intervals have a dimension.
type dimension struct {
	column string
	uses   flags
}

var dimensions = map[store.Dimension]dimension{
	store.ByApplication: {"i.app", flagVerdictChanged},
	store.ByProtocol:    {"i.proto", flagVerdictChanged},
	store.ByCategory:    {"i.category", flagVerdictChanged},
	store.ByHost:        {"i.host", flagVerdictChanged},
	store.ByDevice:      {"i.device", flagPlaceChanged},
	store.ByNetwork:     {"i.net", flagPlaceChanged},
	store.ByDirection:   {"i.direction", flagPlaceChanged},
	store.ByPort:        {"i.port", flagPlaceChanged},
	store.ByCountry:     {"i.country", flagPlaceChanged},
	store.ByASN:         {"i.asn", flagPlaceChanged},
	store.ByAgent:       {"(SELECT a.id FROM agents a WHERE a.num = i.agent)", 0},
}

// byBytes is the measure of bytes. A sum is negative where an agent corrected counts downwards.
const byBytes = "greatest(up, 0) + greatest(down, 0)"

// measures are what the largest are found by.
var measures = map[string]string{"": byBytes, "bytes": byBytes, "packets": "packets", "flows": "flows"}

// Top answers what is largest.
func (s *Store) Top(ctx context.Context, q *store.TopQuery) (*store.Top, error) {
	if _, ok := dimensions[q.By]; !ok {
		return nil, fmt.Errorf("%w: top of an unknown dimension, %q", store.ErrInvalid, q.By)
	}
	measure, ok := measures[q.Sort]
	if !ok {
		return nil, fmt.Errorf("%w: top by an unknown measure, %q", store.ErrInvalid, q.Sort)
	}
	from, to := bounds(q.Range)
	snapshot, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = snapshot.Rollback() }()
	rows, err := s.source(ctx, snapshot, q.By, q.Filter, from, to, 0)
	if err != nil {
		return nil, err
	}
	limit := min(max(q.Limit, 1), maxLimit)
	query := `WITH g AS MATERIALIZED (
			SELECT k, sum(up)::HUGEINT AS up, sum(down)::HUGEINT AS down, sum(packets)::HUGEINT AS packets,
				sum(flows)::HUGEINT AS flows, sum(all_flows)::HUGEINT AS all_flows
			FROM (` + rows.sql + `) GROUP BY k),
		r AS (SELECT *, least(row_number() OVER (ORDER BY ` + measure + ` DESC, k), ?) AS n
			FROM g WHERE k IS NOT NULL)
		SELECT n, min(k), ` + sumsOf("up", "down", "packets", "flows") + `,
			(SELECT ` + sumsOf("all_flows") + ` FROM g) FROM r GROUP BY n
		UNION ALL SELECT ?, '', ` + bounded("up", "down", "packets", "flows") + `,
			(SELECT ` + sumsOf("all_flows") + ` FROM g) FROM g WHERE k IS NULL
		ORDER BY 1`
	top := &store.Top{Rows: []store.TopRow{}, Approximate: rows.isApproximate}
	var total, others sums
	err = each(ctx, snapshot, query, append(rows.args, limit+1, limit+1), func(rows *sql.Rows) error {
		var n int
		var key string
		var one sums
		var all int64
		if err := rows.Scan(&n, &key, &one.up, &one.down, &one.packets, &one.flows, &all); err != nil {
			return err
		}
		if n > limit {
			others = others.add(one)
		} else {
			top.Rows = append(top.Rows, store.TopRow{Key: key, Sums: one.public()})
		}
		total = total.add(one)
		total.flows = all
		return nil
	})
	if err != nil {
		return nil, err
	}
	top.Other, top.Total = others.public(), total.public()
	if q.By == store.ByASN {
		err = nameSystems(ctx, snapshot, top.Rows)
	}
	return top, err
}

// nameSystems sets the names of autonomous systems.
func nameSystems(ctx context.Context, db querier, rows []store.TopRow) error {
	names := map[string]string{}
	keys := make([]any, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	if len(keys) == 0 {
		return nil
	}
	query := "SELECT asn, name FROM systems WHERE asn IN (?" + strings.Repeat(", ?", len(keys)-1) + ")"
	err := each(ctx, db, query, keys, func(row *sql.Rows) error {
		var number, name string
		err := row.Scan(&number, &name)
		names[number] = name
		return err
	})
	for i := range rows {
		rows[i].Name = names[rows[i].Key]
	}
	return err
}

// sums are those of intervals.
type sums struct{ up, down, packets, flows int64 }

func (s sums) add(o sums) sums {
	return sums{s.up + o.up, s.down + o.down, s.packets + o.packets, s.flows + o.flows}
}

func (s sums) public() store.Sums {
	return store.Sums{UpBytes: uint64(max(s.up, 0)), DownBytes: uint64(max(s.down, 0)),
		Packets: uint64(max(s.packets, 0)), Flows: uint64(max(s.flows, 0))}
}

// maxSum bounds a sum: JavaScript has no larger whole numbers.
const maxSum = "9007199254740991"

// sumsOf adds columns up.
func sumsOf(columns ...string) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = "sum(" + c + ")"
	}
	return bounded(all...)
}

// bounded gives numbers bounds and the type BIGINT: sums of it are HUGEINT.
func bounded(numbers ...string) string {
	all := make([]string, len(numbers))
	for i, n := range numbers {
		all[i] = "greatest(least(coalesce(" + n + ", 0), " + maxSum + "), -" + maxSum + ")::BIGINT"
	}
	return strings.Join(all, ", ")
}

// counted is whether an interval counts its flow: it is the flow's first one with packets in a range, among those with
// the same properties. So flows count once without a list of them. Its arguments are the range and the properties.
const counted = "i.up_packets + i.down_packets > 0 AND (i.prev < ? OR i.prev >= ? OR i.flags & ? <> 0)"

// bounds are a range's in nanoseconds, as far as the store has times.
func bounds(r store.Range) (from, to int64) {
	return max(nanoseconds(r.From), 1), nanoseconds(r.To)
}

func nanoseconds(t time.Time) int64 {
	switch {
	case t.Unix() < 0:
		return 0
	case t.Unix() > decode.MaxTime/int64(time.Second):
		return decode.MaxTime
	}
	return t.UnixNano()
}
