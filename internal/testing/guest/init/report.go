// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
)

// report is the program's part on the host, for the guests' files of events. It returns the exit status: that of the
// first step that failed.
//
//	init output FILE      what the steps printed
//	init table FILE...    a row for each Go test that the steps ran, a column for each guest
func report(args []string) int {
	if len(args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: init output FILE | table FILE...")
		return 2
	}
	var guests []guest
	for _, path := range args[1:] {
		g, err := readGuest(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, "guest:", err)
			return 1
		}
		guests = append(guests, g)
	}
	if args[0] == "output" {
		for _, e := range guests[0].events {
			switch {
			case e.Kind == "output":
				fmt.Println(e.Text)
			case e.Kind == "end" && e.Text != "":
				fmt.Fprintf(os.Stderr, "guest: %s: %s\n", e.Step, e.Text)
			}
		}
	} else {
		table(os.Stdout, guests)
	}
	for _, g := range guests {
		if g.status != 0 {
			return g.status
		}
	}
	return 0
}

type guest struct {
	kernel  string
	events  []Event
	results map[string]string // test -> PASS, FAIL, SKIP
	order   []string          // in the order of their ends, subtests after their parents as go test prints them
	why     []string          // lines about failed and skipped tests
	status  int
	seconds float64
}

// result matches the line of `go test -v` at a test's end.
var result = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]+)s\)`)

// started matches its lines at a test's beginning, and before output of another test.
var started = regexp.MustCompile(`^=== (?:RUN|CONT|NAME) +(\S*)`)

func readGuest(path string) (guest, error) {
	g := guest{kernel: "?", results: map[string]string{}, status: 1}
	f, err := os.Open(path)
	if err != nil {
		return g, fmt.Errorf("read events: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	said := map[string][]string{} // test -> its output
	current := ""
	for lines.Scan() {
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // the last line of a killed guest
		}
		g.events = append(g.events, e)
		switch e.Kind {
		case "boot":
			g.kernel = e.Text
		case "output":
			if m := started.FindStringSubmatch(e.Text); m != nil {
				current = m[1]
			} else if m := result.FindStringSubmatch(e.Text); m != nil {
				g.results[m[2]] = m[1] + " " + m[3] + " s"
				g.order = append(g.order, m[2])
				if m[1] != "PASS" {
					g.why = append(g.why, e.Text)
					g.why = append(g.why, said[m[2]]...)
				}
			} else {
				said[current] = append(said[current], e.Text)
			}
		case "end":
			if e.Text != "" {
				g.why = append(g.why, e.Step+": "+e.Text)
				g.why = append(g.why, said[current]...)
			}
		case "done":
			g.seconds = e.Seconds
			g.status = min(e.Exit, 1)
		}
	}
	if g.status != 0 && len(g.why) == 0 {
		for _, e := range g.events {
			g.why = append(g.why, e.Text)
		}
	}
	return g, lines.Err()
}

func table(w io.Writer, guests []guest) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var rows []string
	fmt.Fprint(columns, "test")
	for _, g := range guests {
		fmt.Fprintf(columns, "\t%s", g.kernel)
		for _, name := range g.order {
			if !slices.Contains(rows, name) {
				rows = append(rows, name)
			}
		}
	}
	fmt.Fprintln(columns)
	for _, name := range rows {
		fmt.Fprint(columns, name)
		for _, g := range guests {
			what := g.results[name]
			if what == "" {
				what = "-"
			}
			fmt.Fprintf(columns, "\t%s", what)
		}
		fmt.Fprintln(columns)
	}
	fmt.Fprint(columns, "up for")
	for _, g := range guests {
		fmt.Fprintf(columns, "\t%.1f s", g.seconds)
	}
	fmt.Fprintln(columns)
	columns.Flush()
	for _, g := range guests {
		if len(g.why) > 0 {
			fmt.Fprintf(w, "\n%s:\n  %s\n", g.kernel, strings.Join(g.why, "\n  "))
		}
	}
}
