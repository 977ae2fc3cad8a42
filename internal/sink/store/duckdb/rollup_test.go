// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/sink/store/storetest"
)

// number asks for a number.
func (s *Store) number(t testing.TB, query string, args ...any) (n int64) {
	t.Helper()
	if err := s.writer.QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// rolledStore has two days and more of two gateways, one of which reports late.
func rolledStore(t *testing.T) (*Store, *storetest.Gateway) {
	t.Helper()
	s := open(t)
	var late *storetest.Gateway
	for number := range byte(2) {
		g := storetest.NewGateway(number+1, 3, 1000)
		g.Every, g.Churn, g.Life = 7*time.Minute, 3, 40
		for range 480 {
			g.Step()
		}
		for i := 0; i < len(g.Reports); i += 31 {
			part := g.Reports[i:min(i+31, len(g.Reports))]
			if number == 1 && i == 5*31 { // a whole record's report comes with the last ones
				part = part[2:]
			}
			if _, err := s.Ingest(t.Context(), part); err != nil {
				t.Fatal(err)
			}
		}
		late = g
	}
	return s, late
}

// TestRollups: a question has the same answer from roll-ups as from intervals.
func TestRollups(t *testing.T) {
	s, g := rolledStore(t)
	begin := storetest.Start
	random := rand.New(rand.NewPCG(1, 2))
	check := func(when string) {
		t.Helper()
		used := 0
		for range 30 {
			from := begin.Add(time.Duration(random.Int64N(int64(30 * time.Hour))))
			to := from.Add(time.Duration(random.Int64N(int64(50 * time.Hour))))
			switch random.IntN(3) {
			case 0:
				from, to = from.Truncate(time.Hour), to.Truncate(time.Hour)
			case 1:
				from, to = from.Truncate(24*time.Hour), to.Truncate(24*time.Hour)
			}
			var e filter.Expr
			if random.IntN(2) == 0 {
				e = filter.Compare{Field: filter.Agent, Op: filter.Equal, Value: g.ID}
			}
			r := store.Range{From: from, To: to}
			by := rolledDimensions[random.IntN(len(rolledDimensions))]
			var parts source
			rest, err := s.addRolled(t.Context(), s.db, &parts, by, condition{sql: "true"}, from.UnixNano(),
				to.UnixNano(), 0)
			if err != nil {
				t.Fatal(err)
			}
			if parts.sql != "" && len(rest) > 0 || len(rest) == 0 {
				used++
			}
			s.sameAnswers(t, when, r, by, e, time.Duration(random.IntN(3))*time.Hour)
		}
		if used < 8 {
			t.Errorf("%s: only %d of 30 questions used roll-ups", when, used)
		}
	}
	check("as reported")
	if n := s.number(t, "SELECT count(*) FROM rolled WHERE step = ?", int64(day)); n < 1 {
		t.Errorf("%d days are rolled up", n)
	}
	hours := s.number(t, "SELECT count(*) FROM rolled WHERE step = ?", hour)
	if _, err := s.Ingest(t.Context(), g.Reports[5*31:5*31+2]); err != nil {
		t.Fatal(err)
	}
	if n := s.number(t, "SELECT count(*) FROM rolled WHERE step = ?", hour); n >= hours {
		t.Errorf("late reports left all of %d hours rolled up", hours)
	}
	check("after late reports")
	for range 20 {
		g.Step()
		if _, err := s.Ingest(t.Context(), g.Reports[len(g.Reports)-1:]); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.number(t, "SELECT count(*) FROM rolled WHERE step = ?", hour); n <= hours {
		t.Errorf("%d hours are rolled up, %d were", n, hours)
	}
	check("rolled up again")
	checkPruned(t, s, g)
}

// sameAnswers asks with and without roll-ups.
func (s *Store) sameAnswers(t *testing.T, when string, r store.Range, by store.Dimension, e filter.Expr,
	step time.Duration) {
	t.Helper()
	var tops [2]*store.Top
	var series [2]*store.Series
	for i := range tops {
		s.onlyRaw = i == 1
		var err error
		if tops[i], err = s.Top(t.Context(), &store.TopQuery{Range: r, By: by, Filter: e, Limit: 3}); err != nil {
			t.Fatal(err)
		}
		of := by
		if step == 0 {
			of = ""
		}
		series[i], err = s.Series(t.Context(), &store.SeriesQuery{Range: r, By: of, Filter: e, Limit: 2, Step: step})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.onlyRaw = false
	if !reflect.DeepEqual(tops[0], tops[1]) {
		t.Fatalf("%s: top %s from %v to %v\nfrom roll-ups  %+v\nfrom intervals %+v", when, by, r.From, r.To,
			tops[0], tops[1])
	}
	if !reflect.DeepEqual(series[0], series[1]) {
		t.Fatalf("%s: series %s from %v to %v, step %v\nfrom roll-ups  %+v\nfrom intervals %+v", when, by, r.From, r.To,
			step, series[0], series[1])
	}
}

// checkPruned: roll-ups remain when their intervals are pruned, and a report that comes later changes nothing.
func checkPruned(t *testing.T, s *Store, g *storetest.Gateway) {
	t.Helper()
	r := store.Range{From: storetest.Start.Truncate(time.Hour), To: storetest.Start.Add(24 * time.Hour)}
	q := &store.TopQuery{Range: r, By: store.ByApplication, Limit: 5}
	want, err := s.Top(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	retention := store.Retention{Flows: 24 * time.Hour, Rollups: 1000 * time.Hour}
	if err := s.Prune(t.Context(), g.Now(), retention); err != nil {
		t.Fatal(err)
	}
	if n := s.number(t, "SELECT count(*) FROM intervals WHERE t < ?", g.Now().Add(-24*time.Hour).UnixNano()); n != 0 {
		t.Errorf("%d old intervals remain", n)
	}
	if _, err := s.Ingest(t.Context(), g.Reports[5*31:5*31+2]); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Top(t.Context(), q); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, got  %+v\nwant %+v", err, got, want)
	}
	if err := s.Prune(t.Context(), g.Now(), store.Retention{Rollups: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Top(t.Context(), q); err != nil || got.Total != (store.Sums{}) {
		t.Errorf("%v, %+v remain", err, got)
	}
}

// fill makes intervals of so many flows within a time, without reports.
func (s *Store) fill(t testing.TB, flows int, span time.Duration) {
	t.Helper()
	_, err := s.writer.ExecContext(context.Background(), `
		INSERT INTO agents VALUES (1, 'a0', '', '', 0, 0, 0, '{}', '[]');
		INSERT INTO intervals SELECT t, 1, n, n, 0, 39, 'app' || pow(r * 7.07, 2)::INTEGER, 'proto' || (n % 7),
			'category' || (n % 9), 'www.host' || (r * r * 5000)::INTEGER || '.example.org',
			'02:00:00:00:00:' || printf('%02x', hash(n) % 30), '203.0.' || (hash(n) % 250) || '.0/24', 'outbound',
			(443 + hash(n) % 3)::VARCHAR,
			(r * 3000)::BIGINT, (r * r * 90000)::BIGINT, (r * 20)::BIGINT, (r * 60)::BIGINT,
			chr(65 + (hash(n) % 20)::INTEGER) || 'X', (64496 + (r * r * 3000)::INTEGER)::VARCHAR
		FROM (SELECT n, random() AS r, (? + n * (? // ?)) AS t FROM range(1, ?) x(n))`,
		storetest.Start.UnixNano(), span.Nanoseconds(), flows, flows+1)
	if err != nil {
		t.Fatal(err)
	}
}

// TestRollupSize: a roll-up has at most 2 % of the intervals' rows, and its sums are BIGINT.
func TestRollupSize(t *testing.T) {
	s := open(t)
	const flows = 200_000
	s.fill(t, flows, 48*time.Hour)
	if err := s.rolls.load(t.Context(), s.writer); err != nil {
		t.Fatal(err)
	}
	if err := s.roll(t.Context(), storetest.Start.Add(96*time.Hour).UnixNano(), 1000); err != nil {
		t.Fatal(err)
	}
	for _, step := range rollSteps {
		err := each(t.Context(), s.db, `SELECT rtrim(dim, '+'), count(*), sum(flows)::BIGINT FROM rollups
			WHERE step = ? GROUP BY 1`, []any{step}, func(row *sql.Rows) error {
			var dim string
			var rows, counted int64
			err := row.Scan(&dim, &rows, &counted)
			if rows == 0 || rows > flows/50 || counted < flows/2 {
				t.Errorf("step %v, dimension %s: %d rows with %d flows", time.Duration(step), dim, rows, counted)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	dims := int64(len(rolledDimensions) + len(boundedDimensions))
	if n := s.number(t, "SELECT count(DISTINCT rtrim(dim, '+')) FROM rollups"); n != dims {
		t.Errorf("%d dimensions are rolled up, want %d", n, dims)
	}
	if n := s.number(t, "SELECT count(*) FROM rolled"); n != 49+3 {
		t.Errorf("%d hours and days are rolled up", n)
	}
	wide := s.number(t, `SELECT count(*) FROM information_schema.columns
		WHERE data_type IN ('HUGEINT', 'UHUGEINT', 'DOUBLE')`)
	if wide != 0 {
		t.Errorf("%d columns are wider than BIGINT", wide)
	}
}

// TestBoundedRollups: a dimension of many keys is exact while there are intervals. After that the sums of all remain
// exact, and so do those of keys that were among the largest all the time; the answer says that it is approximate.
func TestBoundedRollups(t *testing.T) {
	s := open(t)
	const flows = 20_000
	s.fill(t, flows, 48*time.Hour)
	if _, err := s.writer.ExecContext(t.Context(), `UPDATE intervals SET host = 'large.example',
			net = '198.51.100.0/24', port = '8443', asn = '64500' WHERE flow % 10 = 0`); err != nil {
		t.Fatal(err)
	}
	if err := s.rolls.load(t.Context(), s.writer); err != nil {
		t.Fatal(err)
	}
	end := storetest.Start.Add(48 * time.Hour)
	ask := func(by store.Dimension, from time.Time, e filter.Expr) (*store.Top, *store.Series) {
		t.Helper()
		r := store.Range{From: from, To: end}
		top, err := s.Top(t.Context(), &store.TopQuery{Range: r, By: by, Filter: e, Limit: 5})
		if err != nil {
			t.Fatal(err)
		}
		series, err := s.Series(t.Context(), &store.SeriesQuery{Range: r, By: by, Filter: e, Limit: 1, Step: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return top, series
	}
	type answer struct {
		top    *store.Top
		series *store.Series
	}
	exact := map[store.Dimension]answer{}
	for _, by := range boundedDimensions {
		top, series := ask(by, storetest.Start, nil)
		if exact[by] = (answer{top, series}); top.Approximate || series.Approximate {
			t.Errorf("%s: approximate with all intervals", by)
		}
	}
	now := end.Add(time.Hour)
	if err := s.Prune(t.Context(), now, store.Retention{Flows: 25 * time.Hour, Rollups: 1000 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	for _, by := range boundedDimensions {
		top, series := ask(by, storetest.Start, nil)
		want := exact[by]
		if !top.Approximate || !series.Approximate || top.Total != want.top.Total ||
			!reflect.DeepEqual(top.Rows[0], want.top.Rows[0]) {
			t.Errorf("%s: got  %+v\nwant %+v", by, top, want.top)
		}
		sum := top.Other
		for _, row := range top.Rows {
			sum.UpBytes, sum.DownBytes = sum.UpBytes+row.UpBytes, sum.DownBytes+row.DownBytes
		}
		if sum.UpBytes != top.Total.UpBytes || sum.DownBytes != top.Total.DownBytes {
			t.Errorf("%s: the rows have %+v, all %+v", by, sum, top.Total)
		}
		if !reflect.DeepEqual(series.Series, want.series.Series) {
			t.Errorf("%s: got  %+v\nwant %+v", by, series.Series, want.series.Series)
		}
		if top, _ := ask(by, now.Add(-24*time.Hour), nil); top.Approximate {
			t.Errorf("%s: approximate where there are intervals", by)
		}
		nobody := filter.Compare{Field: filter.Agent, Op: filter.Equal, Value: "another"}
		if top, series := ask(by, storetest.Start, nobody); top.Total != (store.Sums{}) || len(series.Series) != 0 {
			t.Errorf("%s: another agent has %+v, %+v", by, top, series)
		}
	}
}
