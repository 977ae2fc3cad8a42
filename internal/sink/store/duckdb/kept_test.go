// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"database/sql"
	"database/sql/driver"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/sink/store/storetest"
)

// Benchmarks of bench/run uplink. They share databases with a weir-sink, in data folders below the folder that
// WEIR_BENCH names.

// kept returns the path of the database in a data folder.
func kept(b *testing.B, data string) string {
	b.Helper()
	folder, ok := os.LookupEnv("WEIR_BENCH")
	if !ok {
		b.Skip("WEIR_BENCH names no folder: bench/run uplink does")
	}
	path := filepath.Join(folder, data, "store", "weir.duckdb")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		b.Fatal(err)
	}
	return path
}

// openKept opens a database, until the end of the benchmark.
func openKept(b *testing.B, path string) *Store {
	b.Helper()
	s, err := Open(path, Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

const month = 30 * day

// BenchmarkMonth measures top applications of ten million intervals of 30 days: raw in the data folder "raw", then from
// roll-ups in "rolled".
func BenchmarkMonth(b *testing.B) {
	raw, rolled := kept(b, "raw"), kept(b, "rolled")
	b.Run("raw", func(b *testing.B) {
		s := openKept(b, raw)
		s.fill(b, 10_000_000, month)
		s.measureTop(b)
	})
	b.Run("rolled", func(b *testing.B) {
		content, err := os.ReadFile(raw)
		if err == nil {
			err = os.WriteFile(rolled, content, 0o600)
		}
		if err != nil {
			b.Fatal(err)
		}
		s := openKept(b, rolled)
		if err := s.roll(b.Context(), storetest.Start.Add(2*month).UnixNano(), 10_000); err != nil {
			b.Fatal(err)
		}
		s.measureTop(b)
	})
}

func (s *Store) measureTop(b *testing.B) {
	if _, err := s.writer.ExecContext(b.Context(), "CHECKPOINT"); err != nil {
		b.Fatal(err)
	}
	q := &store.TopQuery{Range: store.Range{From: storetest.Start, To: storetest.Start.Add(month)},
		By: store.ByApplication, Limit: 10}
	var took []time.Duration
	for b.Loop() {
		begin := time.Now()
		if top, err := s.Top(b.Context(), q); err != nil || len(top.Rows) != 10 {
			b.Fatal(top, err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "ms-p50")
	b.ReportMetric(took[len(took)*95/100].Seconds()*1000, "ms-p95")
}

// BenchmarkStored measures the database that a sink has left in the data folder "ingest": the bytes of its rows, and
// DuckDB's appender alone with as many of the same rows.
func BenchmarkStored(b *testing.B) {
	s := openKept(b, kept(b, "ingest"))
	if _, err := s.writer.ExecContext(b.Context(), "CHECKPOINT"); err != nil {
		b.Fatal(err)
	}
	tables := []string{"intervals", "flows"}
	rows, samples := map[string]int64{}, map[string][][]driver.Value{}
	for _, table := range tables {
		rows[table] = s.size(b, "SELECT count(*) FROM "+table)
		samples[table] = s.sample(b, table)
	}
	var took, cpu time.Duration
	for b.Loop() {
		b.StopTimer()
		alone := openKept(b, filepath.Join(b.TempDir(), "alone.duckdb"))
		b.StartTimer()
		begin, used := time.Now(), cpuTime()
		for _, table := range tables {
			if err := alone.repeat(b, table, samples[table], rows[table]); err != nil {
				b.Fatal(err)
			}
		}
		took, cpu = took+time.Since(begin), cpu+cpuTime()-used
	}
	b.ReportMetric(float64(rows["intervals"])*float64(b.N)/took.Seconds(), "appended/s")
	b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s")
	all, err := s.used(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(all), "bytes")
	for _, table := range tables {
		blocks := s.size(b, `SELECT (SELECT count(DISTINCT block_id) FROM pragma_storage_info('`+table+`')
			WHERE block_id >= 0) * block_size FROM pragma_database_size()`)
		b.ReportMetric(float64(blocks)/float64(rows[table]), "bytes/"+table)
		b.ReportMetric(float64(rows[table]), table)
	}
}

func (s *Store) size(b *testing.B, query string) (n int64) {
	b.Helper()
	if err := s.writer.QueryRowContext(b.Context(), query).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// sample returns rows of a table.
func (s *Store) sample(b *testing.B, table string) (all [][]driver.Value) {
	b.Helper()
	err := each(b.Context(), s.db, "SELECT * FROM "+table+" LIMIT 50000", nil, func(rows *sql.Rows) error {
		columns, err := rows.Columns()
		if err != nil {
			return err
		}
		row, to := make([]driver.Value, len(columns)), make([]any, len(columns))
		for i := range row {
			to[i] = &row[i]
		}
		all = append(all, row)
		return rows.Scan(to...)
	})
	if err != nil {
		b.Fatal(err)
	}
	return all
}

// repeat appends that many rows, 40,000 in a transaction.
func (s *Store) repeat(b *testing.B, table string, sample [][]driver.Value, rows int64) error {
	const batch = 40_000
	for done := int64(0); done < rows; done += batch {
		err := s.transaction(b.Context(), func() error {
			return s.appendTo("", table, func(row func(...driver.Value) error) error {
				for n := done; n < min(done+batch, rows); n++ {
					if err := row(sample[n%int64(len(sample))]...); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
