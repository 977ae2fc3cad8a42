// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// goBenchmarks are Go benchmarks of the main module, built once. Theirs is a program of its own, so that this one does
// not link DuckDB.
type goBenchmarks struct {
	program string
	folder  string // WEIR_BENCH: what the benchmarks share with this program
}

// buildBenchmarks builds those of a package into a folder.
func buildBenchmarks(pkg, folder string) (g goBenchmarks, err error) {
	g = goBenchmarks{filepath.Join(folder, filepath.Base(pkg)+".test"), folder}
	c := exec.Command("go", "-C", "..", "test", "-c", "-o", g.program, pkg)
	c.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := c.CombinedOutput(); err != nil {
		return g, fmt.Errorf("build the benchmarks of %s: %w: %s", pkg, err, out)
	}
	return g, nil
}

// run runs the benchmarks that match a pattern, and returns their figures by name and unit.
func (g goBenchmarks) run(pattern string, flags ...string) (map[string]map[string][]float64, error) {
	c := exec.Command(g.program, append([]string{"-test.run", "^$", "-test.bench", pattern}, flags...)...)
	c.Dir, c.Env = g.folder, append(os.Environ(), "WEIR_BENCH="+g.folder)
	out, err := c.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", c, err, out)
	}
	all := map[string]map[string][]float64{}
	for line := range strings.Lines(string(out)) {
		if err := addBenchmark(all, strings.Fields(line)); err != nil {
			return nil, fmt.Errorf("%s: %w", c, err)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s printed no benchmark: %s", c, out)
	}
	return all, nil
}

// addBenchmark adds the words of a line: name, times, and figures with their units.
func addBenchmark(all map[string]map[string][]float64, words []string) error {
	if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
		return nil
	}
	name := strings.TrimPrefix(words[0], "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i > 0 { // GOMAXPROCS
		name = name[:i]
	}
	if all[name] == nil {
		all[name] = map[string][]float64{}
	}
	for i := 2; i+1 < len(words); i += 2 {
		n, err := strconv.ParseFloat(words[i], 64)
		if err != nil {
			return err
		}
		all[name][words[i+1]] = append(all[name][words[i+1]], n)
	}
	return nil
}
