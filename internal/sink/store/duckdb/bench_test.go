// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/sink/store/storetest"
)

// BenchmarkIngest measures flows in reports, whole or changed, until they are on disk: four reports a transaction, as a
// sink that catches up stores them. Half of the flows of an interval are new.
func BenchmarkIngest(b *testing.B) {
	const flows, reports, batch = 5000, 192, 4
	var took, cpu time.Duration
	var count int64
	for b.Loop() {
		s, err := Open(filepath.Join(b.TempDir(), "flows.duckdb"), Config{})
		if err != nil {
			b.Fatal(err)
		}
		g := storetest.NewGateway(1, 1, 1<<20)
		g.Churn, g.Life = flows/2, 4
		for range reports / batch {
			for range batch {
				g.Step()
			}
			clear(g.Latest) // which no sink has to look at
			begin, used := time.Now(), cpuTime()
			if _, err := s.Ingest(b.Context(), g.Reports[len(g.Reports)-batch:]); err != nil {
				b.Fatal(err)
			}
			took, cpu = took+time.Since(begin), cpu+cpuTime()-used
			for i := range g.Reports {
				g.Reports[i].Line = nil
			}
		}
		count += s.measure(b)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(count)/took.Seconds(), "intervals/s")
	b.ReportMetric(float64(count)/cpu.Seconds(), "intervals/cpu-s")
}

