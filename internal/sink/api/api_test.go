// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/sink/store"
)

func TestTop(t *testing.T) {
	f := &fakeStore{top: store.Top{Rows: []store.TopRow{{Key: "youtube", Sums: store.Sums{UpBytes: 1, DownBytes: 2,
		Packets: 3, Flows: 4}}}, Total: store.Sums{UpBytes: 10}}}
	h := New(f, nil, nil)
	answer := getJSON[TopAnswer](t, h, "top?by=device&since=2h&limit=3&sort=flows&filter="+
		url.QueryEscape("port!=443"))
	q := f.asked.(*store.TopQuery)
	if q.By != store.ByDevice || q.Limit != 3 || q.Sort != "flows" || q.To.Sub(q.From) != 2*time.Hour ||
		!reflect.DeepEqual(q.Filter, filter.Compare{Field: filter.Port, Op: filter.NotEqual, Value: "443"}) {
		t.Errorf("%+v", q)
	}
	if !answer.From.Equal(q.From) || !answer.To.Equal(q.To) || answer.By != store.ByDevice ||
		!reflect.DeepEqual(answer.Top, f.top) {
		t.Errorf("%+v", answer)
	}
	getJSON[TopAnswer](t, h, "top")
	if q := f.asked.(*store.TopQuery); q.By != store.ByApplication || q.Limit != 10 || q.Sort != "bytes" ||
		q.To.Sub(q.From) != time.Hour || q.Filter != nil {
		t.Errorf("%+v", q)
	}
}

func TestSeries(t *testing.T) {
	f := &fakeStore{series: store.Series{StepS: 60, Series: []store.Line{{Key: "a", UpBytes: []uint64{1}}}}}
	h := New(f, nil, nil)
	answer := getJSON[SeriesAnswer](t, h,
		"series?by=app&limit=0&step=1m&from=2026-11-30T08:00:00Z&to=2026-11-30T10:00:00%2B01:00")
	q := f.asked.(*store.SeriesQuery)
	if q.By != store.ByApplication || q.Limit != 0 || q.Step != time.Minute ||
		!q.From.Equal(time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)) || q.To.Sub(q.From) != time.Hour {
		t.Errorf("%+v", q)
	}
	if answer.StepS != 60 || answer.Series.Series[0].UpBytes[0] != 1 {
		t.Errorf("%+v", answer)
	}
	for parameters, step := range map[string]time.Duration{"": 15 * time.Second, "?since=124m": 15 * time.Second,
		"?since=125m": 0, "?since=90d": 0} {
		getJSON[SeriesAnswer](t, h, "series"+parameters)
		if q := f.asked.(*store.SeriesQuery); q.By != "" || q.Limit != 8 || q.Step != step {
			t.Errorf("%s: %+v", parameters, q)
		}
	}
}

func TestFlows(t *testing.T) {
	f := &fakeStore{flows: store.Flows{Rows: []store.Flow{{Agent: agent, Record: json.RawMessage(flowRecord)}},
		Next: "a b"}}
	h := New(f, nil, nil)
	response, body := get(t, h, "flows?since=1m&limit=7&cursor=xyz&filter=app:a")
	q := f.asked.(*store.FlowsQuery)
	if q.Limit != 7 || q.Cursor != "xyz" || q.To.Sub(q.From) != time.Minute {
		t.Errorf("%+v", q)
	}
	link := "<" + Prefix + "flows?cursor=a+b&filter=app%3Aa&from=" + url.QueryEscape(timeText(q.From)) +
		"&limit=7&to=" + url.QueryEscape(timeText(q.To)) + `>; rel="next"`
	if response.Header.Get("Link") != link || !strings.Contains(body, `"next":"a b"`) ||
		!strings.Contains(body, `"hostname":"www.facebook.com"`) {
		t.Errorf("%v: %s", response.Header, body)
	}
	f.flows = store.Flows{}
	if _, body := get(t, h, "flows"); !strings.Contains(body, `"rows":[]`) {
		t.Error(body)
	}
	f.err = store.ErrCursor
	if p := getProblem(t, h, "flows?cursor=x"); p.Status != 422 || !strings.Contains(p.Detail, "next") {
		t.Errorf("%+v", p)
	}
}

