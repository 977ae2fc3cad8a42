// SPDX-License-Identifier: Apache-2.0

package decode_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/sink/store/decode"
	"github.com/weirnet/weir/internal/sink/store/storetest"
)

// lines are reports with all kinds of members.
func lines() [][]byte {
	g := storetest.NewGateway(1, 1, 8)
	g.Device(`{"mac":"02:00:00:00:00:07","addresses":[{"ip":"192.168.1.7"}],` +
		`"names":[{"name":"a\"\u00e9","source":"dhcp"}]}`)
	for range 6 {
		g.Step()
	}
	all := make([][]byte, len(g.Reports))
	for i, r := range g.Reports {
		all[i] = r.Line
	}
	return all
}

// read reads a line with its flows.
func read(line []byte) (*decode.Report, []decode.Flow, error) {
	r, err := decode.Read(line)
	if err != nil {
		return nil, nil, err
	}
	var flows []decode.Flow
	err = r.Flows(func(f *decode.Flow) error {
		flows = append(flows, *f)
		return nil
	})
	return r, flows, err
}

// TestTruncated: no beginning of a report is a report.
func TestTruncated(t *testing.T) {
	for _, line := range lines()[:2] {
		line = bytes.TrimSpace(line)
		if _, flows, err := read(line); err != nil || len(flows) == 0 {
			t.Fatalf("%d flows, %v", len(flows), err)
		}
		for n := range line {
			if _, _, err := read(line[:n]); err == nil {
				t.Fatalf("%d bytes of a report are taken for one: %s", n, line[:n])
			}
		}
	}
}

// TestTolerant: unknown members, other orders and spaces change nothing; a delta's group needs the member that leads
// it.
func TestTolerant(t *testing.T) {
	const line = ` { "flows" : [ {"id":"00000000000000000000000000000001",` +
		`"x":{"y":[1,-2.5e+1,true,false,null,"\ud800\n"]},` +
		`"last_seen":"2026-03-01T12:00:00+02:00","hostname":"left","state":"new",` +
		` "client":{"z":[],"mac":"m","bytes":7},` +
		`"type":"flow_delta","risks":["a","b"]}], "new":[[]],"sequence":7 ,"epoch":"e",` +
		`"period":{"end":` +
		`"2026-03-01T10:00:00.000000001Z","q":0},"schema":1,"type":"report","agent":{"id":"a","q":{}}}` + "\n\t"
	r, flows, err := read([]byte(line))
	if err != nil || len(flows) != 1 {
		t.Fatal(flows, err)
	}
	f := &flows[0]
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC).UnixNano()
	if r.Sequence != 7 || r.Agent != "a" || r.End != at+1 || f.Last != at || f.Client.Bytes != 7 || f.Client.MAC != "" {
		t.Errorf("%+v, %+v", r, f)
	}
	if f.Has.Of(decode.Verdict) || f.Has.Of(decode.Place) || !f.Has.Of(decode.Risks) || !f.Has.Of(decode.Findings) {
		t.Errorf("groups %b", f.Has)
	}
	if want := `"x":{"y":[1,-2.5e+1,true,false,null,"\ud800\n"]}`; string(f.Findings) != want {
		t.Errorf("findings %s, want %s", f.Findings, want)
	}
	if strings.Join(f.Risks, " ") != "a b" {
		t.Errorf("risks %q", f.Risks)
	}
}