// BenchmarkAppender measures DuckDB's appender alone, with rows like those of BenchmarkIngest's intervals.
func BenchmarkAppender(b *testing.B) {
	const rows = 400_000
	s, err := Open(filepath.Join(b.TempDir(), "flows.duckdb"), Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for b.Loop() {
		err := s.transaction(b.Context(), func() error {
			return s.appendRows("", "intervals", func(a *appender) {
				for n := range int64(rows) {
					i := newInterval{key: n, agent: 1, interval: interval{t: n * 1000, pos: n, prev: max(n-1, 0),
						flags: 39, counts: counts{n % 3000, n % 70_000, n % 9, n % 60}}}
					i.dims = dims{verdict{"youtube", "quic", "video", "rr1.googlevideo.com"},
						place{device: "02:00:00:00:00:07", net: "203.0.113.0/24", direction: "outbound"}, "443"}
					i.put(a)
				}
			})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "intervals/s")
}

// cpuTime is what the process has used of all CPUs.
func cpuTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// measure returns the number of intervals, and reports the bytes that one takes on disk with its share of the flows.
func (s *Store) measure(b *testing.B) (intervals int64) {
	if _, err := s.writer.ExecContext(b.Context(), "CHECKPOINT"); err != nil {
		b.Fatal(err)
	}
	var flows int64
	err := s.writer.QueryRowContext(b.Context(), `SELECT (SELECT count(*) FROM intervals),
		(SELECT count(*) FROM flows)`).Scan(&intervals, &flows)
	if err != nil {
		b.Fatal(err)
	}
	bytes, err := s.used(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(bytes)/float64(intervals), "bytes/interval")
	b.ReportMetric(float64(bytes)/float64(flows), "bytes/flow")
	return intervals
}

// BenchmarkTop measures questions on ten million intervals of 30 days.
func BenchmarkTop(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "flows.duckdb"), Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const month = 30 * day
	s.fill(b, 10_000_000, month)
	if err := s.rolls.load(b.Context(), s.writer); err != nil {
		b.Fatal(err)
	}
	if err := s.roll(b.Context(), storetest.Start.Add(2*month).UnixNano(), 10_000); err != nil {
		b.Fatal(err)
	}
	if _, err := s.writer.ExecContext(b.Context(), "CHECKPOINT"); err != nil {
		b.Fatal(err)
	}
	bytes, err := s.used(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, ask := range []struct {
		name    string
		onlyRaw bool
		from    time.Time
		filter  filter.Expr
		by      store.Dimension
	}{
		{"raw", true, storetest.Start, nil, store.ByApplication},
		{"rolled", false, storetest.Start, nil, store.ByApplication},
		{"rolled, from within an hour", false, storetest.Start.Add(25 * time.Minute), nil, store.ByApplication},
		{"one device", false, storetest.Start, filter.Compare{Field: filter.Device, Value: "02:00:00:00:00:07"},
			store.ByApplication},
		{"hosts", false, storetest.Start, nil, store.ByHost},
		{"last day", true, storetest.Start.Add(month - day), nil, store.ByApplication},
	} {
		b.Run(ask.name, func(b *testing.B) {
			s.onlyRaw = ask.onlyRaw
			q := &store.TopQuery{Range: store.Range{From: ask.from, To: storetest.Start.Add(month)}, By: ask.by,
				Filter: ask.filter, Limit: 10}
			for b.Loop() {
				top, err := s.Top(b.Context(), q)
				if err != nil || len(top.Rows) != 10 {
					b.Fatal(top, err)
				}
			}
			b.ReportMetric(float64(bytes)/10_000_000, "bytes/interval")
		})
	}
}

// BenchmarkFlows measures pages of flows, of ten million in 30 days.
func BenchmarkFlows(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "flows.duckdb"), Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const month = 30 * day
	s.fill(b, 10_000_000, month)
	s.fillFlows(b)
	if _, err := s.writer.ExecContext(b.Context(), "CHECKPOINT"); err != nil {
		b.Fatal(err)
	}
	end := storetest.Start.Add(month)
	for _, ask := range []struct {
		name     string
		from, to time.Time
		filter   filter.Expr
	}{
		{"newest", storetest.Start, end.Add(time.Hour), nil},
		{"of a device, last day", end.Add(-day), end.Add(time.Hour),
			filter.Compare{Field: filter.Device, Value: "02:00:00:00:00:07"}},
		{"of an hour two weeks ago", end.Add(-14 * day), end.Add(-14*day + time.Hour), nil},
		{"of a rare host", storetest.Start, end.Add(time.Hour),
			filter.Compare{Field: filter.Host, Op: filter.Under, Value: "host7.example.org"}},
		{"of an address", storetest.Start, end.Add(time.Hour),
			filter.Compare{Field: filter.Address, Value: "192.168.1.7"}},
	} {
		b.Run(ask.name, func(b *testing.B) {
			q := &store.FlowsQuery{Range: store.Range{From: ask.from, To: ask.to}, Filter: ask.filter, Limit: 50}
			for b.Loop() {
				if page, err := s.Flows(b.Context(), q); err != nil || len(page.Rows) == 0 {
					b.Fatal(page, err)
				}
			}
		})
	}
}

// BenchmarkIngestLarge measures reports of 1,000 flows, each a transaction, into a database of ten million flows.
func BenchmarkIngestLarge(b *testing.B) {
	s, err := Open(filepath.Join(b.TempDir(), "flows.duckdb"), Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	s.fill(b, 10_000_000, 30*day)
	s.fillFlows(b)
	if err := s.load(b.Context()); err != nil {
		b.Fatal(err)
	}
	g := storetest.NewGateway(9, 1, 1<<20)
	g.Churn, g.Life = 400, 4
	cpu := cpuTime()
	for b.Loop() {
		g.Step()
		if _, err := s.Ingest(b.Context(), g.Reports[len(g.Reports)-1:]); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpuTime()-cpu).Milliseconds())/float64(b.N), "cpu-ms/report")
}

// fillFlows makes the flows of intervals that fill made.
func (s *Store) fillFlows(b *testing.B) {
	_, err := s.writer.ExecContext(b.Context(), `INSERT INTO flows
		SELECT flow, agent, hash(flow), hash(flow + 1), pos, pos, '', t, 0, up, down, up_packets, down_packets,
			'end', 'idle', t - 1000000000, t, 'tcp', '\xC0\xA8\x01'::BLOB || encode(chr((hash(flow) % 30)::INTEGER)),
			40000, '\xCB\x00'::BLOB || encode(chr((hash(flow) % 125)::INTEGER) || 'x'), port,
			'"community_id":"1:' || md5(flow::VARCHAR)[:27] || '=","interface":"lan0","ip_version":4', direction,
			device, 'lan', '', 'wan', '', proto, app, category, host, 'dpi', '"application_method":"host"',
			'"tls":{"version":"1.3","sni":"' || host || '"}', '', device, net
		FROM intervals`)
	if err != nil {
		b.Fatal(err)
	}
}