func TestFlow(t *testing.T) {
	f := &fakeStore{flow: store.Flow{Agent: agent, Device: "192.168.1.20", Record: json.RawMessage(flowRecord)}}
	h := New(f, nil, nil)
	answer := getJSON[FlowAnswer](t, h, "flows/"+agent+"/"+agent)
	if f.asked != agent+"/"+agent || answer.Device != "192.168.1.20" {
		t.Errorf("%v: %+v", f.asked, answer)
	}
	why := strings.Join(answer.Why, "\n")
	for _, want := range []string{
		"tcp from 192.168.1.20:51324 to 198.51.100.7:443, outbound.", "Entry 9 of",
		"the client on the side lan and the server on the side wan.",
		"knows the client as 203.0.113.1:40112",
		"The protocol is tls: its dissector recognised", "the catalog has it for the host name www.facebook.com",
		"its entry: facebook.com)",
	} {
		if !strings.Contains(why, want) {
			t.Errorf("no %q in\n%s", want, why)
		}
	}
	if len(answer.Risks) != 1 || answer.Risks[0].Risk != "tls-weak-cipher" || answer.Risks[0].Severity != "high" ||
		answer.Risks[0].Advice == "" {
		t.Errorf("%+v", answer.Risks)
	}
	f.err = store.ErrNotFound
	if p := getProblem(t, h, "flows/"+agent+"/"+agent); p.Status != 404 {
		t.Errorf("%+v", p)
	}
}

func TestDevicesAgentsStatus(t *testing.T) {
	f := &fakeStore{
		devices: []store.Device{{Device: "a", Record: json.RawMessage("{}")},
			{Device: "b", Record: json.RawMessage("{}")}},
		agents: []store.Agent{{Agent: agent, Health: json.RawMessage(`{"mode":"ebpf"}`),
			Interfaces: json.RawMessage("[]")}},
	}
	h := New(f, func() any { return map[string]int{"queue": 3} }, nil)
	devices := getJSON[DevicesAnswer](t, h, "devices?since=1d&limit=1&agent="+agent)
	if q := f.asked.(*store.DevicesQuery); q.Agent != agent || q.To.Sub(q.From) != 24*time.Hour {
		t.Errorf("%+v", q)
	}
	if devices.Total != 2 || len(devices.Rows) != 1 || devices.From.IsZero() {
		t.Errorf("%+v", devices)
	}
	if agents := getJSON[AgentsAnswer](t, h, "agents"); agents.Now.IsZero() || len(agents.Rows) != 1 {
		t.Errorf("%+v", agents)
	}
	if status := *getJSON[map[string]int](t, h, "status"); status["queue"] != 3 {
		t.Errorf("%+v", status)
	}
	f.devices, f.agents = nil, nil
	for _, path := range []string{"devices", "agents"} {
		if _, body := get(t, h, path); !strings.Contains(body, `"rows":[]`) {
			t.Errorf("%s: %s", path, body)
		}
	}
}