// TestBounds: what exceeds a limit is refused.
func TestBounds(t *testing.T) {
	line := string(bytes.TrimSpace(lines()[1]))
	replace := func(old, with string) string {
		if !strings.Contains(line, old) {
			t.Fatalf("no %s in %s", old, line)
		}
		return strings.Replace(line, old, with, 1)
	}
	for name, text := range map[string]string{
		"depth":       replace(`"totals":`, `"deep":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`,"totals":`),
		"name":        replace(`"name":"lan0"`, `"name":"`+strings.Repeat("x", 3000)+`"`),
		"control":     replace(`"name":"lan0"`, `"name":"\u0000"`),
		"finding":     replace(`"flows":[{`, `"flows":[{"x":{"y":"`+strings.Repeat("x", 70_000)+`"},`),
		"port":        replace(`"port":`, `"port":7`+"0000"),
		"sequence":    replace(`"sequence":2`, `"sequence":1099511627776`),
		"fraction":    replace(`"sequence":2`, `"sequence":2.0`),
		"zeros":       replace(`"sequence":2`, `"sequence":02`),
		"address":     replace(`"ip":"`, `"ip":"x`),
		"flows":       replace(`"flows":[`, `"flows":[`+strings.Repeat("{},", 3)),
		"not a list":  replace(`"flows":[`, `"flows":7,"f":[`),
		"month":       replace(`"end":"2026-03`, `"end":"2026-13`),
		"year":        replace(`"end":"2026-03`, `"end":"2300-03`),
		"kind":        replace(`"type":"report"`, `"type":"flow"`),
		"no sequence": replace(`"sequence"`, `"s"`),
		"networks":    replace(`"networks":[`, `"networks":[`+strings.Repeat(`"10.0.0.0/8",`, 16)),
		"network":     replace(`"networks":["`, `"networks":["`+strings.Repeat("1", 64)),
		"traffic":     replace(`"traffic":{`, `"traffic":{"tcp":281474976710656,`),
		"volume":      replace(`"ipv4":{`, `"ipv4":{"bytes":-1,`),
		"interfaces":  replace(`"interfaces":[`, `"interfaces":[`+strings.Repeat(`{},`, 400_000)),
	} {
		if _, _, err := read([]byte(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	old, _, err := read([]byte(replace(`"begin":"2026`, `"begin":"-002`)))
	if err == nil {
		t.Errorf("a year below 0: %+v", old)
	}
}

func FuzzRead(f *testing.F) {
	for _, line := range lines() {
		f.Add(line)
		f.Add(line[:len(line)/2])
	}
	f.Add([]byte(`{"type":"report","schema":1,"sequence":1,"epoch":"\u00e9",` +
		`"period":{"end":"2026-03-01T10:00:00Z"},"flows":[]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, flows, err := read(line)
		if err != nil {
			return
		}
		if !json.Valid(line) {
			t.Fatalf("taken, and no JSON: %s", line)
		}
		for _, part := range [][]byte{r.Health, r.Interfaces} {
			if len(part) > 0 && !json.Valid(part) {
				t.Errorf("no JSON: %s", part)
			}
		}
		for _, d := range r.Devices {
			if !json.Valid(d.Record) || !utf8.ValidString(d.Key) {
				t.Errorf("device %+v", d)
			}
		}
		if r.End <= 0 || r.End > decode.MaxTime || r.Sequence == 0 || r.Sequence > decode.MaxSequence {
			t.Errorf("report %+v", r)
		}
		for _, one := range flows {
			for _, members := range [][]byte{one.Identity, one.Connection, one.Verdict, one.Findings} {
				if !json.Valid([]byte("{" + string(members) + "}")) {
					t.Errorf("no JSON: %s", members)
				}
			}
			for _, s := range append([]string{one.State, one.Transport, one.Hostname, one.Application}, one.Risks...) {
				if !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\n") {
					t.Errorf("text %q", s)
				}
			}
			if one.Client.Bytes > decode.MaxCount || one.Last <= 0 || one.Last > decode.MaxTime || one.First < 0 {
				t.Errorf("flow %+v", one)
			}
		}
	})
}

// FuzzTime: a time is read as time.Parse reads it.
func FuzzTime(f *testing.F) {
	for _, text := range []string{"2026-03-01T10:00:00.000000001Z", "2024-02-29T23:59:59.999999999Z",
		"1970-01-01T00:00:00.000000000Z", "2100-02-28T00:00:00.000000000Z", "0001-01-01T00:00:00.000000000Z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := json.Marshal(text)
		if err != nil {
			return
		}
		const head = `{"type":"report","schema":1,"sequence":1,"epoch":"e","period":{"end":`
		r, _, err := read([]byte(head + string(quoted) + `}}`))
		if err != nil {
			return
		}
		want, parseErr := time.Parse(time.RFC3339Nano, text)
		if parseErr != nil && len(text) > len("2026-03-31") && text[8] >= '2' { // a day that the month lacks
			return
		}
		if parseErr != nil || want.Year() >= 1970 && want.UnixNano() != r.End && r.End != 1 {
			t.Errorf("%q is %d, want %v, %v", text, r.End, want, parseErr)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	g := storetest.NewGateway(1, 1, 1<<20)
	g.Churn, g.Life = 1000, 4
	for range 8 {
		g.Step()
	}
	line := g.Reports[7].Line
	b.SetBytes(int64(len(line)))
	flows := 0
	for b.Loop() {
		_, all, err := read(line)
		if err != nil {
			b.Fatal(err)
		}
		flows += len(all)
	}
	b.ReportMetric(float64(flows)/b.Elapsed().Seconds(), "flows/s")
}
