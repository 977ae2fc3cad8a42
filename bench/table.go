// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// table holds the measurements, a row each, for the README.
type table struct {
	rows  [][3]string
	short []string // rows that miss their goals
	load  float64  // the machine's before the first of them
}

// isLoaded reports whether other programs used the machine: the figures are worth little then, and each says so.
func (t *table) isLoaded() bool { return t.load > 2 }

// figure adds a row of samples: median and spread. goal is the upper limit; 0: none.
func (t *table) figure(what string, goal float64, unit string, samples []float64) {
	t.row(what, atMost(goal, unit), measured(samples, unit), goal == 0 || median(samples) <= goal)
}

// atLeast is figure with a lower limit.
func (t *table) atLeast(what string, goal float64, unit string, samples []float64) {
	t.row(what, "≥ "+quantity(goal, unit), measured(samples, unit), median(samples) >= goal)
}

// measured is the median, with the spread of several samples.
func measured(samples []float64, unit string) string {
	m := quantity(median(samples), unit)
	if len(samples) > 1 {
		m += " ± " + number(spread(samples))
	}
	return m
}

func atMost(goal float64, unit string) string {
	if goal == 0 {
		return ""
	}
	return "≤ " + quantity(goal, unit)
}

func (t *table) row(what, goal, measured string, met bool) {
	if goal != "" && !met {
		measured = "**" + measured + "**"
		t.short = append(t.short, what)
	}
	if t.isLoaded() {
		measured += " (under load)"
	}
	t.rows = append(t.rows, [3]string{what, goal, measured})
	fmt.Printf("  %s: %s %s\n", what, measured, goal)
}

// skip reports why something was not measured.
func (t *table) skip(what string, why any) {
	t.row(what, "", fmt.Sprintf("not measured: %v", why), true)
}

func quantity(v float64, unit string) string {
	if unit == "%" || unit == "×" {
		return number(v) + unit
	}
	return number(v) + " " + unit
}

// number formats three significant digits, or all digits before the point.
func number(v float64) string {
	switch a := max(v, -v); {
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func (t *table) String() string {
	var b strings.Builder
	b.WriteString("| what | goal | measured |\n|---|---|---|\n")
	for _, r := range t.rows {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r[0], r[1], r[2])
	}
	return b.String()
}
