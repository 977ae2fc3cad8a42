// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/sink/store/storetest"
)

// BenchmarkIngest measures flows in reports, whole or changed, until they are on disk: four reports a transaction, as a
// sink that catches up stores them. Half of the flows of an interval are new.
func BenchmarkIngest(b *testing.B) {
	const flows = 5000
	g := storetest.NewGateway(1, 1, 1<<20)
	g.Churn, g.Life = flows/2, 4
	for range 64 {
		g.Step()
	}
	var took, cpu time.Duration
	var count int64
	for b.Loop() {
		b.StopTimer()
		s, err := Open(filepath.Join(b.TempDir(), "flows.duckdb"), Config{})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		begin, used := time.Now(), cpuTime()
		for i := 0; i < len(g.Reports); i += 4 {
			if _, err := s.Ingest(b.Context(), g.Reports[i:i+4]); err != nil {
				b.Fatal(err)
			}
		}
		took, cpu = took+time.Since(begin), cpu+cpuTime()-used
		b.StopTimer()
		count += s.measure(b)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(count)/took.Seconds(), "intervals/s")
	b.ReportMetric(float64(count)/cpu.Seconds(), "intervals/cpu-s")
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
