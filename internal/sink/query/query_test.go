// SPDX-License-Identifier: Apache-2.0

package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/sink/api"
	"github.com/weirnet/weir/internal/sink/control"
	"github.com/weirnet/weir/internal/sink/store"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"top":                       "top",
		"TOP App":                   "top?by=app",
		"top applications since 1h": "top?by=app&since=1h",
		"top since 1h":              "top?since=1h",
		"top device sort flows limit 3 where a OR b": "top?by=device&filter=a+OR+b&limit=3&sort=flows",
		"top where where":      "top?filter=where",
		" flows \t since\n2d ": "flows?since=2d",
		"series hosts step 5m": "series?by=host&step=5m",
		"series":               "series",
		"flows from 2026-11-30T08:00:00Z to 2026-12-01": "flows?from=2026-11-30T08%3A00%3A00Z&to=2026-12-01",
		"devices agent 00 limit 5":                      "devices?agent=00&limit=5",
		"agents":                                        "agents",
	} {
		q, err := Parse(in)
		if err != nil || q.Path() != api.Prefix+want {
			t.Errorf("%q: %v, %v, want %s", in, q, err, want)
		}
	}
	for in, want := range map[string]string{
		"":                      "a query begins with top, series,",
		"tops":                  "a query begins with top, series,",
		"top colour":            "top takes app, proto, category,",
		"top app device":        `"device": top takes since, from, to, limit, sort or where`,
		"top step 5m":           "top takes app",
		"flows app":             `"app": flows takes since, from, to, limit or where`,
		"flows since":           "since: a value is missing",
		"flows where ":          "where: a value is missing",
		"top since 1h since 2h": "since: once is enough",
		"agents since 1h":       "nothing follows agents",
		"devices where a":       "devices takes since",
	} {
		if q, err := Parse(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v, want %q", in, q, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("top app since 1h limit 20 where device:@ben AND port!=443")
	f.Add("series step 5m")
	f.Add("where where where")
	f.Fuzz(func(t *testing.T, in string) {
		q, err := Parse(in)
		if err != nil {
			return
		}
		for p := range q.Parameters {
			if p != "by" && p != "filter" && !slices.Contains(clauses[q.Subject], p) {
				t.Errorf("%q: %s", in, q.Path())
			}
		}
	})
}

// network is a store with a little of everything.
type network struct{ store.Store }

const id = "00112233445566778899aabbccddeeff"

func (network) Top(_ context.Context, q *store.TopQuery) (*store.Top, error) {
	key := "youtube"
	if q.By == store.ByDevice {
		key = "aa:bb:cc:dd:ee:01"
	}
	return &store.Top{
		Rows: []store.TopRow{
			{Key: key, Sums: store.Sums{UpBytes: 999, DownBytes: 1234567, Packets: 12345, Flows: 7}}, {},
		},
		Other: store.Sums{Flows: 1}, Total: store.Sums{UpBytes: 1e12, Flows: 8},
	}, nil
}

func (network) Series(context.Context, *store.SeriesQuery) (*store.Series, error) {
	return &store.Series{Start: time.Unix(1_800_000_000, 0), StepS: 60, Series: []store.Line{
		{Key: "youtube", UpBytes: []uint64{1, 2}, DownBytes: []uint64{10, 20}},
		{IsOther: true, UpBytes: []uint64{0, 0}, DownBytes: []uint64{5, 1500}},
	}}, nil
}

func (network) Flows(_ context.Context, q *store.FlowsQuery) (*store.Flows, error) {
	c, ok := q.Filter.(filter.Compare)
	switch {
	case q.Filter != nil && !ok:
		return nil, errors.New("broken")
	case c.Value == "rare":
		return &store.Flows{}, nil
	}
	record := `{"client":{"ip":"10.0.0.2","bytes":100},"server":{"ip":"192.0.2.1","port":443,"bytes":2000},` +
		`"ip_proto":"tcp","protocol":"tls","hostname":"\u001b[2Ja.example",` +
		`"state":"end","last_seen":"2026-11-30T08:00:00.5Z"}`
	return &store.Flows{Rows: []store.Flow{{Agent: id, Record: json.RawMessage(record)}}, Next: "more"}, nil
}

func (network) Devices(_ context.Context, q *store.DevicesQuery) ([]store.Device, error) {
	if q.Agent != "" && q.Agent != id {
		return nil, errors.New("another agent")
	}
	return []store.Device{
		{Agent: id, Device: "aa:bb:cc:dd:ee:01", Sums: store.Sums{DownBytes: 5}, Applications: 3,
			Record: json.RawMessage(`{"names":[{"name":"bens-laptop"}]}`)},
		{Agent: id, Device: "10.0.0.9", Record: json.RawMessage(`{}`)},
	}, nil
}

func (network) Agents(context.Context) ([]store.Agent, error) {
	return []store.Agent{{Agent: id, Version: "1.0", Mode: "ebpf", Received: time.Now().Add(-time.Hour), Missing: 2,
		Health: json.RawMessage("{}"), Interfaces: json.RawMessage("[]")}}, nil
}

// sink is a Sink without a process.
type sink struct{ http.Handler }

func (s sink) Read(ctx context.Context, path, accept string) (*http.Response, error) {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

func (sink) Agents(context.Context) ([]control.Agent, error) {
	return []control.Agent{{ID: id, Name: "gateway"}}, nil
}

// ask runs a query, and returns the output with runs of spaces as one.
func ask(t *testing.T, text string, format Format) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := Client{sink{api.New(network{}, nil, nil)}}.Run(t.Context(), text, format, &out)
	lines := strings.Split(out.String(), "\n")
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	return strings.Join(lines, "\n"), err
}

func TestTables(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	for in, want := range map[string]string{
		"top": "APP DOWN UP PACKETS FLOWS\nyoutube 1.23 MB 999 B 12,345 7\n(none) 0 B 0 B 0 0\n(others) 0 B 0 B 0 1\n" +
			"(all) 0 B 1.00 TB 0 8\n",
		"top devices since 2h": "DEVICE DOWN UP PACKETS FLOWS\naa:bb:cc:dd:ee:01 bens-laptop 1.23 MB 999 B 12,345 7\n",
		"series app": "TIME youtube (others)\n2027-01-15 08:00:00 11 B 5 B\n" +
			"2027-01-15 08:01:00 22 B 1.50 kB\n",
		"flows where app:a": "LAST SEEN CLIENT SERVER PORT APP PROTO SENT RECEIVED STATE\n" +
			"2026-11-30 08:00:00 10.0.0.2 " +
			`\u001b[2Ja.example tcp/443 - tls 100 B 2.00 kB end` + "\n(there are more: ",
		"flows where app:rare": "LAST SEEN CLIENT SERVER PORT APP PROTO SENT RECEIVED STATE\n(nothing found; a longer ",
		"devices limit 1": "DEVICE NAME DOWN UP FLOWS APPS AGENT\naa:bb:cc:dd:ee:01 bens-laptop 5 B 0 B 0 3 gateway\n" +
			"(1 more)\n",
		"devices agent gateway": "DEVICE NAME DOWN UP FLOWS APPS AGENT\naa:bb:cc:dd:ee:01 bens-laptop 5 B",
		"devices agent " + id:   "DEVICE NAME",
		"agents": "AGENT NAME VERSION MODE LAST REPORT MISSING DROPS\n" + id +
			" gateway 1.0 ebpf 60 min ago 2 0\n",
	} {
		got, err := ask(t, in, Table)
		if err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %v\n%s\nwant\n%s", in, err, got, want)
		}
	}
}

