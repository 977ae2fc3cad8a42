// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
)

// always is the range of everything.
var always = store.Range{From: Start.Add(-24 * time.Hour), To: Start.Add(1000 * time.Hour)}

// parse reads JSON.
func parse(t testing.TB, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// pages reads all pages of flows.
func pages(t testing.TB, s store.Store, q store.FlowsQuery) (all []store.Flow) {
	t.Helper()
	for {
		page, err := s.Flows(t.Context(), &q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Rows) > q.Limit {
			t.Fatalf("%d flows in a page of %d", len(page.Rows), q.Limit)
		}
		all = append(all, page.Rows...)
		if page.Next == "" {
			return all
		}
		q.Cursor = page.Next
	}
}

// flows: a flow's record is the one that the agent would write now, and pages have each flow once.
func flows(t *testing.T, open Open) {
	g := NewGateway(1, 7, 12)
	for range 30 {
		g.Step()
	}
	s := open(t)
	reports := slices.Clone(g.Reports)
	reports[3], reports[9] = reports[9], reports[3]
	for _, r := range reports {
		ingest(t, s, r)
	}
	all := pages(t, s, store.FlowsQuery{Range: always, Limit: 7})
	if len(all) != len(g.Latest) {
		t.Errorf("%d flows, want %d", len(all), len(g.Latest))
	}
	seen := map[string]bool{}
	for _, f := range all {
		got := parse(t, f.Record)
		id := got.(map[string]any)["id"].(string)
		if want := parse(t, g.Latest[id]); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %s\nwant %s", f.Record, g.Latest[id])
		}
		if seen[id] {
			t.Errorf("flow %s is twice in the pages", id)
		}
		seen[id] = true
		one, err := s.Flow(t.Context(), g.ID, id)
		if err != nil || !reflect.DeepEqual(*one, f) {
			t.Errorf("flow %s alone: %v, %v", id, one, err)
		}
	}
	if _, err := s.Flow(t.Context(), g.ID, "00000000000000000000000000000000"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a flow that does not exist: %v", err)
	}
	if _, err := s.Flows(t.Context(), &store.FlowsQuery{Range: always, Limit: 1, Cursor: "x"}); !errors.Is(err,
		store.ErrCursor) {
		t.Errorf("a cursor that is none: %v", err)
	}
	m := newModel(t, g.Reports)
	for _, part := range [][2]int{{0, 5}, {5, 9}, {12, 30}} {
		r := store.Range{From: Start.Add(time.Duration(part[0]) * Period),
			To: Start.Add(time.Duration(part[1]) * Period)}
		_, total := m.top(store.ByAgent, r.From, r.To, nil)
		if got := len(pages(t, s, store.FlowsQuery{Range: r, Limit: 50})); got != int(total.Flows) {
			t.Errorf("intervals %d to %d: %d flows, want %d", part[0], part[1], got, total.Flows)
		}
	}
}

// series: the points add up to the sums, at their times.
func series(t *testing.T, open Open) {
	g := NewGateway(1, 9, 1000)
	for range 41 {
		g.Step()
	}
	s, m := open(t), newModel(t, g.Reports)
	ingest(t, s, g.Reports...)
	for _, q := range []store.SeriesQuery{
		{Limit: 3}, {By: store.ByApplication, Limit: 2, Step: time.Minute},
		{By: store.ByHost, Limit: 12, Step: 15 * time.Second}, {By: store.ByDevice, Limit: 0, Step: 5 * time.Minute},
	} {
		q.Range = store.Range{From: Start.Add(20 * time.Second), To: Start.Add(10 * time.Minute)}
		got, err := s.Series(t.Context(), &q)
		if err != nil {
			t.Fatal(err)
		}
		if got.Step < q.Step || got.StepS != int(got.Step/time.Second) || got.Start.UnixNano()%int64(got.Step) != 0 {
			t.Errorf("%+v: start %v, step %v", q, got.Start, got.Step)
		}
		for n := range got.Series[0].UpBytes {
			from := got.Start.Add(time.Duration(n) * got.Step)
			to := from.Add(got.Step)
			if from.Before(q.From) {
				from = q.From
			}
			if to.After(q.To) {
				to = q.To
			}
			rows, total := m.top(q.By, from, to, nil)
			checkPoint(t, &q, got, n, rows, total)
		}
	}
	long := store.Range{From: Start, To: Start.Add(365 * 24 * time.Hour)}
	got, err := s.Series(t.Context(), &store.SeriesQuery{Range: long, Step: time.Second})
	if err != nil || len(got.Series) > 0 && len(got.Series[0].UpBytes) > store.MaxPoints {
		t.Errorf("a year by seconds: %v", err)
	}
}

// checkPoint compares the lines at a point with the sums of its time.
func checkPoint(t *testing.T, q *store.SeriesQuery, got *store.Series, n int, rows map[string]store.Sums,
	total store.Sums) {
	t.Helper()
	var sum uint64
	for _, line := range got.Series {
		sum += line.UpBytes[n] + line.DownBytes[n]
		if want := rows[line.Key]; q.By != "" && !line.IsOther &&
			(line.UpBytes[n] != want.UpBytes || line.DownBytes[n] != want.DownBytes) {
			t.Errorf("by %q, point %d of %q: %d and %d, want %+v", q.By, n, line.Key, line.UpBytes[n],
				line.DownBytes[n], want)
		}
	}
	if len(got.Series) > q.Limit+1 {
		t.Errorf("%d lines, want %d and the others", len(got.Series), q.Limit)
	}
	// A count that was corrected downwards may show here as more than nothing.
	if sum < total.UpBytes+total.DownBytes {
		t.Errorf("by %q, point %d: %d bytes, want %+v", q.By, n, sum, total)
	}
}

