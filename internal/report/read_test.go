// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
)

// someReports returns the lines of two reports.
func someReports() []byte {
	r := newReporter(10)
	f := testFlow(1)
	f.Hostname = []byte("\x1b[31m\u202e")
	r.Flow(f)
	now := state(15)
	now.Interfaces, now.Processes = []Interface{{Index: 1, Name: "lan0", Role: "lan"}}, []Process{{Name: "agent"}}
	lines := bytes.Clone(r.Close(now))
	f.Client.Bytes++
	r.Flow(f)
	now = state(30)
	now.IsLast = true
	return append(lines, r.Close(now)...)
}

// readAll reads reports until an error, and returns the number read.
func readAll(t testing.TB, in io.Reader) (n int, err error) {
	t.Helper()
	r := NewReader(in)
	for {
		report, err := r.Next()
		if err != nil {
			if report != nil {
				t.Errorf("both a report and an error: %v", err)
			}
			return n, err
		}
		n++
		if report.Sequence == 0 || len(report.Line) == 0 || bytes.ContainsRune(report.Line, '\n') {
			t.Errorf("report %d, line %q", report.Sequence, report.Line)
		}
	}
}

func TestRead(t *testing.T) {
	all := someReports()
	lines := bytes.SplitAfter(all, []byte("\n"))
	r := NewReader(bytes.NewReader(all))
	first, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if string(first.Line)+"\n" != string(lines[0]) {
		t.Errorf("the line is\n%s, not\n%s", first.Line, lines[0])
	}
	if first.Sequence != 1 || first.Agent.Version != "test" || first.IsLast || len(first.Flows) != 1 ||
		first.Health.Mode != "ebpf" || first.Health.Counters[0] != (CounterMoved{"weir_packets_total", "", 15}) ||
		first.Interfaces[0].Name != "lan0" || first.Totals.Protocols[0].Name != "tls" {
		t.Errorf("%+v", first)
	}
	if f := &first.Flows[0]; !f.IsWhole() || f.Client.Port != 40000 || f.Server.IP != "203.0.113.7" {
		t.Errorf("%+v", f)
	}
	second, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if f := &second.Flows[0]; !second.IsLast || f.IsWhole() || f.Client.Bytes != 1 || f.ID != first.Flows[0].ID {
		t.Errorf("%+v", second)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

// TestReadTruncated: each beginning of a file has as many reports as it has whole ones, and then says where it ends.
func TestReadTruncated(t *testing.T) {
	all := someReports()
	for i := range all {
		cut := all[:i]
		whole := bytes.Count(cut, []byte("\n"))
		rest := len(cut) - 1 - bytes.LastIndexByte(cut, '\n')
		if all[i] == '\n' { // only the line's end is missing
			whole, rest = whole+1, 0
		}
		n, err := readAll(t, bytes.NewReader(cut))
		want := "EOF"
		if rest > 0 {
			want = "line " + strconv.Itoa(whole+1) + ": the report breaks off"
		}
		if n != whole || err.Error() != want {
			t.Fatalf("the first %d bytes: %d reports, %v; want %d, %s", i, n, err, whole, want)
		}
	}
}

// endless is a line without an end.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '['
	}
	e.read += len(b)
	return len(b), nil
}

func TestReadErrors(t *testing.T) {
	valid := string(someReports())
	line, _, _ := strings.Cut(valid, "\n")
	for _, c := range []struct{ in, want string }{
		{"hello\n", `line 1: not a report: invalid character 'h'`},
		{"\n \r\n{}\n", `line 3: not a report: its type is ""`},
		{line + "\n" + `{"type":"flow"}` + "\n", `line 2: not a report: its type is "flow"`},
		{`{"type":"report","schema":2,"sequence":1}`, "line 1: a report of schema 2: this weir knows schema 1"},
		{`{"type":"report","schema":1}`, "line 1: not a report: it has no sequence"},
		{`{"type":"report","schema":1,"sequence":-1}`, "line 1: not a report: json: cannot unmarshal"},
		{`{"type":"report","schema":1,"sequence":1.5}`, "line 1: not a report: json: cannot unmarshal"},
		{`{"type":"report","schema":1,"sequence":1,"flows":{}}`, "line 1: not a report: a list is something else"},
		{`{"type":"report","schema":1,"sequence":1,"flows":null}`, "line 1: not a report: a list is something else"},
		{`{"type":"report","schema":1,"sequence":1,"flows":[` + strings.Repeat("{},", MaxFlows) + `{}]}`,
			"line 1: not a report: a list has more than 32768 elements"},
		{`{"type":"report","schema":1,"sequence":1,"devices":[{"names":[` + strings.Repeat("{},", 64) + `{}]}]}`,
			"line 1: not a report: a list has more than 64 elements"},
		{strings.Repeat("[", 100_000) + "\n", "line 1: not a report: invalid character '[' exceeded max depth"},
		{line + line + "\n", "line 1: not a report: invalid character '{' after top-level value"},
	} {
		_, err := readAll(t, strings.NewReader(c.in))
		if !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.60q: %v; want %s", c.in, err, c.want)
		}
	}
	in := &endless{}
	if _, err := readAll(t, in); !errors.Is(err, errLong) || in.read > 2*MaxLine {
		t.Errorf("an endless line: %v after %d bytes", err, in.read)
	}
}

// FuzzRead: whatever a file holds, it gives reports or an error that names the line.
func FuzzRead(f *testing.F) {
	all := someReports()
	f.Add(all)
	f.Add(all[:len(all)/2])
	f.Add([]byte("{}\n[]\nnull\n"))
	f.Add([]byte(`{"type":"report","schema":1,"sequence":1,"devices":[{"addresses":[{"ip":"::"}],"names":[]}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		n, err := readAll(t, bytes.NewReader(in))
		if n > bytes.Count(in, []byte("\n"))+1 {
			t.Errorf("%d reports", n)
		}
		if !errors.Is(err, io.EOF) && !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("no line in %v", err)
		}
	})
}
