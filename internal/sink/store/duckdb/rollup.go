// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/sink/store"
)

// A roll-up has the sums of a whole hour or day by one dimension and agent. It counts the flows that had packets in it,
// apart by the hour (day) in which they had packets before: so a range of roll-ups tells how many flows had packets in
// it, each once (see sums of prev in source). What is in rolled is complete. An interval that comes, or changes, in an
// hour that is rolled removes the roll-up, in the same transaction.

const (
	hour = int64(time.Hour)
	// rollAfter is how old the end of an hour is at least when it is rolled up, and rollQuiet for how long no report of
	// it came.
	rollAfter = 2 * time.Hour
	rollQuiet = 5 * time.Minute
	// maxRolls bounds the roll-ups that one call makes, so that reports do not wait.
	maxRolls = 8
)

var rollSteps = []int64{hour, int64(day)}

// rolledDimensions are those that have roll-ups: few, and with few keys.
var rolledDimensions = []store.Dimension{store.ByAgent, store.ByApplication, store.ByProtocol, store.ByCategory,
	store.ByDevice, store.ByDirection, store.ByCountry}

// boundedDimensions have many keys: a roll-up has the largest keys of each agent by themselves, and the others as a
// sum, under the dimension's name and a +. Questions use them where no intervals are left.
var boundedDimensions = []store.Dimension{store.ByHost, store.ByNetwork, store.ByPort, store.ByASN}

const (
	othersOf = "+"
	// A roll-up of a bounded dimension has one key of 200 intervals, from least to most.
	intervalsOfKey      = 200
	leastKeys, mostKeys = 10, 100
)

// span is an hour or a day.
type span struct{ step, t int64 }

func spanOf(step, t int64) span { return span{step, t - t%step} }

// rolls is what the writer remembers of roll-ups.
type rolls struct {
	done map[span]bool
	// open has the spans that are not rolled up, and when the last report of each came.
	open    map[span]int64
	horizon int64 // raw data of before is pruned
}

func (r *rolls) load(ctx context.Context, db *sql.Conn) error {
	*r = rolls{done: map[span]bool{}, open: map[span]int64{}}
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(t), 0) FROM horizon").Scan(&r.horizon); err != nil {
		return err
	}
	err := each(ctx, db, "SELECT step, t FROM rolled", nil, func(row *sql.Rows) error {
		var one span
		err := row.Scan(&one.step, &one.t)
		r.done[one] = true
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, db, "SELECT DISTINCT t - t % ? FROM intervals", []any{hour}, func(row *sql.Rows) error {
		var t int64
		err := row.Scan(&t)
		for _, step := range rollSteps {
			if one := spanOf(step, t); !r.done[one] && one.t >= r.horizon {
				r.open[one] = 0
			}
		}
		return err
	})
}

// isFrozen reports whether a time is of raw data that was pruned, or of a roll-up that can't be made again.
func (r *rolls) isFrozen(t int64) bool {
	one := spanOf(hour, t)
	return t < r.horizon || one.t < r.horizon && r.done[one]
}

