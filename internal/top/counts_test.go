// SPDX-License-Identifier: Apache-2.0

package top

import (
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
)

// entryOf finds a line by its key.
func entryOf(t *testing.T, list []entry, key string) entry {
	t.Helper()
	for _, e := range list {
		if e.key == key {
			return e
		}
	}
	t.Fatalf("no line %q in %v", key, list)
	return entry{}
}

func TestRates(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	for second := uint64(1); second <= 10; second++ {
		r.flow(1, record.StateUpdate, 1000*second, 3000*second, nil)
		r.sum.Bytes += 4000
		r.tick()
	}
	e := entryOf(t, r.model.current.lists[protocols], "tls")
	if e.up != 1000 || e.down != 3000 || e.packets != 13 || e.bytes != 40_000 || e.flows != 1 {
		t.Errorf("%+v", e)
	}
	if r.model.current.rate != 4000 {
		t.Errorf("%v B/s in all", r.model.current.rate)
	}
	r.tick() // a second without records: four fifths
	if e := entryOf(t, r.model.current.lists[protocols], "tls"); e.up != 800 {
		t.Errorf("after a second without packets: %v B/s", e.up)
	}
	for range 10 {
		r.tick()
	}
	if e := entryOf(t, r.model.current.lists[protocols], "tls"); e.rate() != 0 || e.bytes != 40_000 {
		t.Errorf("after ten: %+v", e)
	}
	// Late ticks cover more time.
	r.now = r.now.Add(5 * time.Second)
	r.flow(1, record.StateUpdate, 20_000, 30_000, nil)
	r.tick()
	if e := entryOf(t, r.model.current.lists[protocols], "tls"); e.up != 1000 {
		t.Errorf("10 kB in 10 s: %v B/s", e.up)
	}
	r.now = r.now.Add(-time.Hour) // the clock steps back
	r.tick()
	if e := entryOf(t, r.model.current.lists[protocols], "tls"); math.IsInf(e.up, 0) || math.IsNaN(e.up) || e.up < 0 {
		t.Errorf("%v B/s after the clock was set back", e.up)
	}
}

// TestVerdictComesLate: a verdict moves a flow's first packets to the application's row.
func TestVerdictComesLate(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.flow(1, record.StateNew, 1000, 0, func(f *record.Flow) { f.Protocol, f.Method = "quic", record.MethodPort })
	r.tick()
	entryOf(t, r.model.current.lists[applications], "[quic]")
	r.flow(1, record.StateUpdate, 3000, 0, func(f *record.Flow) { f.Protocol, f.Application = "quic", "youtube" })
	r.tick()
	list := r.model.current.lists[applications]
	if e := entryOf(t, list, "youtube"); e.bytes != 3000 || e.up != 1500 || e.flows != 1 {
		t.Errorf("%+v", e)
	}
	if len(list) != 1 {
		t.Errorf("the row before it stays: %+v", list)
	}
	r.flow(1, record.StateEnd, 3000, 0, func(f *record.Flow) { f.Protocol, f.Application = "quic", "youtube" })
	r.tick()
	if e := entryOf(t, r.model.current.lists[applications], "youtube"); e.flows != 0 || e.bytes != 3000 {
		t.Errorf("%+v", e)
	}
}

// TestFlood sends far more flows and hosts than the limits.
func TestFlood(t *testing.T) {
	r := newRig(t, 80, 24, Options{MaxFlows: 1000, MaxHosts: 100})
	r.flow(0, record.StateNew, 100, 100, nil)
	n := 0
	flood := func(count int, state record.State) {
		for range count {
			n++
			r.flow(n, state, 100, 0, func(f *record.Flow) {
				f.Client.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}),
					1)
				f.Application = fmt.Sprint("app", n)
			})
		}
	}
	var before, after runtime.MemStats
	flood(5000, record.StateNew)
	runtime.GC()
	runtime.ReadMemStats(&before)
	flood(100_000, record.StateNew)
	flood(100_000, record.StateEnd)
	runtime.GC()
	runtime.ReadMemStats(&after)
	c := r.view.counts
	if len(c.flows) > 1000 || c.live.Len()+c.ended.Len() != len(c.flows) || c.totals.Hosts.Len() > 100 ||
		c.totals.Applications.Len() > tally.MaxNames+1 {
		t.Errorf("%d flows, %d hosts, %d applications", len(c.flows), c.totals.Hosts.Len(), c.totals.Applications.Len())
	}
	if c.evictedFlows != 104_002 || c.totals.Hosts.Evicted == 0 {
		// of 205,001, 999 live on, and the ended ones made room
		t.Errorf("%d flows and %d hosts were evicted", c.evictedFlows, c.totals.Hosts.Evicted)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("%d bytes more after 200,000 flows", grown)
	}
	if e := c.entry(c.totals.Protocols.Row("tls")); e.bytes != 200+205_000*100 || e.flows != 999 {
		t.Errorf("%d bytes, %d flows", e.bytes, e.flows)
	}
	r.tick()
	if r.row("flows no longer followed") == "" {
		t.Error(r.text())
	}
	// The first flow was evicted: its totals were counted before.
	r.now = r.now.Add(time.Minute)
	r.flow(-1, record.StateNew, 1, 0, func(f *record.Flow) { f.Protocol = "clock" })
	r.flow(0, record.StateUpdate, 500, 500, func(f *record.Flow) {
		f.Protocol = "again"
		f.FirstSeen -= int64(time.Minute)
	})
	r.flow(0, record.StateUpdate, 600, 700, func(f *record.Flow) {
		f.Protocol = "again"
		f.FirstSeen -= int64(time.Minute)
	})
	r.flow(n+1, record.StateEnd, 900, 900, func(f *record.Flow) {
		f.Protocol = "gone"
		f.FirstSeen -= int64(time.Minute)
	})
	r.flow(n+2, record.StateEnd, 30, 40, func(f *record.Flow) { f.Protocol = "short" })
	r.tick()
	list := r.model.current.lists[protocols]
	if e := entryOf(t, list, "again"); e.bytes != 300 {
		t.Errorf("%d bytes counted of a flow that came back, want 300", e.bytes)
	}
	if e := entryOf(t, list, "short"); e.bytes != 70 {
		t.Errorf("%d bytes of a short flow, want 70", e.bytes)
	}
	for _, e := range list {
		if e.key == "gone" {
			t.Errorf("counted twice: %+v", e)
		}
	}
}

