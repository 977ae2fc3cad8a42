// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// sample is the result of one run of a program.
type sample struct {
	wall, cpu time.Duration
	rss       int64 // peak, in KiB
}

// compare runs weir and ndpiReader over each trace in turn, A B A B …, on one core, and prints medians and ratios.
func compare(weir, traces string, runs int) error {
	peer, err := exec.LookPath("ndpiReader")
	if err != nil {
		fmt.Println("ndpiReader is not installed (Debian: libndpi-bin): no comparison with it")
	}
	version, _ := exec.Command(weir, "version").Output()
	fmt.Printf("%s, one core (taskset), %d runs of each in turn, medians\n\n", strings.SplitN(string(version), "\n",
		2)[0], runs)
	fmt.Printf("%-10s %-34s %9s %12s %9s %7s %10s\n", "trace", "program", "wall s", "packets/s", "±", "cpu s",
		"peak MiB")
	for _, trace := range []struct {
		name    string
		packets int
	}{{"elephant", elephantPackets}, {"short", shortPackets}} {
		file := filepath.Join(traces, trace.name+".pcap")
		commands := [][]string{{weir, "replay", "--workers", "1", "--output", "none", file},
			{weir, "replay", "--workers", "1", "--output", "ndjson", file}}
		if peer != "" {
			commands = append(commands, []string{peer, "-T", "10", "-U", "8", "-q", "-i", file},
				[]string{peer, "-q", "-i", file})
		}
		samples := make([][]sample, len(commands))
		for run := range runs + 1 { // the first run of each warms the page cache
			for i, c := range commands {
				s, err := measure(c)
				if err != nil {
					return err
				}
				if run > 0 {
					samples[i] = append(samples[i], s)
				}
			}
		}
		for i, c := range commands {
			show(trace.name, trace.packets, c, samples[i])
		}
		for i := 2; i < len(commands); i++ {
			fmt.Printf("%-10s weir/%s: speed %.2f (with ndjson %.2f), peak memory %.2f\n", trace.name,
				label(commands[i]),
				ratio(samples[i], samples[0], wall), ratio(samples[i], samples[1], wall),
				1/ratio(samples[i], samples[0], peak))
		}
		fmt.Println()
	}
	return nil
}

func measure(command []string) (sample, error) {
	c := exec.Command("taskset", append([]string{"-c", "0"}, command...)...)
	c.Stderr = os.Stderr
	began := time.Now()
	if err := c.Run(); err != nil {
		return sample{}, fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	return sample{time.Since(began), c.ProcessState.UserTime() + c.ProcessState.SystemTime(), usage.Maxrss}, nil
}

func show(trace string, packets int, command []string, samples []sample) {
	walls := values(samples, wall)
	m := median(walls)
	fmt.Printf("%-10s %-34s %9.3f %12.0f %8.1f%% %7.3f %10.1f\n", trace, label(command), m, float64(packets)/m,
		100*spread(walls)/m,
		median(values(samples, cpu)), median(values(samples, peak)))
}

// label shortens a command to its program and flags.
func label(command []string) string {
	words := slices.Clone(command[:len(command)-1])
	words[0] = filepath.Base(words[0])
	return strings.TrimSuffix(strings.Join(words, " "), " -i")
}

func wall(s sample) float64 { return s.wall.Seconds() }
func cpu(s sample) float64  { return s.cpu.Seconds() }
func peak(s sample) float64 { return float64(s.rss) / 1024 }

func values(samples []sample, of func(sample) float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = of(s)
	}
	return out
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if len(v)%2 == 1 {
		return v[len(v)/2]
	}
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}

// spread returns the median absolute deviation.
func spread(v []float64) float64 {
	m := median(v)
	d := make([]float64, len(v))
	for i, x := range v {
		d[i] = max(x-m, m-x)
	}
	return median(d)
}

// ratio returns the median, pair by pair, of a's figure to b's.
func ratio(a, b []sample, of func(sample) float64) float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = of(a[i]) / of(b[i])
	}
	return median(r)
}