// TestMistakes: each parameter is bounded, and each error says what is allowed.
func TestMistakes(t *testing.T) {
	h := New(&fakeStore{}, nil, nil)
	for query, want := range map[string]string{
		"top?since=59s":                          "since expects a number and m, h, d or w, from 1m to 90d",
		"top?since=0m":                           "since expects",
		"top?since=91d":                          "since expects",
		"top?since=-1h":                          "since expects",
		"top?since=h":                            "since expects",
		"top?since=99999999":                     "since expects",
		"top?since=4294967295d":                  "8",
		"top?from=yesterday":                     "from expects a time of RFC 3339",
		"top?to=2026-11-30T08:00:00Z":            "to needs from",
		"top?since=1h&from=2026-11-30T08:00:00Z": "since and from exclude each other",
		"top?from=2026-11-30T08:00:00Z&to=2026-11-30T08:00:00Z": "from expects a moment before to",
		"top?from=2026-01-30T08:00:00Z&to=2026-11-30T08:00:00Z": "longer than 90d",
		"top?from=1900-01-30T08:00:00Z":                         "from expects a time of RFC 3339 from 1970",
		"top?from=2026-11-30T08:00:00Z&to=2300-11-30T08:00:00Z": "to expects a time of RFC 3339 from 1970",
		"top?by=colour":          "app, proto, category, device, host, net, port, direction, country, asn, agent",
		"top?limit=0":            "limit expects a whole number from 1 to 1000",
		"top?limit=1001":         "from 1 to 1000",
		"top?limit=many":         "limit expects a whole number from 1 to 1000",
		"top?sort=size":          "bytes, flows, packets",
		"top?foo=1":              `there is no parameter "foo" here; expected are since, from, to, filter, by, limit,`,
		"top?filter=aap:youtube": "filter, character 1: there is no field aap, perhaps app",
		"top?filter=" + strings.Repeat("a", 1025):  "1024 are allowed",
		"series?limit=13":                          "from 0 to 12",
		"series?limit=-1":                          "from 0 to 12",
		"top?limit=1&limit=2":                      "limit is there twice",
		"top?since=%zz":                            "broken escape",
		"top?a=1&b=2":                              `no parameter "b"`,
		"series?by=x":                              "app, proto",
		"series?step=0s":                           "step expects",
		"series?step=x":                            "step expects",
		"series?since=90d&step=1m":                 "at least 15584s",
		"flows?limit=1001":                         "from 1 to 1000",
		"flows?cursor=" + strings.Repeat("a", 257): "256",
		"flows?filter=(":                           "character 2: the filter ends",
		"flows/x/" + agent:                         "32 hexadecimal digits",
		"flows/" + agent + "/" + agent[1:]:         "32 hexadecimal digits",
		"devices?agent=gw1":                        "32 hexadecimal digits",
		"devices?limit=0":                          "from 1 to 10000",
		"devices?filter=a":                         `no parameter "filter" here; expected are since,`,
		"agents?x=":                                "none is expected",
		"status?x=1":                               "none is expected",
		"events?limit=101":                         "from 1 to 100",
		"events?filter=%00":                        "control characters",
	} {
		p := getProblem(t, h, query)
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Detail, want) || len(p.Errors) == 0 {
			t.Errorf("%s: %+v, want %q", query, p, want)
		}
	}
	p := getProblem(t, h, "top?filter=app:a+b:")
	if p.Errors[0].Location != "query.filter" || p.Errors[0].Position == nil || *p.Errors[0].Position != 6 {
		t.Errorf("%+v", p.Errors)
	}
}

// TestFiltersOfTheCases: every case of the filter language is answered, or is a mistake that tells its place.
func TestFiltersOfTheCases(t *testing.T) {
	text, err := os.ReadFile("../../filter/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		In    string
		Error *int
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	h := New(&fakeStore{}, nil, nil)
	for _, c := range cases {
		path := "flows?filter=" + url.QueryEscape(c.In)
		if c.Error == nil {
			getJSON[FlowsAnswer](t, h, path)
		} else if p := getProblem(t, h, path); p.Status != 422 || *p.Errors[0].Position != *c.Error {
			t.Errorf("%s: %+v", c.In, p)
		}
	}
}

func TestPaths(t *testing.T) {
	h := New(&fakeStore{}, func() any { return nil }, nil)
	if p := getProblem(t, h, "nothing"); p.Status != 404 || !strings.Contains(p.Detail, "openapi.yaml") {
		t.Errorf("%+v", p)
	}
	for method, status := range map[string]int{"POST": 405, "PUT": 405, "DELETE": 405, "OPTIONS": 405, "HEAD": 200} {
		for _, path := range []string{"top", "events"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(method, Prefix+path, nil))
			if w.Code != status {
				t.Errorf("%s %s: %d", method, path, w.Code)
			}
		}
	}
	response, body := get(t, h, "openapi.yaml")
	if response.StatusCode != 200 || !strings.Contains(body, "openapi: 3.1.0") {
		t.Errorf("%s: %s", response.Status, body)
	}
	for _, path := range []string{"top", "series", "flows", "devices", "agents", "status", "nothing", "top?x=1"} {
		response, _ := get(t, h, path)
		if response.Header.Get("Cache-Control") != "no-store" ||
			response.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, response.Header)
		}
	}
}

