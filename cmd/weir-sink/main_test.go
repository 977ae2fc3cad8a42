// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/sink/control"
)

// sink runs the program and returns its exit status and output.
func sink(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(args, &out, &err)
	return status, out.String(), err.String()
}

// TestUsageErrors: each mistake in a command line has one line that says what to write instead.
func TestUsageErrors(t *testing.T) {
	none := t.TempDir()
	for _, c := range []struct {
		args, says string
	}{
		{"sevre", `did you mean "serve"?`},
		{"serve --listen", "--listen needs a value: address"},
		{"serve --keep-days 0", "--keep-days 0: must be a number"},
		{"serve --keep-days many", "--keep-days many: must be a number"},
		{"serve --name a/b", `--name: "a/b" is neither a host name nor an address`},
		{"serve --tls-cert x", "--tls-cert and --tls-key belong together"},
		{"serve --portal 0.0.0.0:0 --listen 127.0.0.1:0 --data " + none, "loopback"},
		{"agnet list", `did you mean "agent"?`},
		{"agent enroll x", `did you mean "enrol"?`},
		{"agent enrol", "needs an argument: a name"},
		{"agent enrol a b", "takes one argument"},
		{"agent revoke", "needs an argument: an agent's id or name"},
		{"link now", `takes no argument such as "now"`},
		{"agent list --dta x", "did you mean --data?"},
		{"link --data " + none, "no sink runs on " + none + ": start one with weir-sink serve --data " + none},
		{"agent enrol x --data " + none, "no sink runs on"},
		{"query top --data " + none, "no sink runs on"},
		{"query topp app", "a query begins with top, series, flows, devices or agents"},
		{"query series --csv", "only top and flows have CSV"},
		{"query flows --csv --json", "csv json"},
		{"doctor now", `takes no argument such as "now"`},
	} {
		status, out, stderr := sink(strings.Fields(c.args)...)
		if status != exitUsage || out != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.says) {
			t.Errorf("weir-sink %s: status %d, %q, %q; want %q", c.args, status, out, stderr, c.says)
		}
	}
}

// TestDoctorWithoutASink: what is wrong is in the output, and in the exit status.
func TestDoctorWithoutASink(t *testing.T) {
	status, out, _ := sink("doctor", "--data", t.TempDir())
	if status != exitToDo || !strings.Contains(out, "FAIL  sink: no sink runs on") ||
		!strings.Contains(out, "ok    data") {
		t.Errorf("status %d\n%s", status, out)
	}
}

// TestHelp: every command has a text, and every command that does something an example.
func TestHelp(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Short == "" || (!c.HasSubCommands() && c.Example == "" && c.Name() != "version") {
			t.Errorf("%s has no text or no example", c.CommandPath())
		}
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		if status, out, stderr := sink(args...); status != exitOK || !strings.Contains(out, c.Name()) || stderr != "" {
			t.Errorf("%v: status %d, %q, %q", args, status, out, stderr)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
	if status, out, _ := sink("version"); status != exitOK || !strings.HasPrefix(out, "weir-sink "+version) {
		t.Errorf("version: %d %q", status, out)
	}
}

// TestAgentTable: the table shows nothing that a terminal acts upon.
func TestAgentTable(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	last := now.Add(-90 * time.Second)
	var out bytes.Buffer
	err := writeAgents(&out, []control.Agent{
		{ID: "0a", Name: "gw", Version: "1\x1b[31m", Enrolled: now, LastReport: &last},
		{ID: "0b", Name: "old", Enrolled: now, Revoked: &now}}, now)
	if text := out.String(); err != nil || !strings.Contains(text, "1m30s ago") ||
		!strings.Contains(text, "revoked 2027") || strings.Contains(text, "\x1b") {
		t.Errorf("%v\n%s", err, text)
	}
}