// touch notes intervals at times, which came then. It removes the roll-ups that they change. A day of which a part was
// pruned keeps its roll-up no longer than it is true: its hours have the rest.
func (b *batch) touch(ctx context.Context) error {
	r := &b.s.rolls
	touched := map[span]bool{}
	for i := range b.intervals {
		for _, step := range rollSteps {
			touched[spanOf(step, b.intervals[i].t)] = true
		}
	}
	var came int64
	for _, in := range b.reports {
		came = max(came, in.received())
	}
	for one := range touched {
		if one.t >= r.horizon {
			r.open[one] = came
		}
		if !r.done[one] || one.step == hour && one.t < r.horizon {
			continue
		}
		delete(r.done, one)
		for _, table := range []string{"rolled", "rollups"} {
			_, err := b.s.writer.ExecContext(ctx, "DELETE FROM "+table+" WHERE step = ? AND t = ?", one.step, one.t)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// roll makes the roll-ups that are due at a time, the oldest first. The writer's lock is held.
func (s *Store) roll(ctx context.Context, now int64, most int) error {
	due := slices.Collect(maps.Keys(s.rolls.open))
	due = slices.DeleteFunc(due, func(one span) bool {
		return one.t+one.step > now-int64(rollAfter) || s.rolls.open[one] > now-int64(rollQuiet)
	})
	slices.SortFunc(due, func(a, b span) int { return int(min(max(a.t+a.step-b.t-b.step, -1), 1)) })
	for _, one := range due[:min(len(due), most)] {
		if err := s.transaction(ctx, func() error { return s.rollSpan(ctx, one) }); err != nil {
			return err
		}
		delete(s.rolls.open, one)
		s.rolls.done[one] = true
	}
	return nil
}

// rollSpan makes the roll-ups of an hour or a day. Sums of BIGINT are HUGEINT: as that they would be slow.
func (s *Store) rollSpan(ctx context.Context, one span) error {
	for _, by := range rolledDimensions {
		d := dimensions[by]
		key := d.column
		if by == store.ByAgent {
			key = "''"
		}
		first := "(" + counted + ")"
		_, err := s.writer.ExecContext(ctx, `INSERT INTO rollups
			SELECT ?, ?, ?, agent, key, prev, `+sumsOf("up", "down", "packets", "flows")+` FROM (
				SELECT i.agent, `+key+` AS key, i.up, i.down, i.up_packets + i.down_packets AS packets,
					`+first+`::BIGINT AS flows,
					CASE WHEN `+first+` AND i.flags & ? = 0 THEN i.prev - i.prev % ? ELSE 0 END AS prev
				FROM intervals i WHERE i.t >= ? AND i.t < ?)
			GROUP BY agent, key, prev ORDER BY agent, key, prev`,
			one.step, string(by), one.t,
			one.t, one.t+one.step, int(d.uses), one.t, one.t+one.step, int(d.uses), int(d.uses), one.step,
			one.t, one.t+one.step)
		if err != nil {
			return err
		}
	}
	for _, by := range boundedDimensions {
		if err := s.rollBounded(ctx, one, by); err != nil {
			return err
		}
	}
	_, err := s.writer.ExecContext(ctx, "INSERT INTO rolled VALUES (?, ?)", one.step, one.t)
	return err
}

// rollBounded makes the roll-up of a bounded dimension.
func (s *Store) rollBounded(ctx context.Context, one span, by store.Dimension) error {
	d := dimensions[by]
	first := "(" + counted + ")"
	_, err := s.writer.ExecContext(ctx, `INSERT INTO rollups
		WITH g AS MATERIALIZED (
			SELECT agent, key, prev, count(*) AS n, sum(up) AS up, sum(down) AS down, sum(packets) AS packets,
				sum(flows) AS flows FROM (
				SELECT i.agent, `+d.column+` AS key, i.up, i.down, i.up_packets + i.down_packets AS packets,
					`+first+`::BIGINT AS flows,
					CASE WHEN `+first+` AND i.flags & ? = 0 THEN i.prev - i.prev % ? ELSE 0 END AS prev
				FROM intervals i WHERE i.t >= ? AND i.t < ?)
			GROUP BY agent, key, prev),
		k AS (SELECT agent, key, row_number() OVER (PARTITION BY agent ORDER BY `+byBytes+` DESC, key) AS rank,
				greatest(least(sum(n) OVER (PARTITION BY agent) // ?, ?), ?) AS most
			FROM (SELECT agent, key, sum(n) AS n, sum(up) AS up, sum(down) AS down FROM g GROUP BY agent, key))
		SELECT ?, CASE WHEN rank <= most THEN ? ELSE ? END AS dim, ?, agent,
			CASE WHEN rank <= most THEN key ELSE '' END AS kept, prev, `+sumsOf("up", "down", "packets", "flows")+`
		FROM g JOIN k USING (agent, key) GROUP BY dim, agent, kept, prev ORDER BY dim, agent, kept, prev`,
		one.t, one.t+one.step, int(d.uses), one.t, one.t+one.step, int(d.uses), int(d.uses), one.step,
		one.t, one.t+one.step, intervalsOfKey, mostKeys, leastKeys, one.step, string(by), string(by)+othersOf, one.t)
	return err
}

// source makes the rows that a question adds up: k, t, up, down, packets, flows, and all_flows, the flows regardless of
// k. Rows with k NULL have all_flows, or sums of keys that are not known by themselves. They come from roll-ups as far
// as those have the dimension, cover the range, and have no coarser step than the question; from intervals otherwise.
func (s *Store) source(ctx context.Context, db querier, by store.Dimension, e filter.Expr, from, to, step int64) (
	source, error) {
	where, err := compile(e, false)
	if err != nil {
		return source{}, err
	}
	d := dimensions[by]
	if by == "" {
		d.column = "''"
	}
	var parts source
	rest := []gap{{from, to}}
	parts.isBounded = slices.Contains(boundedDimensions, by)
	if where.isRolled && (by == "" || parts.isBounded || slices.Contains(rolledDimensions, by)) && !s.onlyRaw {
		if rest, err = s.addRolled(ctx, db, &parts, by, where, from, to, step); err != nil {
			return source{}, err
		}
	}
	for _, g := range rest {
		parts.add("SELECT "+d.column+" AS k, i.t, i.up, i.down, i.up_packets + i.down_packets AS packets, ("+counted+
			")::INTEGER AS flows, ("+counted+")::INTEGER AS all_flows FROM intervals i WHERE i.t >= ? AND i.t < ? AND "+
			where.sql,
			append([]any{from, to, int(d.uses | where.uses), from, to, int(where.uses), g.from, g.to},
				where.args...)...)
	}
	return parts, nil
}

// source is a question's rows as SQL.
type source struct {
	sql  string
	args []any
	// isBounded: the dimension is a bounded one, and isApproximate: that matters for this range.
	isBounded, isApproximate bool
}

func (s *source) add(sql string, args ...any) {
	if s.sql != "" {
		s.sql += " UNION ALL "
	}
	s.sql += sql
	s.args = append(s.args, args...)
}

// gap is a part of a range.
type gap struct{ from, to int64 }

// maxGaps bounds the parts of a range that roll-ups do not cover.
const maxGaps = 16

// addRolled adds the rows of roll-ups, and returns the parts of the range that they do not cover.
func (s *Store) addRolled(ctx context.Context, db querier, parts *source, by store.Dimension, where condition,
	from, to, step int64) ([]gap, error) {
	whole := []gap{{from, to}}
	spans, err := rolledSpans(ctx, db, parts.isBounded, from, to, step)
	if err != nil || len(spans) == 0 {
		return whole, err
	}
	rest := []gap{{from, to}}
	runs := map[int64][]gap{}
	for _, one := range spans {
		last := &rest[len(rest)-1]
		rest = append(rest[:len(rest)-1], gap{last.from, one.t}, gap{one.t + one.step, to})
		run := runs[one.step]
		if n := len(run); n > 0 && run[n-1].to == one.t {
			run[n-1].to += one.step
		} else {
			run = append(run, gap{one.t, one.t + one.step})
		}
		runs[one.step] = run
	}
	rest = slices.DeleteFunc(rest, func(g gap) bool { return g.from >= g.to })
	if len(rest) > maxGaps || len(runs[hour])+len(runs[int64(day)]) > maxGaps {
		return whole, nil
	}
	parts.isApproximate = parts.isBounded
	for _, step := range rollSteps {
		for _, run := range runs[step] {
			parts.addRun(step, run, by, where, from, to)
		}
	}
	return rest, nil
}

// rolledSpans returns the hours and days within a range that are rolled up, in order, without overlaps. For a bounded
// dimension they are those of which intervals were pruned.
func rolledSpans(ctx context.Context, db querier, isBounded bool, from, to, step int64) (spans []span, err error) {
	query := "SELECT step, t FROM rolled WHERE t >= ? AND t + step <= ?"
	args := []any{from, to}
	if isBounded {
		query += " AND CASE WHEN step = ? THEN t ELSE t + step - 1 END < (SELECT coalesce(max(t), 0) FROM horizon)"
		args = append(args, hour)
	}
	err = each(ctx, db, query+" ORDER BY t, step DESC", args, func(row *sql.Rows) error {
		var one span
		err := row.Scan(&one.step, &one.t)
		isCoarse := step > 0 && step%one.step != 0
		if n := len(spans); !isCoarse && (n == 0 || one.t >= spans[n-1].t+spans[n-1].step) {
			spans = append(spans, one)
		}
		return err
	})
	return spans, err
}

// addRun adds the roll-ups of a run of hours or days. Those of flows that had packets before in the hour (day) in which
// the range begins, or ends, can't tell whether that was within the range: intervals tell.
func (s *source) addRun(step int64, run gap, by store.Dimension, where condition, from, to int64) {
	key, uses := "r.key", dimensions[by].uses
	switch by {
	case store.ByAgent:
		key = "(SELECT a.id FROM agents a WHERE a.num = r.agent)"
	case "":
		by, key = store.ByAgent, "''"
	}
	begin, end := from-from%step, to-to%step
	const flows = "CASE WHEN r.prev = 0 OR r.prev < ? OR r.prev >= ? THEN r.flows ELSE 0 END"
	agents := strings.ReplaceAll(where.sql, "i.agent", "r.agent") // it has no other column
	s.add("SELECT "+key+" AS k, r.t, r.up, r.down, r.packets, "+flows+" AS flows, 0 AS all_flows FROM rollups r "+
		"WHERE r.step = ? AND r.dim = ? AND r.t >= ? AND r.t < ? AND "+agents,
		append([]any{begin, endOf(end, to, step), step, string(by), run.from, run.to}, where.args...)...)
	s.add("SELECT NULL, r.t, 0, 0, 0, 0, "+flows+" FROM rollups r "+
		"WHERE r.step = ? AND r.dim = ? AND r.t >= ? AND r.t < ? AND "+agents,
		append([]any{begin, endOf(end, to, step), step, string(store.ByAgent), run.from, run.to}, where.args...)...)
	if s.isBounded {
		s.add("SELECT NULL, r.t, r.up, r.down, r.packets, "+flows+", 0 FROM rollups r "+
			"WHERE r.step = ? AND r.dim = ? AND r.t >= ? AND r.t < ? AND "+agents,
			append([]any{begin, endOf(end, to, step), step, string(by) + othersOf, run.from, run.to}, where.args...)...)
	}
	if begin == from && end == to {
		return
	}
	for _, one := range []struct {
		key    string
		uses   flags
		counts string
	}{{dimensions[by].column, uses, "1, 0"}, {"NULL", 0, "0, 1"}} {
		if key == "''" && one.key != "NULL" {
			one.key = "''"
		}
		s.add("SELECT "+one.key+", i.t, 0, 0, 0, "+one.counts+" FROM intervals i WHERE i.t >= ? AND i.t < ? AND "+
			"(i.prev >= ? AND i.prev < ? OR i.prev >= ? AND i.prev < ?) AND i.up_packets + i.down_packets > 0 AND "+
			"i.flags & "+strconv.Itoa(int(one.uses))+" = 0 AND "+where.sql,
			append([]any{run.from, run.to, max(begin, 1), from, to, endOf(end, to, step)}, where.args...)...)
	}
}

// endOf is the end of the hour (day) in which a range ends, if it does not end with one.
func endOf(end, to, step int64) int64 {
	if end == to {
		return to
	}
	return end + step
}