// TestHostComesBack: an evicted host starts anew, and no sum goes below zero.
func TestHostComesBack(t *testing.T) {
	r := newRig(t, 80, 24, Options{MaxHosts: 2})
	for round := uint64(1); round <= 5; round++ {
		for n := range 4 {
			r.flow(n, record.StateUpdate, 1000*round, 0, func(f *record.Flow) {
				f.Application = fmt.Sprint("app", round%2)
			})
		}
		r.tick()
	}
	for _, e := range r.model.current.lists[hosts] {
		if e.bytes != 1000 || e.flows != 1 {
			t.Errorf("%+v", e)
		}
		r.view.detail(r.model.current, e.host)
		if a := r.model.current.lists[hostApplications]; len(a) != 1 || a[0].bytes != 1000 {
			t.Errorf("%+v", a)
		}
	}
	if e := entryOf(t, r.model.current.lists[applications], "app1"); e.bytes != 20_000 || e.flows != 4 {
		t.Errorf("%+v", e)
	}
	for n := range 4 {
		r.flow(n, record.StateEnd, 5000, 0, func(f *record.Flow) { f.Application = "app1" })
	}
	for row := range r.view.counts.totals.Hosts.All() {
		if row.Flows != 0 {
			t.Errorf("%d flows live on", row.Flows)
		}
	}
}

// TestHostWithManyFlows: a host's list shows its busiest flows.
func TestHostWithManyFlows(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	for n := range 10_000 {
		r.flow(n*4, record.StateNew, uint64(n+1), 0, nil)
	}
	r.tick()
	r.keys("3<enter>")
	list := r.model.current.lists[hostFlows]
	if len(list) != maxShown || r.row("+8,000 less busy") == "" {
		t.Errorf("%d flows\n%s", len(list), r.text())
	}
	for _, e := range list {
		if e.bytes <= 8000 {
			t.Fatalf("a flow of %d bytes is shown instead of a larger one", e.bytes)
		}
	}
}

// BenchmarkFlow measures a record of a flow that lives on.
func BenchmarkFlow(b *testing.B) {
	v := newView(Options{Environ: []string{}})
	records := make([]record.Flow, 10_000)
	for i := range records {
		f := &records[i]
		copy(f.ID[:], fmt.Sprintf("%032x", i*7919))
		f.State, f.Protocol, f.Application, f.Hostname = record.StateUpdate, "tls", "youtube", []byte("www.example.com")
		f.Client.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 4), byte(i)}), uint16(i))
		f.Server.Addr = netip.MustParseAddrPort("198.51.100.7:443")
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f := &records[i%len(records)]
		f.Client.Bytes += 1500
		f.Client.Packets++
		v.Flow(f)
	}
}

// BenchmarkSecond measures a second of 10,000 records, with the tick, the snapshot and the screen.
func BenchmarkSecond(b *testing.B) {
	v := newView(Options{Environ: []string{}})
	m := newModel(200, 50, true, v.detail)
	records := make([]record.Flow, 10_000)
	for i := range records {
		f := &records[i]
		copy(f.ID[:], fmt.Sprintf("%032x", i*7919))
		f.State, f.Protocol, f.Application, f.Hostname = record.StateUpdate, "tls", fmt.Sprint("app", i%100),
			[]byte("www.example.com")
		f.Client.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), uint16(i))
		f.Server.Addr = netip.MustParseAddrPort("198.51.100.7:443")
	}
	now := time.Unix(1_700_000_000, 0)
	m.kind = hosts
	b.ReportAllocs()
	for b.Loop() {
		for i := range records {
			records[i].Client.Bytes += 1500
			v.Flow(&records[i])
		}
		now = now.Add(time.Second)
		v.Tick(now, Summary{})
		m.take(v.snapshot(netip.Addr{}))
		m.render()
	}
}

// TestNames: the screen shows a host's name if known; the filter still finds its address.
func TestNames(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.view.SetNames(func(a netip.Addr) string { return map[string]string{"192.0.2.2": "printer\x1b[2J"}[a.String()] })
	r.flow(1, record.StateUpdate, 1000, 3000, nil)
	r.flow(2, record.StateUpdate, 1000, 3000, nil)
	r.tick()
	var got []string
	for _, e := range r.model.current.lists[hosts] {
		got = append(got, e.name+" "+e.address)
	}
	slices.Sort(got)
	if len(got) != 2 || got[0] != "192.0.2.3 192.0.2.3" || !strings.HasPrefix(got[1], "printer") ||
		!strings.HasSuffix(got[1], " 192.0.2.2") || strings.Contains(got[1], "\x1b") {
		t.Errorf("%q", got)
	}
}
