// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
	"github.com/weirnet/weir/internal/sink/store/duckdb"
	"github.com/weirnet/weir/internal/sink/store/storetest"
)

// network returns the API over a real store that has two gateways' reports, and the parameters of their time.
func network(t *testing.T) (h http.Handler, when string, agents []string) {
	t.Helper()
	s, err := duckdb.Open(filepath.Join(t.TempDir(), "flows.duckdb"), duckdb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	var end time.Time
	for n := range byte(2) {
		g := storetest.NewGateway(n+1, 7, 1000)
		g.Device(strings.ReplaceAll(`{"mac":"02:00:00:00:00:05","addresses":[{"ip":"192.168.1.5","first_seen":"T",`+
			`"last_seen":"T"}],"names":[{"name":"bens-laptop","source":"dhcp"}],"first_seen":"T","last_seen":"T"}`,
			"T", "2026-03-01T10:00:00.000000000Z"))
		for range 30 {
			g.Step()
		}
		if _, err := s.Ingest(t.Context(), g.Reports); err != nil {
			t.Fatal(err)
		}
		end, agents = g.Now(), append(agents, g.ID)
	}
	when = "from=" + url.QueryEscape(timeText(storetest.Start)) + "&to=" + url.QueryEscape(timeText(end.Add(time.Hour)))
	return New(s, func() any { return nil }, nil), when, agents
}

func filterParam(text string) string { return "&filter=" + url.QueryEscape(text) }

func add(a, b store.Sums) store.Sums {
	return store.Sums{UpBytes: a.UpBytes + b.UpBytes, DownBytes: a.DownBytes + b.DownBytes,
		Packets: a.Packets + b.Packets}
}

// traffic is sums without the count of flows: a flow counts for each key that it had.
func traffic(s store.Sums) store.Sums { return add(s, store.Sums{}) }

// TestRealStore asks a real store each kind of question.
func TestRealStore(t *testing.T) {
	h, when, agents := network(t)
	total := getJSON[TopAnswer](t, h, "top?"+when).Total
	if total.Flows == 0 || total.UpBytes == 0 || total.DownBytes == 0 {
		t.Fatalf("%+v", total)
	}
	for path, name := range map[string]string{"top?by=device&": "TopAnswer", "series?by=app&": "SeriesAnswer",
		"flows?": "FlowsAnswer", "devices?": "DevicesAnswer"} {
		checkSpecified(t, h, path+when, name)
	}
	checkSpecified(t, h, "agents", "AgentsAnswer")
	t.Run("rows", func(t *testing.T) { realRows(t, h, when, total) })
	t.Run("filters", func(t *testing.T) { realFilters(t, h, when, total) })
	t.Run("series", func(t *testing.T) { realSeries(t, h, when, total) })
	t.Run("flows", func(t *testing.T) { realFlows(t, h, when, total, agents) })
	t.Run("devices", func(t *testing.T) { realDevices(t, h, when, agents) })
}

// realRows: the rows and the others add up to all; a row's key as a filter selects what the row has.
func realRows(t *testing.T, h http.Handler, when string, total store.Sums) {
	for _, by := range storetest.Dimensions {
		answer := getJSON[TopAnswer](t, h, fmt.Sprintf("top?%s&by=%s&limit=5", when, by))
		sum := answer.Other
		for i := range answer.Rows {
			row := &answer.Rows[i]
			sum = add(sum, row.Sums)
			text := fmt.Sprintf("%s:%q", by, row.Key)
			if by == store.ByPort && row.Key == "" {
				text = "port:0"
			}
			if got := getJSON[TopAnswer](t, h, "top?"+when+filterParam(text)).Total; traffic(got) != traffic(row.Sums) {
				t.Errorf("%s: %+v, its row %+v", text, got, row.Sums)
			}
		}
		if answer.Total != total || traffic(sum) != traffic(total) || len(answer.Rows) == 0 {
			t.Errorf("%s: %+v, in all %+v, want %+v", by, answer, sum, total)
		}
	}
}

// realFilters: each filter of the language's cases is answered, and it and its opposite select all, each once.
func realFilters(t *testing.T, h http.Handler, when string, total store.Sums) {
	text, err := os.ReadFile("../../filter/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		In    string
		Out   string
		Error *int
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	filters := []string{`device:"@'; DROP TABLE flows; --"`, `host:';drop`, `risk:""`, `risk!=""`, `risk:tls-missing-sni`,
		`ip:192.168.1.0/24`, `ip!=192.168.1.5`, `host:*.org`, `bytes>1k`, `device:@bens-laptop`, `transport:udp`,
		`method!=dpi`,
		`NOT (app:youtube OR port:53) AND direction:outbound`, `ip:2001:db8::/32`}
	selected := 0
	for _, c := range cases {
		if c.Error == nil && !strings.HasPrefix(c.Out, "NOT NOT NOT") && len(c.Out) < 500 {
			filters = append(filters, c.Out)
		}
	}
	for _, in := range filters {
		if in == "" {
			continue
		}
		yes := getJSON[TopAnswer](t, h, "top?"+when+filterParam(in)).Total
		no := getJSON[TopAnswer](t, h, "top?"+when+filterParam("NOT ("+in+")")).Total
		if add(yes, no) != traffic(total) {
			t.Errorf("%s: %+v and %+v make %+v, want %+v", in, yes, no, add(yes, no), total)
		}
		if yes.Packets > 0 && no.Packets > 0 {
			selected++
		}
	}
	with := getJSON[TopAnswer](t, h, "top?"+when+filterParam("risk:tls-missing-sni")).Total
	without := getJSON[TopAnswer](t, h, "top?"+when+filterParam(`risk:""`)).Total
	if without.Packets == 0 || add(with, without) != traffic(total) { // the gateways have no other risk
		t.Errorf("with a risk %+v, without %+v, want %+v", with, without, total)
	}
	if selected < 15 {
		t.Errorf("only %d of the filters select a part", selected)
	}
	for _, path := range []string{"flows?", "series?by=app&"} {
		for _, in := range filters {
			if response, body := get(t, h, path+when+filterParam(in)); response.StatusCode != http.StatusOK {
				t.Errorf("%s%s: %s", path, in, body)
			}
		}
	}
}

// realSeries: the points add up to the total, whatever the lines. The gateways correct a few counts downwards, which no
// point shows as less than nothing: lines may have a little more together.
func realSeries(t *testing.T, h http.Handler, when string, total store.Sums) {
	for _, parameters := range []string{"", "&by=app", "&by=device&limit=2", "&by=host&limit=0", "&step=1m",
		"&step=1h"} {
		answer := getJSON[SeriesAnswer](t, h, "series?"+when+parameters)
		var up, down uint64
		for _, line := range answer.Series.Series {
			if len(line.UpBytes) > store.MaxPoints || len(line.UpBytes) != len(line.DownBytes) {
				t.Errorf("%s: %d and %d points", parameters, len(line.UpBytes), len(line.DownBytes))
			}
			for i := range line.UpBytes {
				up, down = up+line.UpBytes[i], down+line.DownBytes[i]
			}
		}
		slack := uint64(0)
		if strings.Contains(parameters, "by=") {
			slack = total.DownBytes / 50
		}
		if up < total.UpBytes || up > total.UpBytes+slack || down < total.DownBytes || down > total.DownBytes+slack ||
			answer.StepS == 0 {
			t.Errorf("%s: %d up and %d down in steps of %d s, want %+v", parameters, up, down, answer.StepS, total)
		}
	}
	if p := getProblem(t, h, "series?"+when+"&step=1s"); p.Status != 422 {
		t.Errorf("%+v", p)
	}
}

// realFlows: the pages have each flow once; each has its detail, and a line of CSV.
func realFlows(t *testing.T, h http.Handler, when string, total store.Sums, agents []string) {
	seen := map[string]bool{}
	path := "flows?limit=17&" + when
	var packets uint64
	for path != "" {
		response, body := get(t, h, path)
		var page FlowsAnswer
		if err := json.Unmarshal([]byte(body), &page); err != nil || len(page.Rows) > 17 {
			t.Fatalf("%s: %v, %s", path, err, body)
		}
		for _, f := range page.Rows {
			r, err := parseRecord(f.Record)
			if err != nil {
				t.Fatal(err)
			}
			seen[f.Agent+"/"+string(r.ID[:])] = true
			packets += r.Client.Packets + r.Server.Packets
		}
		link, _, _ := strings.Cut(strings.TrimPrefix(response.Header.Get("Link"), "<"+Prefix), ">")
		path = link
	}
	if len(seen) != int(total.Flows) || packets != total.Packets {
		t.Errorf("%d flows with %d packets, want %+v", len(seen), packets, total)
	}
	n := 0
	for id := range seen {
		checkSpecified(t, h, "flows/"+id, "FlowAnswer")
		if answer := getJSON[FlowAnswer](t, h, "flows/"+id); len(answer.Why) < 3 {
			t.Errorf("%s: %q", id, answer.Why)
		}
		if n++; n == 5 {
			break
		}
	}
	if p := getProblem(t, h, "flows/"+agents[0]+"/"+agents[0]); p.Status != 404 {
		t.Errorf("%+v", p)
	}
	// An id may be any number of 128 bits.
	if p := getProblem(t, h, "flows/"+agents[0]+"/"+strings.Repeat("f", 32)); p.Status != 404 {
		t.Errorf("%+v", p)
	}
	for _, cursor := range []string{"x", "1", "1-", "-", "9999999999999999999999-1", "1-2-3'"} {
		if p := getProblem(t, h, "flows?"+when+"&cursor="+url.QueryEscape(cursor)); p.Status != 422 {
			t.Errorf("%s: %+v", cursor, p)
		}
	}
	_, body := get(t, h, "flows?limit=1000&"+when, "Accept", "text/csv")
	if rows, err := csv.NewReader(strings.NewReader(body)).ReadAll(); err != nil || len(rows) != len(seen)+1 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func realDevices(t *testing.T, h http.Handler, when string, ids []string) {
	all := getJSON[DevicesAnswer](t, h, "devices?"+when)
	one := getJSON[DevicesAnswer](t, h, "devices?"+when+"&agent="+ids[0])
	if all.Total < 20 || one.Total >= all.Total || len(all.Rows) != all.Total {
		t.Errorf("%d devices, %d of one agent", all.Total, one.Total)
	}
	named := getJSON[TopAnswer](t, h, "top?"+when+filterParam("dev:@BENS-laptop")).Total
	if got := getJSON[TopAnswer](t, h, "top?"+when+filterParam("dev:02:00:00:00:00:05")).Total; got != named ||
		named.Flows == 0 {
		t.Errorf("by name %+v, by address %+v", named, got)
	}
	agents := getJSON[AgentsAnswer](t, h, "agents")
	if len(agents.Rows) != 2 || agents.Rows[0].Sequence != 30 || agents.Rows[0].Missing != 0 {
		t.Errorf("%+v", agents)
	}
}
