// SPDX-License-Identifier: Apache-2.0

// Command bench measures weir side by side with its peers, in one run: programs on traces, and live, with tables of
// figures and ratios.
//
//	bench [flags] [replay|report|reporter|sink|kernel|drain|exact|memory|cpu|conntrack|gateway]...
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	testdata := flag.String("testdata", "../testdata", "where the recordings are")
	traces := flag.String("traces", "traces", "where the traces are made")
	weir := flag.String("weir", "../bin/weir", "the weir to measure")
	sink := flag.String("sink", "../bin/weir-sink", "the weir-sink to measure")
	runs := flag.Int("runs", 10, "samples of each program")
	load := flag.Float64("load", loadAverage(), "load average of the machine before the benchmark")
	flag.Parse()
	t := table{load: *load}
	if err := measureAll(&t, *testdata, *traces, *weir, *sink, *runs, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// measureAll measures these parts, or all.
func measureAll(t *table, testdata, traces, weir, sink string, runs int, only []string) error {
	for _, p := range []struct {
		name    string
		measure func() error
	}{
		{"replay", func() error {
			if err := makeTraces(testdata, traces); err != nil {
				return err
			}
			return compare(weir, traces, runs)
		}},
		{"report", func() error { return measureReport(t, testdata, runs) }},
		{"reporter", func() error {
			return withCopies(func(weir, sink, folder string) error {
				return measureReporter(t, weir, sink, folder, max(3, runs/3))
			}, weir, sink)
		}},
		{"sink", func() error {
			return withCopies(func(_, sink, folder string) error {
				return measureSink(t, sink, testdata, folder, max(3, runs/3))
			}, weir, sink)
		}},
		{"kernel", func() error { return measureKernel(t, runs) }},
		{"drain", func() error { return measureDrain(t, runs) }},
		{"exact", func() error { return measureExact(t, weir, runs) }},
		{"memory", func() error { return measureMemory(t, weir, testdata, max(3, runs/3)) }},
		{"cpu", func() error { return measureCPU(t, weir, testdata, runs) }},
		{"conntrack", func() error { return measureConntrack(t, weir, runs) }},
		{"gateway", func() error { return measureGateway(t, weir, runs) }},
	} {
		if len(only) > 0 && !slices.Contains(only, p.name) {
			continue
		}
		fmt.Printf("%s:\n", p.name)
		if err := p.measure(); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if len(t.rows) == 0 {
		return nil
	}
	fmt.Printf("\n%s; load average %s before; %d samples of each, in turn; medians ± median absolute deviations\n\n%s",
		machine(), number(t.load), runs, t)
	if t.isLoaded() {
		fmt.Printf("\nMeasured under other load (%s): no figures to compare with.\n", number(t.load))
	}
	if len(t.short) > 0 {
		fmt.Printf("\nshort of the goal: %s\n", strings.Join(t.short, "; "))
	}
	return nil
}

// machine describes the machine: compare the figures with each other, not with those of other machines.
func machine() string {
	cpu := "unknown CPU"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				cpu = strings.Trim(name, " \t:\n")
				break
			}
		}
	}
	var u unix.Utsname
	_ = unix.Uname(&u)
	return fmt.Sprintf("%d × %s, Linux %s", runtime.NumCPU(), cpu, unix.ByteSliceToString(u.Release[:]))
}

// loadAverage is that of the last minute.
func loadAverage() (load float64) {
	text, _ := os.ReadFile("/proc/loadavg")
	_, _ = fmt.Sscan(string(text), &load)
	return load
}
