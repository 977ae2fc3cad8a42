// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/record"
)

// tableOf writes flows to a table with a terminal's width, in two parts: the second comes after the columns have their
// widths.
func tableOf(t *testing.T, width int, live bool, first, second []record.Flow) []string {
	t.Helper()
	var out bytes.Buffer
	w := &tableWriter{out: bufio.NewWriter(&out), width: width, flows: true, live: live}
	for _, part := range [][]record.Flow{first, second} {
		for i := range part {
			if err := w.flow(&part[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.release(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.out.Flush(); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func tableFlow(client, server, protocol, application, host string, bytes uint64) record.Flow {
	return record.Flow{
		State: record.StateEnd, Proto: 6, Protocol: protocol, Application: application, Hostname: []byte(host),
		Client:    record.Endpoint{Addr: netip.MustParseAddrPort(client), Side: record.SideLAN, Bytes: bytes},
		Server:    record.Endpoint{Addr: netip.MustParseAddrPort(server), Side: record.SideWAN},
		Direction: record.DirectionOutbound,
	}
}

var (
	shortFlows = []record.Flow{tableFlow("10.0.0.9:40000", "192.0.2.1:53", "dns", "", "a.example", 272)}
	wideFlows  = []record.Flow{
		tableFlow("[2001:db8:1111:2222:3333:4444:5555:6666]:61234", "[2001:db8:1111:2222:3333:4444:5555:7777]:50443",
			"a-protocol-of-long-name", "an-application-of-long-name", strings.Repeat("long.", 50)+"example",
			999_499_999),
		tableFlow("10.0.0.9:40001", "192.0.2.1:53", "dns", "", "b.example", 999),
	}
)

// TestTableFitsTheTerminal: no line exceeds the terminal, numbers are whole and aligned, even in later and wider rows,
// and each cut is marked.
func TestTableFitsTheTerminal(t *testing.T) {
	for width := 40; width <= 240; width++ {
		lines := tableOf(t, width, true, shortFlows, wideFlows)
		if len(lines) != 4 {
			t.Fatalf("width %d: %d lines", width, len(lines))
		}
		end := runeIndex(lines[0], "bytes") + len("bytes")
		for i, number := range []string{"bytes", "272 B", "999 MB", "999 B"} {
			if n := utf8.RuneCountInString(lines[i]); n > width {
				t.Errorf("width %d: a line of %d: %s", width, n, lines[i])
			}
			if at := runeIndex(lines[i], number); at < 0 || at+len(number) != end {
				t.Errorf("width %d: %q ends at %d, not at %d:\n%s", width, number, at+len(number), end,
					strings.Join(lines, "\n"))
			}
		}
		if !strings.Contains(lines[2], "…") {
			t.Errorf("width %d: no cut is marked: %s", width, lines[2])
		}
	}
}

// TestTableWithoutTerminal: a file gets whole texts.
func TestTableWithoutTerminal(t *testing.T) {
	lines := tableOf(t, 0, true, shortFlows, wideFlows)
	for _, whole := range []string{"a-protocol-of-long-name", "an-application-of-long-name",
		strings.Repeat("long.", 50) + "example", "6666]:61234", "999 MB"} {
		if !strings.Contains(lines[2], whole) {
			t.Errorf("%q is not whole in %s", whole, lines[2])
		}
	}
}

// TestTableEscapes: unprintable bytes do not reach the terminal.
func TestTableEscapes(t *testing.T) {
	lines := tableOf(t, 120, false, []record.Flow{tableFlow("10.0.0.9:40000", "192.0.2.1:53", "dns", "",
		"a\x1b[2J\u202e\xff", 1)}, nil)
	if want := `a\x1b[2J\u202e\xff`; !strings.HasSuffix(lines[1], want) {
		t.Errorf("%q, want at its end %q", lines[1], want)
	}
}

func TestCuts(t *testing.T) {
	for _, c := range []struct {
		text        string
		width       int
		end, middle string
	}{
		{"short", 5, "short", "short"}, {"longer", 5, "long…", "lo…er"}, {"ärger", 4, "ärg…", "är…r"},
		{"longer", 1, "…", "…"}, {"longer", 0, "…", "…"},
	} {
		if end, middle := cutEnd(c.text, c.width), cutMiddle(c.text, c.width); end != c.end || middle != c.middle {
			t.Errorf("%s to %d: %s, %s; want %s, %s", c.text, c.width, end, middle, c.end, c.middle)
		}
	}
}

// TestClosedOutput: failing to write records is an error; a command that prints a few lines fails if its output reports
// an error.
func TestClosedOutput(t *testing.T) {
	for _, c := range []struct {
		args   []string
		closed bool
		status int
	}{
		{[]string{"replay", capture}, true, 2}, {[]string{"replay", "-o", "none", capture}, true, 2},
		{[]string{"version"}, true, 0}, {[]string{"replay", "-o", "csv", capture}, false, 0},
	} {
		file, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		status := run(c.args, &output{File: file, closed: c.closed}, &stderr)
		if status != c.status || strings.Count(stderr.String(), "\n") > 1 {
			t.Errorf("%v: status %d, %q", c.args, status, stderr.String())
		}
		file.Close()
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, args := range [][]string{{"version"}, {"catalog", "list"}, {"replay", capture}, {"--help"}} {
		var stderr bytes.Buffer
		if status := run(args, &output{File: full}, &stderr); status != 2 || !strings.Contains(stderr.String(),
			"no space left") {
			t.Errorf("%v on a full disk: status %d, %q", args, status, stderr.String())
		}
	}
}

// runeIndex is strings.Index in runes.
func runeIndex(s, part string) int {
	at := strings.Index(s, part)
	if at < 0 {
		return at
	}
	return utf8.RuneCountInString(s[:at])
}
