// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
)

// Open opens a new, empty store. The test's cleanup closes it.
type Open func(t testing.TB) store.Store

// Run tries everything.
func Run(t *testing.T, open Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"any order", anyOrder},
		{"flows", flows},
		{"series", series},
		{"devices and agents", inventory},
		{"prune", prune},
		{"filters", filters},
		{"limits", limits},
		{"unknown flows", unknownFlows},
		{"refused reports", refused},
		{"concurrent use", concurrent},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open) })
	}
}

// Dimensions are all of them.
var Dimensions = []store.Dimension{store.ByApplication, store.ByProtocol, store.ByCategory, store.ByDevice,
	store.ByHost, store.ByNetwork, store.ByPort, store.ByDirection, store.ByCountry,
	store.ByASN, store.ByAgent}

// ingest stores reports, and wants no unknown flows.
func ingest(t testing.TB, s store.Store, reports ...store.Report) []string {
	t.Helper()
	unknown, err := s.Ingest(t.Context(), reports)
	if err != nil {
		t.Fatal(err)
	}
	return unknown
}

// checkTop compares an answer with the model's. The properties of a flow may change forth and back, so that it counts
// for a key more than once: of flows the counts of keys are bounds.
func checkTop(t testing.TB, s store.Store, m *model, by store.Dimension, from, to time.Time) {
	t.Helper()
	want, total := m.top(by, from, to, nil)
	q := &store.TopQuery{Range: store.Range{From: from, To: to}, By: by, Limit: 1000}
	got, err := s.Top(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	if got.Total != total {
		t.Errorf("top %s: total %+v, want %+v", by, got.Total, total)
	}
	if len(got.Rows) != len(want) {
		t.Errorf("top %s: %d rows, want %d", by, len(got.Rows), len(want))
	}
	for _, row := range got.Rows {
		w, ok := want[row.Key]
		if !ok || row.UpBytes != w.UpBytes || row.DownBytes != w.DownBytes || row.Packets != w.Packets ||
			row.Flows < w.Flows {
			t.Errorf("top %s: %q has %+v, want %+v", by, row.Key, row.Sums, w)
		}
	}
	isSorted := slices.IsSortedFunc(got.Rows, func(a, b store.TopRow) int {
		return int(b.UpBytes+b.DownBytes) - int(a.UpBytes+a.DownBytes)
	})
	if !isSorted {
		t.Errorf("top %s: not sorted: %+v", by, got.Rows)
	}
}

// anyOrder: the order in which reports come, in which batches, and how often, changes nothing.
func anyOrder(t *testing.T, open Open) {
	for seed := range uint64(3) {
		g, other := NewGateway(1, seed, 12), NewGateway(2, seed, 1000)
		for range 24 {
			g.Step()
			other.Step()
		}
		m := newModel(t, g.Reports, other.Reports)
		random := rand.New(rand.NewPCG(seed, 0))
		all := slices.Concat(g.Reports, other.Reports)
		if seed > 0 {
			random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		}
		s := open(t)
		for rest := all; len(rest) > 0; {
			n := min(1+random.IntN(6), len(rest))
			batch := slices.Clone(rest[:n])
			if i := random.IntN(len(all)); i < len(all)-len(rest) {
				batch = append(batch, all[i]) // again
			}
			ingest(t, s, batch...)
			rest = rest[n:]
		}
		times := m.times()
		for _, by := range Dimensions {
			checkTop(t, s, m, by, Start, g.Now())
			i := random.IntN(len(times))
			j := i + random.IntN(len(times)-i)
			checkTop(t, s, m, by, time.Unix(0, times[i]+1-int64(Period)), time.Unix(0, times[j]+1))
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