// inventory: devices and agents are as the reports say.
func inventory(t *testing.T, open Open) {
	g := NewGateway(3, 11, 1000)
	const device = `{"mac":"02:00:00:00:00:07","addresses":[{"ip":"192.168.1.7",` +
		`"first_seen":"2026-03-01T10:00:00.000000000Z","last_seen":"2026-03-01T10:00:00.000000000Z"}],` +
		`"first_seen":"2026-03-01T10:00:00.000000000Z","last_seen":"2026-03-01T10:00:00.000000000Z"}`
	const silent = `{"addresses":[{"ip":"192.168.9.9"}]}`
	for n := range 20 {
		if n == 2 {
			g.Device(`{"mac":"02:00:00:00:00:07","vendor":"old"}`)
			g.Device(silent)
		}
		if n == 5 {
			g.Device(device)
		}
		g.Step()
	}
	s, m := open(t), newModel(t, g.Reports)
	ingest(t, s, slices.Concat(g.Reports[3:11], g.Reports[13:])...)
	agents, err := s.Agents(t.Context())
	if err != nil || len(agents) != 1 {
		t.Fatalf("agents %+v, %v", agents, err)
	}
	a := agents[0]
	if a.Agent != g.ID || a.Version != "1.0" || a.Mode != "ebpf" || a.Sequence != 20 || a.Missing != 5 ||
		!a.LastReport.Equal(g.Now()) || !a.Received.Equal(g.Now().Add(time.Second)) || len(a.Epoch) != 32 {
		t.Errorf("agent %+v", a)
	}
	if health, ok := parse(t, a.Health).(map[string]any); !ok || health["mode"] != "ebpf" {
		t.Errorf("health %s", a.Health)
	}
	if links, ok := parse(t, a.Interfaces).([]any); !ok || len(links) != 1 {
		t.Errorf("interfaces %s", a.Interfaces)
	}
	ingest(t, s, slices.Concat(g.Reports[:3], g.Reports[11:13])...)
	if agents, _ = s.Agents(t.Context()); agents[0].Missing != 0 {
		t.Errorf("agent %+v", agents[0])
	}
	rows, _ := m.top(store.ByDevice, always.From, always.To, nil)
	delete(rows, "")
	got, err := s.Devices(t.Context(), &store.DevicesQuery{Range: always})
	if err != nil || len(got) != len(rows)+1 {
		t.Errorf("%d devices, want %d, %v", len(got), len(rows)+1, err)
	}
	for _, d := range got {
		want := "{}"
		switch d.Device {
		case "02:00:00:00:00:07":
			want = device
		case "192.168.9.9":
			want = silent
		}
		if w := rows[d.Device]; string(d.Record) != want || d.UpBytes != w.UpBytes || d.DownBytes != w.DownBytes {
			t.Errorf("device %+v, want %+v, %s", d, w, want)
		}
	}
	never := store.Range{From: always.From.Add(-time.Hour), To: always.From}
	if silent, err := s.Devices(t.Context(), &store.DevicesQuery{Range: never}); err != nil || len(silent) != 2 {
		t.Errorf("devices without traffic: %+v, %v", silent, err)
	}
	none, err := s.Devices(t.Context(), &store.DevicesQuery{Range: always, Agent: "no"})
	if err != nil || len(none) > 0 {
		t.Errorf("devices of nobody: %+v, %v", none, err)
	}
}

// prune: what is too old is gone, and what follows is not lost.
func prune(t *testing.T, open Open) {
	g := NewGateway(1, 13, 1000)
	for range 40 {
		g.Step()
	}
	s := open(t)
	ingest(t, s, g.Reports...)
	if err := s.Prune(t.Context(), g.Now(), store.Retention{Flows: 20 * Period}); err != nil {
		t.Fatal(err)
	}
	m := newModel(t, g.Reports)
	half := Start.Add(20 * Period)
	top := func(from, to time.Time) store.Sums {
		t.Helper()
		top, err := s.Top(t.Context(), &store.TopQuery{Range: store.Range{From: from, To: to}, By: store.ByAgent,
			Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		return top.Total
	}
	if old := top(always.From, half); old != (store.Sums{}) {
		t.Errorf("of what is too old remains %+v", old)
	}
	if _, want := m.top(store.ByAgent, half, always.To, nil); top(half, always.To) != want {
		t.Errorf("of the rest remains %+v, want %+v", top(half, always.To), want)
	}
	g.Step()
	ingest(t, s, g.Reports[40])
	if got := top(g.Now().Add(-Period), g.Now()); got.Packets == 0 {
		t.Error("nothing is stored after pruning")
	}
	if err := s.Prune(t.Context(), g.Now(), store.Retention{Bytes: 1}); err != nil {
		t.Fatal(err)
	}
	if got := top(always.From, always.To); got != (store.Sums{}) {
		t.Errorf("no byte is allowed, and %+v remain", got)
	}
}
