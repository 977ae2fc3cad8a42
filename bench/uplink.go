// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/weirnet/weir/internal/ship/compress"
)

// withCopies calls do with copies of programs (see copied) and a folder, which go after it.
func withCopies(do func(weir, sink, folder string) error, weir, sink string) error {
	folder, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if weir, err = copied(weir); err != nil {
		return err
	}
	defer os.Remove(weir)
	if sink, err = copied(sink); err != nil {
		return err
	}
	defer os.Remove(sink)
	return do(weir, sink, folder)
}

// measureReport measures the making of reports, and their size.
func measureReport(t *table, testdata string, runs int) error {
	folder, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := measureEncoding(t, folder, runs); err != nil {
		return err
	}
	all, err := playAll(testdata)
	if err != nil {
		return err
	}
	return measureWire(t, all)
}

// measureSink measures a sink: what it takes and stores, the size of that, and its answers.
func measureSink(t *table, sink, testdata, folder string, runs int) error {
	all, err := playAll(testdata)
	if err != nil {
		return err
	}
	if err := measureIngest(t, sink, all, filepath.Join(folder, "ingest"), runs); err != nil {
		return err
	}
	return measureStore(t, sink, folder)
}

// measureEncoding measures a report of 10,000 flows that have changed.
func measureEncoding(t *table, folder string, runs int) error {
	const flows = 10_000 // of BenchmarkReport
	g, err := buildBenchmarks("./internal/report", folder)
	if err != nil {
		return err
	}
	all, err := g.run("Report/deltas", "-test.benchtime", "30x", "-test.cpu", "1", "-test.count", fmt.Sprint(runs))
	if err != nil {
		return err
	}
	figures := all["Report/deltas"]
	t.figure("a report of 10,000 changed flows, one core", 20, "ms",
		each(figures["ns/op"], func(ns float64) float64 { return ns / 1e6 }))
	allocations := median(figures["allocs/op"])
	t.row("… allocations", "0 a flow", fmt.Sprintf("%s for all", number(allocations)), allocations < flows/100)
	return nil
}

// measureWire measures the size of reports, beside programs that compress the same flows' records.
func measureWire(t *table, all []heard) error {
	s := reportAll(crowd(all, 20, 4*reportPeriod), reportPeriod)
	of := func(n int) []float64 { return []float64{float64(n) / float64(s.flows)} }
	t.figure(fmt.Sprintf("a flow in reports of all recordings (%s flows, %d %% new): zstd", thousands(s.flows),
		100*s.whole()/s.flows), 60, "bytes", of(s.compressed(compress.Zstd)))
	t.figure("… gzip", 0, "bytes", of(s.compressed(compress.Gzip)))
	t.figure("… none", 0, "bytes", of(s.compressed(compress.None)))
	for _, program := range []string{"zstd", "gzip"} {
		n, err := s.through(program, "-c")
		if err != nil {
			t.skip("… the same records as NDJSON by the program "+program, err)
			continue
		}
		t.figure("… the same records as NDJSON by the program "+program, 0, "bytes", of(n))
	}
	changed := changesOf(all)
	t.figure("a flow in reports of flows that have only changed: zstd", 0, "bytes",
		[]float64{float64(changed.compressed(compress.Zstd)) / float64(changed.flows)})
	return nil
}

// measureStore measures the database that measureIngest left, and one of ten million flows.
func measureStore(t *table, sink, folder string) error {
	g, err := buildBenchmarks("./internal/sink/store/duckdb", folder)
	if err != nil {
		return err
	}
	all, err := g.run("Stored", "-test.benchtime", "3x")
	if err != nil {
		return err
	}
	stored := all["Stored"]
	t.figure("… DuckDB's appender alone, the same rows", 0, "flows/s", stored["appended/s"])
	t.figure("… CPU of it for a million flows", 0, "s", []float64{stored["cpu-s"][0] / stored["intervals"][0] * 1e6})
	share := func(rows string) []float64 { return []float64{stored["bytes"][0] / stored[rows][0]} }
	t.figure(fmt.Sprintf("on disk, a stored flow with its %s intervals", number(stored["intervals"][0]/
		stored["flows"][0])), 40, "bytes", share("flows"))
	t.figure("… its record alone", 0, "bytes", stored["bytes/flows"])
	t.figure("… an interval alone", 0, "bytes", stored["bytes/intervals"])
	t.figure("… everything, by flow in a report", 0, "bytes", share("intervals"))
	if all, err = g.run("Month", "-test.benchtime", "100x"); err != nil {
		return err
	}
	for _, kind := range []struct {
		data, what string
		goal       float64
	}{{"raw", "from intervals", 200}, {"rolled", "from roll-ups", 30}} {
		in := all["Month/"+kind.data]
		what := "top applications of 10 M flows of 30 days, " + kind.what
		t.figure(what+", in the store: p50", 0, "ms", in["ms-p50"])
		t.figure(what+", in the store: p95", kind.goal, "ms", in["ms-p95"])
		if err := measureTop(t, sink, what, filepath.Join(folder, kind.data), kind.goal); err != nil {
			return err
		}
	}
	return nil
}
