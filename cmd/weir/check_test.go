// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/probe"
	"github.com/weirnet/weir/internal/testing/lab"
)

// check runs weir check and returns its output, its exit status and its error.
func check(t *testing.T, extra []func() probe.Feature, args ...string) (out string, status int, err error) {
	t.Helper()
	var b bytes.Buffer
	c := newCheck(extra...)
	c.SetArgs(args)
	c.SetOut(&b)
	c.SetErr(&b)
	c.SilenceUsage, c.SilenceErrors = true, true
	err = c.Execute()
	var partial partialError
	switch {
	case errors.As(err, &partial):
		status = exitPartial
	case err != nil:
		status = exitUsage
	}
	return b.String(), status, err
}

func decodeCheck(t *testing.T, out string) *probe.Report {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	c := checked{Report: new(probe.Report)}
	if err := decoder.Decode(&c); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	return c.Report
}

// rows returns the lines of the table whose header begins with a word, cut into cells.
func rows(t *testing.T, out, header string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	inside := false
	for line := range strings.Lines(out) {
		cells := strings.FieldsFunc(strings.ReplaceAll(strings.TrimSpace(line), "  ", "\x00"),
			func(r rune) bool { return r == 0 })
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) == 0:
			inside = false
		case cells[0] == header:
			inside = true
		case inside:
			found[cells[0]] = cells[1:]
		}
	}
	if len(found) == 0 {
		t.Fatalf("no table %s in:\n%s", header, out)
	}
	return found
}

// TestCheckTable: the table and the JSON agree.
func TestCheckTable(t *testing.T) {
	table, _, _ := check(t, nil, "-v")
	out, _, _ := check(t, nil, "--json")
	r := decodeCheck(t, out)
	modes, features, interfaces := rows(t, table, "MODE"), rows(t, table, "FEATURE"), rows(t, table, "INTERFACE")
	if len(modes) != len(r.Modes) || len(features) != len(r.Features) {
		t.Errorf("%d modes and %d features, in JSON %d and %d", len(modes), len(features), len(r.Modes),
			len(r.Features))
	}
	for _, m := range r.Modes {
		if row := modes[m.Name]; len(row) == 0 || row[0] != yesNo(m.OK) || !strings.Contains(strings.Join(row, " "),
			m.Why) {
			t.Errorf("mode %+v: %q", m, row)
		}
	}
	for _, f := range r.Features {
		if row := features[f.Name]; len(row) == 0 || row[0] != yesNo(f.OK) || !strings.Contains(strings.Join(row, " "),
			f.Why+f.Detail) {
			t.Errorf("feature %+v: %q", f, row)
		}
	}
	for _, i := range r.Interfaces {
		if row := interfaces[i.Name]; len(row) < 2 || row[0] != yesNo(i.Chosen) || row[1] != i.Why {
			t.Errorf("interface %+v: %q", i, row)
		}
	}
	if r.Mode != "" && !slices.Contains(modes[r.Mode], "chosen") {
		t.Errorf("chosen is %s: %v", r.Mode, modes)
	}
	for _, f := range r.Features {
		if !f.OK && !strings.Contains(table, f.Fix) {
			t.Errorf("the table lacks the remedy: %s", f.Fix)
		}
	}
}

// TestCheckShort: yes or no and what is watched come first, and without -v no table of all that was tried.
func TestCheckShort(t *testing.T) {
	for _, c := range []struct {
		feature probe.Feature
		answer  string
	}{
		{probe.Feature{Name: "moon", OK: true, NeededBy: []string{probe.EBPF}}, "yes, weir can run, in mode "},
		{probe.Feature{Name: "moon", NeededBy: []string{probe.EBPF, probe.Libpcap, probe.AFPacket},
			Why: "it is not full", Fix: "wait"}, "no, weir can't run: no mode works"},
	} {
		out, status, _ := check(t, []func() probe.Feature{func() probe.Feature { return c.feature }}, "-i", "lo")
		if status == exitPartial && c.feature.OK {
			lab.Lacks(t, "needs root")
		}
		lines := strings.Split(out, "\n")
		if !strings.HasPrefix(lines[0], c.answer) || lines[1] != "watched: lo" {
			t.Errorf("it begins with\n%s\n%s", lines[0], lines[1])
		}
		if strings.Contains(out, "FEATURE") || !c.feature.OK && !strings.Contains(out, ": wait\n") {
			t.Error(out)
		}
	}
}

func TestCheckStatus(t *testing.T) {
	broken := []func() probe.Feature{func() probe.Feature {
		return probe.Feature{Name: "moon", NeededBy: []string{probe.EBPF, probe.Libpcap, probe.AFPacket},
			Why: "it is not full", Fix: "wait"}
	}}
	for _, c := range []struct {
		name   string
		extra  []func() probe.Feature
		args   []string
		status int
		says   string
	}{
		{"no such interface", nil, []string{"-i", "no-such0"}, exitPartial, "no"},
		{"no mode", broken, nil, exitPartial, "no mode works"},
		{"bad name", nil, []string{"-i", "a/b"}, exitUsage, "slash"},
		{"bad flag", nil, []string{"--colour"}, exitUsage, "colour"},
		{"an argument", nil, []string{"eth0"}, exitUsage, "eth0"},
	} {
		for _, args := range [][]string{c.args, append(slices.Clone(c.args), "--json")} {
			out, status, err := check(t, c.extra, args...)
			if status != c.status || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: status %d, %v", c.name, status, err)
			}
			if status == exitPartial && len(args) > 0 && args[len(args)-1] == "--json" && decodeCheck(t, out).CanRun {
				t.Errorf("%s: JSON says it can run", c.name)
			}
		}
	}
}

// TestCheckRuns: as root this machine can run, in mode ebpf.
func TestCheckRuns(t *testing.T) {
	out, status, err := check(t, nil, "-i", "lo", "--json")
	r := decodeCheck(t, out)
	if len(r.Rights.Missing) > 0 || r.Rights.UserNamespace {
		lab.Lacks(t, "needs root")
	}
	if status != exitOK || err != nil || r.Mode != probe.EBPF || !r.CanRun {
		t.Errorf("status %d, %v, mode %q: %s", status, err, r.Mode, r.Why)
	}
	for _, i := range r.Interfaces {
		if i.Chosen != (i.Name == "lo") {
			t.Errorf("%+v", i)
		}
	}
}
