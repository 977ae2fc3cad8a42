// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestUsageErrors: each mistake in a command line has one line, in our words, that says what to write instead.
func TestUsageErrors(t *testing.T) {
	libraryText := regexp.MustCompile(
		`arg\(s\)|strconv|unknown (command|flag|shorthand)|for "weir|invalid argument|time: `)
	for _, c := range []struct {
		args, says string
	}{
		{"replya x", `did you mean "replay"?`},
		{"reply x", `did you mean "replay"?`},
		{"host", `did you mean "hosts"?`},
		{"nonsense", "it has "},
		{"catalog serach x", `did you mean "search"?`},
		{"replay", "needs an argument: a capture file"},
		{"explain", "needs an argument"},
		{"catalog show a b", "takes one argument"},
		{"version now", `takes no argument such as "now"`},
		{"replay --ouput ndjson x", "did you mean --output?"},
		{"replay --worker 2 x", "did you mean --workers?"},
		{"replay --zzzzzzzz x", "has no flag --zzzzzzzz"},
		{"replay -Z x", "has no flag -Z"},
		{"replay x --workers", "--workers needs a value: a number"},
		{"replay --workers many x", "--workers \"many\": must be a number"},
		{"replay --update-every often x", "--update-every \"often\": must be a time such as 90s"},
		{"replay --lan-network 10 x", `--lan-network "10": must be a network such as 192.168.0.0/16`},
		{"replay --realtime=perhaps x", "--realtime perhaps: must be true or false"},
		{"run --cpus x", "--cpus \"x\": must be a number"},
		{"run --hook foo", "--hook \"foo\": must be tcx"},
		{"run --hook plain --mode ebpf", "--hook plain is of mode afpacket"},
		{"run --hook tcx --mode libpcap", "--hook tcx is of mode ebpf"},
	} {
		status, out, stderr := weir(strings.Fields(c.args)...)
		if status != 2 || out != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.says) ||
			libraryText.MatchString(stderr) {
			t.Errorf("weir %s: status %d, %q, %q; want %q", c.args, status, out, stderr, c.says)
		}
	}
	for _, args := range []string{"--version", "version", "--help", "replay --help", ""} {
		if status, out, stderr := weir(strings.Fields(args)...); status != 0 || !strings.Contains(out, "weir") ||
			stderr != "" {
			t.Errorf("weir %s: status %d, %q, %q", args, status, out, stderr)
		}
	}
}