func TestFormats(t *testing.T) {
	got, err := ask(t, "top app", JSON)
	var answer api.TopAnswer
	if err != nil || json.Unmarshal([]byte(got), &answer) != nil || answer.Rows[0].Key != "youtube" {
		t.Errorf("%v: %s", err, got)
	}
	if got, err := ask(t, "top app", CSV); err != nil || !strings.HasPrefix(got, "row,key,") {
		t.Errorf("%v: %s", err, got)
	}
	if _, err := ask(t, "series", CSV); err == nil || !strings.Contains(err.Error(), "only top and flows") {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	for in, want := range map[string]string{
		"flows where app:a aap:b": "where: there is no field aap, perhaps app; fields are app, proto, category, " +
			"device, host, ip, net, port, direction, side, agent, method, transport, risk, bytes, retransmits, " +
			"out_of_order, resets, zero_windows, rtt, country, asn, process, container\n" +
			"  app:a aap:b\n        ^",
		"flows where rtt>1": "where: rtt expects a time with its unit, us, ms or s, such as 100ms\n  rtt>1\n      ^",
		"flows where (":     "where: the filter ends where a term is expected, such as app:youtube\n  (\n   ^",
		"devices agent gw":  "agent gw: none has that id or name (weir-sink agent list)",
		"top since 1y":      "since expects a number and m, h, d or w, from 1m to 90d, such as 24h",
		"flows where a":     "the store failed; the sink's log says why",
	} {
		if _, err := ask(t, in, Table); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
	silent := sink{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })}
	if err := (Client{silent}).Run(t.Context(), "top", Table, &bytes.Buffer{}); err == nil ||
		!strings.Contains(err.Error(), "502 Bad Gateway") {
		t.Error(err)
	}
}

func TestTexts(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.00 kB", 9_994: "9.99 kB", 9_996: "10.0 kB",
		99_949: "99.9 kB", 99_960: "100 kB", 999_499: "999 kB", 999_501: "1.00 MB", 1<<64 - 1: "18.4 EB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := countText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Hour: "now", time.Second: "1 s ago",
		3 * time.Minute: "3 min ago",
		5 * time.Hour:   "5 h ago", 72 * time.Hour: "3 days ago"} {
		if got := ageText(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