// TestSpecificationIsCurrent: gen/openapi.yaml is that of this code, with all endpoints and all parameters.
func TestSpecificationIsCurrent(t *testing.T) {
	text, err := Specification()
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile("../../../gen/openapi.yaml")
	if _, after, _ := strings.Cut(string(committed), "\n"); err != nil || after != string(text) {
		t.Errorf("gen/openapi.yaml is stale (%v): run go generate ./internal/sink/api", err)
	}
	for _, want := range []string{"/api/v1/top:", "/api/v1/series:", "/api/v1/flows:", "/api/v1/flows/{agent}/{id}:",
		"/api/v1/devices:", "/api/v1/agents:", "/api/v1/status:", "/api/v1/events:", "name: since", "name: filter",
		"name: cursor", "text/csv:", "text/event-stream:", "application/problem+json:"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(string(text), "name: Accept") || strings.Contains(string(text), "Content-Type") {
		t.Error("it documents headers of HTTP")
	}
}

func TestStoreFails(t *testing.T) {
	f := &fakeStore{err: errors.New("secret path /var/lib")}
	h := New(f, nil, nil)
	for _, path := range []string{"top", "series", "flows", "flows/" + agent + "/" + agent, "devices", "agents"} {
		if p := getProblem(t, h, path); p.Status != 500 || strings.Contains(p.Detail, "secret") {
			t.Errorf("%s: %+v", path, p)
		}
	}
}

// TestStoreRefuses: what only the store knows to be too much is a mistake of the question.
func TestStoreRefuses(t *testing.T) {
	h := New(&fakeStore{err: fmt.Errorf("%w: more than 256 terms", store.ErrInvalid)}, nil, nil)
	if p := getProblem(t, h, "top"); p.Status != 422 || !strings.Contains(p.Detail, "more than 256 terms") {
		t.Errorf("%+v", p)
	}
}

// TestStoreIsSlow: a question that takes too long, or whose turn does not come, ends with 503 and Retry-After.
func TestStoreIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeStore{before: func(ctx context.Context) { <-ctx.Done() }}
		h := New(f, nil, nil)
		details := make(chan string, 2*maxAsked)
		for range cap(details) {
			go func() {
				start := time.Now()
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest("GET", Prefix+"top", nil))
				if w.Code != 503 || w.Header().Get("Retry-After") == "" || time.Since(start) != askTimeout {
					t.Errorf("%d after %v: %s", w.Code, time.Since(start), w.Body)
				}
				details <- w.Body.String()
			}()
		}
		slow := 0
		for range cap(details) {
			if strings.Contains(<-details, "took longer") {
				slow++
			}
		}
		if slow < maxAsked {
			t.Errorf("%d were put to the store", slow)
		}
	})
}

