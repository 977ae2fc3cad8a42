// SPDX-License-Identifier: Apache-2.0

package metric

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// label is the counter's name in documents.
func (c *Counter) label() string {
	if c.Cause == "" {
		return c.Name
	}
	return c.Name + `{cause="` + c.Cause + `"}`
}

func TestList(t *testing.T) {
	name := regexp.MustCompile(`^weir(_[a-z]+)+_total$`)
	seen := map[string]bool{}
	helps := map[string]bool{}
	for id, c := range All() {
		if !name.MatchString(c.Name) || seen[c.label()] {
			t.Errorf("counter %d: name %q", id, c.label())
		}
		if c.Help == "" || strings.HasSuffix(c.Help, ".") || helps[c.Help] {
			t.Errorf("%s: help %q", c.label(), c.Help)
		}
		seen[c.label()], helps[c.Help] = true, true
	}
}

func TestSnapshot(t *testing.T) {
	var r Registry
	r.Register(sourceFunc(func(s *Snapshot) { s.Add(Packets, 2); s.Add(FlowsEvicted, 1) }),
		sourceFunc(func(s *Snapshot) { s.Add(Packets, 3); s.Add(Unparsed, 4) }))
	s := r.Snapshot()
	for class, want := range [...]string{"weir_packets_total 5", "weir_capture_unparsed_packets_total 4",
		"weir_flow_table_evicted_flows_total 1"} {
		var got []string
		for c, n := range s.Happened(Class(class)) {
			got = append(got, c.Name+" "+string(rune('0'+n)))
		}
		if len(got) != 3-class || got[0] != want {
			t.Errorf("%v: %q", Class(class), got)
		}
	}
}

// TestLimits: each limit in docs/DESIGN.md has its counter.
func TestLimits(t *testing.T) {
	text, err := os.ReadFile("../../docs/DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	_, limits, ok := strings.Cut(string(text), "\n## Limits\n")
	if !ok {
		t.Fatal("no section Limits")
	}
	limits, _, _ = strings.Cut(limits, "\n## ")
	known := map[string]bool{}
	for _, c := range All() {
		known[c.label()] = true
	}
	quoted := regexp.MustCompile("`([^`]*)`")
	rows := 0
	for line := range strings.Lines(limits) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || strings.Contains(line, "|---") || strings.Contains(line, "| counter |") {
			continue
		}
		rows++
		names := quoted.FindAllStringSubmatch(cells[3], -1)
		if len(names) == 0 {
			t.Errorf("no counter for the limit of%s", cells[0])
		}
		for _, n := range names {
			if !known[n[1]] {
				t.Errorf("the limit of%s: no counter %s", cells[0], n[1])
			}
		}
	}
	if rows < 10 {
		t.Errorf("%d limits found", rows)
	}
}

// sourceFunc is a Source of one function.
type sourceFunc func(*Snapshot)

func (f sourceFunc) Collect(s *Snapshot) { f(s) }

// TestRemedies: each loss has advice, other counters have none.
func TestRemedies(t *testing.T) {
	for id, c := range All() {
		if (Remedy(id) != "") != (c.Class == Loss) {
			t.Errorf("%s, of class %v: what to do is %q", c.label(), c.Class, Remedy(id))
		}
	}
}

// TestReadings: the list has the counter of each reading of a snapshot.
func TestReadings(t *testing.T) {
	var s Snapshot
	s.Add(Uncounted, 7)
	s.Add(Packets, 9)
	s.Add(PacketsLate, 2)
	readings := s.Readings(Loss)
	if len(readings) != 1 || readings[0].Value != 7 {
		t.Fatalf("%+v", readings)
	}
	if id, c, ok := readings[0].Find(); !ok || id != Uncounted || c != &counters[Uncounted] {
		t.Errorf("found %d, %v, %v", id, c, ok)
	}
	if _, _, ok := (&Reading{Name: "weir_future_total"}).Find(); ok {
		t.Error("found an unknown counter")
	}
}