// TestAgentNames: @name selects the agents that enrolled under it.
func TestAgentNames(t *testing.T) {
	const one, two, three = "a0000000000000000000000000000001", "a0000000000000000000000000000002",
		"a0000000000000000000000000000003"
	f := &fakeStore{agents: []store.Agent{{Agent: one, Name: "Ben's gateway"}, {Agent: two, Name: "gw"},
		{Agent: three, Name: "GW"}}}
	h := New(f, nil, nil)
	for in, want := range map[string]string{
		`agent:"@ben's gateway"`: "agent:" + one,
		"agent:@gw":              "agent:" + two + " OR agent:" + three,
		"agent!=@gw port:80":     "NOT (agent:" + two + " OR agent:" + three + ") AND port:80",
		"agent:@nobody":          "agent:@nobody",
		"agent:" + two:           "agent:" + two,
	} {
		getJSON[SeriesAnswer](t, h, "series?filter="+url.QueryEscape(in))
		if got := filter.String(f.asked.(*store.SeriesQuery).Filter); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// TestSelectionFirst: of several mistakes, those of the range and the filter are told before those of the rest.
func TestSelectionFirst(t *testing.T) {
	h := New(&fakeStore{}, nil, nil)
	for _, path := range []string{"series?step=1x&filter=app:", "series?step=1s&since=30d&filter=app:",
		"top?filter=app:"} {
		if p := getProblem(t, h, path); len(p.Errors) != 1 || p.Errors[0].Location != "query.filter" {
			t.Errorf("%s: %+v", path, p)
		}
	}
}

// goneWriter is that of a client that has left.
type goneWriter struct {
	header   http.Header
	statuses []int
	leave    func()
}

func (w *goneWriter) Header() http.Header { return w.header }
func (w *goneWriter) WriteHeader(s int)   { w.statuses = append(w.statuses, s) }
func (w *goneWriter) Write([]byte) (int, error) {
	w.leave()
	return 0, errors.New("the client has left")
}

// TestClientLeft: a client that leaves before its answer is written gets one header, and no handler panics; neither
// when the server notices it before nor after the write.
func TestClientLeft(t *testing.T) {
	f := &fakeStore{flows: store.Flows{Rows: []store.Flow{{Agent: agent, Record: json.RawMessage(flowRecord)}}}}
	h := New(f, func() any { return struct{}{} }, nil)
	for _, path := range []string{"top", "series", "flows", "flows/" + agent + "/" + agent, "devices", "agents",
		"status", "openapi.yaml", "events", "none", "top?limit=x", "top?filter=app:"} {
		for _, accept := range []string{"", "text/csv"} {
			for _, isNoticed := range []bool{false, true} {
				ctx, leave := context.WithCancel(t.Context())
				w := &goneWriter{header: http.Header{}, leave: func() {}}
				if isNoticed {
					w.leave = leave
				}
				r := httptest.NewRequestWithContext(ctx, http.MethodGet, Prefix+path, nil)
				r.Header.Set("Accept", accept)
				func() {
					defer func() {
						if p := recover(); p != nil {
							t.Errorf("%s: panic: %v", path, p)
						}
					}()
					h.ServeHTTP(w, r)
				}()
				leave()
				if len(w.statuses) > 1 {
					t.Errorf("%s %s: statuses %v", path, accept, w.statuses)
				}
			}
		}
	}
}

// TestBrokenRecord: a record that CSV can't hold is the sink's failure, which its status says.
func TestBrokenRecord(t *testing.T) {
	f := &fakeStore{flows: store.Flows{Rows: []store.Flow{{Agent: agent, Record: json.RawMessage(`{"client":7}`)}}}}
	response, body := get(t, New(f, nil, nil), "flows", "Accept", "text/csv")
	if response.StatusCode != 500 || response.Header.Get("Content-Type") != problemType {
		t.Errorf("%s: %s", response.Status, body)
	}
}

// TestDeviceNames: @name selects the devices that call themselves so.
func TestDeviceNames(t *testing.T) {
	f := &fakeStore{devices: []store.Device{
		{Device: "aa:bb:cc:dd:ee:01",
			Record: json.RawMessage(`{"names":[{"name":"Bens-Laptop.local","source":"mdns"}]}`)},
		{Device: "aa:bb:cc:dd:ee:02", Record: json.RawMessage(`{"names":[{"name":"printer"},{"name":"BENS-laptop"}]}`)},
		{Device: "10.0.0.1", Record: json.RawMessage(`{}`)},
	}}
	h := New(f, nil, nil)
	for in, want := range map[string]string{
		"device:@printer":            "device:aa:bb:cc:dd:ee:02",
		"dev:@PRINTER port:80":       "device:aa:bb:cc:dd:ee:02 AND port:80",
		"device!=@printer":           "NOT device:aa:bb:cc:dd:ee:02",
		"device:@bens-laptop":        "device:aa:bb:cc:dd:ee:01 OR device:aa:bb:cc:dd:ee:02",
		"NOT dev:@bens-laptop.local": "NOT device:aa:bb:cc:dd:ee:01",
		"dev:@nobody":                "device:@nobody",
		"printer OR port:1":          "app:printer OR host:*.printer OR device:aa:bb:cc:dd:ee:02 OR port:1",
	} {
		getJSON[TopAnswer](t, h, "top?filter="+url.QueryEscape(in))
		if got := filter.String(f.asked.(*store.TopQuery).Filter); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
