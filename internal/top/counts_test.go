// SPDX-License-Identifier: Apache-2.0

package top

import (
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
)

// list returns a list of all traffic, or of a scope.
func (r *rig) list(kind int, scope ...condition) []entry {
	return r.view.read(&query{kind: kind, scope: scope, spark: 60, points: 60}).list
}

// entryOf finds a line by its key.
func entryOf(t *testing.T, list []entry, key string) entry {
	t.Helper()
	for _, e := range list {
		if e.key == key {
			return e
		}
	}
	t.Fatalf("no line %q in %+v", key, list)
	return entry{}
}

func TestRates(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	for second := uint64(1); second <= 10; second++ {
		r.flow(1, record.StateUpdate, 1000*second, 3000*second, nil)
		r.sum.Bytes += 4000
		r.tick()
	}
	e := entryOf(t, r.list(protocols), "tls")
	if e.up != 1000 || e.down != 3000 || e.packets != 13 || e.bytes.Sum() != 40_000 || e.flows != 1 {
		t.Errorf("%+v", e)
	}
	if r.model.current.up != 4000 {
		t.Errorf("%v B/s in all", r.model.current.up)
	}
	r.tick() // a second without records: four fifths
	if e := entryOf(t, r.list(protocols), "tls"); e.up != 800 {
		t.Errorf("after a second without packets: %v B/s", e.up)
	}
	for range 10 {
		r.tick()
	}
	if e := entryOf(t, r.list(protocols), "tls"); e.rate() != 0 || e.bytes.Sum() != 40_000 {
		t.Errorf("after ten: %+v", e)
	}
	// Late ticks cover more time.
	r.now = r.now.Add(5 * time.Second)
	r.flow(1, record.StateUpdate, 20_000, 30_000, nil)
	r.tick()
	if e := entryOf(t, r.list(protocols), "tls"); e.up != 1000 {
		t.Errorf("10 kB in 10 s: %v B/s", e.up)
	}
	r.now = r.now.Add(-time.Hour) // the clock steps back
	r.tick()
	if e := entryOf(t, r.list(protocols), "tls"); math.IsInf(e.up, 0) || math.IsNaN(e.up) || e.up < 0 {
		t.Errorf("%v B/s after the clock was set back", e.up)
	}
}

// trailSum returns the bytes of a line's sparkline of five minutes.
func trailSum(e entry) (sum float64) {
	for i, v := range e.spark {
		seconds := 5.0
		if i == len(e.spark)-1 {
			seconds = float64(1_700_000_000 % 5)
		}
		sum += v * max(seconds, 1)
	}
	return sum
}

// TestVerdictComesLate: a verdict moves a flow's first packets to the application's row.
func TestVerdictComesLate(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.flow(1, record.StateNew, 1000, 0, func(f *record.Flow) { f.Protocol, f.Method = "quic", record.MethodPort })
	r.tick()
	entryOf(t, r.list(applications), "[quic]")
	r.flow(1, record.StateUpdate, 3000, 0, func(f *record.Flow) { f.Protocol, f.Application = "quic", "youtube" })
	r.tick()
	list := r.list(applications)
	if e := entryOf(t, list, "youtube"); e.bytes.Sum() != 3000 || e.up != 1500 || e.flows != 1 || trailSum(e) == 0 {
		t.Errorf("%+v", e)
	}
	if len(list) != 1 {
		t.Errorf("the row before it stays: %+v", list)
	}
	r.flow(1, record.StateEnd, 3000, 0, func(f *record.Flow) { f.Protocol, f.Application = "quic", "youtube" })
	r.tick()
	if e := entryOf(t, r.list(applications), "youtube"); e.flows != 0 || e.bytes.Sum() != 3000 {
		t.Errorf("%+v", e)
	}
}

// TestServerInTheLAN: what a device sends is up, whoever began.
func TestServerInTheLAN(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.flow(1, record.StateNew, 100, 7000, func(f *record.Flow) {
		f.Client.Side, f.Server.Side, f.Server.MAC = record.SideWAN, record.SideLAN, [6]byte{2, 0, 0, 0, 0, 9}
	})
	r.tick()
	if e := entryOf(t, r.list(devicesList), "02:00:00:00:00:09"); e.bytes.Bytes != [2]uint64{7000, 100} ||
		e.addresses != "198.51.100.7" {
		t.Errorf("%+v", e)
	}
	entryOf(t, r.list(destinationsList), "192.0.2.2")
}

// TestScope: each list under conditions adds up the flows that all of them select.
func TestScope(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	r.household()
	netflix := condition{by: tally.ByApplication, key: "netflix"}
	e := entryOf(t, r.list(devicesList, netflix), "02:00:00:00:00:02")
	if e.name != "Küche 客厅" || e.bytes.Sum() != 2*21*6*10_000 || e.flows != 1 || trailSum(e) == 0 {
		t.Errorf("%+v", e)
	}
	if list := r.list(devicesList, netflix); len(list) != 2 {
		t.Errorf("%+v", list)
	}
	device := condition{by: tally.ByDevice, key: "02:00:00:00:00:02"}
	for kind, want := range [kinds]int{1, 1, 1, 1, 1, 1, 1} {
		if list := r.list(kind, netflix, device); len(list) != want {
			t.Errorf("list %d: %+v", kind, list)
		}
	}
	if list := r.list(flows, netflix, condition{by: tally.ByProtocol, key: "ssh"}); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

// TestJoin: what an agent remembers counts once: flows that ended by its last hour, living ones by their records.
func TestJoin(t *testing.T) {
	r := newRig(t, 80, 24, Options{Joined: true})
	start := r.now.Unix() - 600
	r.view.Seed(&tally.Past{Start: start, StepSeconds: 10, Steps: make([]tally.Step, 61),
		Minutes: []tally.Minute{
			{Start: start, Applications: []tally.Sum{{Name: "old", Bytes: [2]uint64{100, 900}, Flows: 1}}},
			{Start: start + 480, Applications: []tally.Sum{{Name: "old", Bytes: [2]uint64{0, 500}, Flows: 1}}}}}, r.now)
	age := func(name string, first, last time.Duration) func(*record.Flow) {
		return func(f *record.Flow) {
			f.Application = name
			f.FirstSeen, f.LastSeen = r.now.Add(-first).UnixNano(), r.now.Add(-last).UnixNano()
		}
	}
	past := func(n int, state record.State, up uint64, change func(*record.Flow)) {
		r.sends = func(f *record.Flow) error { r.view.Past(f); return nil }
		r.flow(n, state, up, 0, change)
		r.sends = r.view.Flow
	}
	past(1, record.StateEnd, 500, age("old", 120*time.Second, 100*time.Second))
	past(2, record.StateUpdate, 1000, age("living", 100*time.Second, 50*time.Second))
	past(2, record.StateUpdate, 2000, age("living", 100*time.Second, 0))
	past(3, record.StateUpdate, 300, age("old", 200*time.Second, 150*time.Second))
	past(3, record.StateEnd, 500, age("old", 200*time.Second, 140*time.Second))
	past(3, record.StateEnd, 500, age("old", 200*time.Second, 140*time.Second))
	r.flow(1, record.StateEnd, 500, 0, age("old", 120*time.Second, 100*time.Second)) // came twice
	r.flow(4, record.StateUpdate, 7000, 0, age("late", 2*time.Second, 0))            // began before this view
	r.tick()
	for name, want := range map[string]uint64{"old": 1500, "living": 2000, "late": 7000} {
		e := entryOf(t, r.list(applications), name)
		if e.bytes.Sum() != want || e.rate() != 0 || name != "old" && trailSum(e) == 0 {
			t.Errorf("%s: %+v", name, e)
		}
	}
	r.flow(2, record.StateUpdate, 2500, 0, age("living", 100*time.Second, 0))
	r.tick()
	if e := entryOf(t, r.list(applications), "living"); e.bytes.Sum() != 2500 || e.up != 250 || e.flows != 1 {
		t.Errorf("%+v", e)
	}
	if e := entryOf(t, r.list(applications), "old"); e.flows != 0 {
		t.Errorf("%+v", e)
	}
	if list := r.list(flows); len(list) != 4 {
		t.Errorf("%d flows", len(list))
	}
	if s := r.model.current; s.up != 250 || s.live != 2 {
		t.Errorf("%v B/s, %d flows", s.up, s.live)
	}
}

// TestFlood sends far more flows and hosts than the limits.
func TestFlood(t *testing.T) {
	r := newRig(t, 80, 24, Options{MaxFlows: 1000, MaxRows: 100})
	r.flow(0, record.StateNew, 100, 100, nil)
	n := 0
	flood := func(count int, state record.State) {
		for range count {
			n++
			r.flow(n, state, 100, 0, func(f *record.Flow) {
				f.Client.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}),
					1)
				f.Application, f.Client.MAC[1] = fmt.Sprint("app", n), byte(n%10)
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
	if len(c.flows) > 1000 || c.live.Len()+c.ended.Len() != len(c.flows) {
		t.Errorf("%d flows", len(c.flows))
	}
	for by, table := range c.tables {
		if len(table.rows) > 100 || table.byUse.Len() != len(table.rows) {
			t.Errorf("%d rows of list %d", len(table.rows), by)
		}
		for _, row := range table.rows {
			if row.flows < 0 || len(row.addresses) > maxAddresses {
				t.Errorf("%d flows, %d addresses", row.flows, len(row.addresses))
			}
		}
	}
	if c.evictedFlows != 104_002 || c.tables[applications].evicted == 0 {
		// of 205,001, 999 live on, and the ended ones made room
		t.Errorf("%d flows and %d rows were evicted", c.evictedFlows, c.tables[applications].evicted)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("%d bytes more after 200,000 flows", grown)
	}
	if e := entryOf(t, r.list(protocols), "tls"); e.bytes.Sum() != 200+205_000*100 || e.flows != 999 {
		t.Errorf("%d bytes, %d flows", e.bytes.Sum(), e.flows)
	}
	r.tick()
	if r.row("flows no longer followed") == "" {
		t.Error(r.text())
	}
}

// TestFlowComesBack: of an evicted flow only the growth counts.
func TestFlowComesBack(t *testing.T) {
	r := newRig(t, 80, 24, Options{MaxFlows: 2})
	for n := range 4 {
		r.flow(n, record.StateNew, 100, 100, nil)
	}
	old := func(name string) func(*record.Flow) {
		return func(f *record.Flow) { f.Protocol, f.FirstSeen = name, f.FirstSeen-int64(time.Minute) }
	}
	r.now = r.now.Add(time.Minute)
	r.flow(-1, record.StateNew, 1, 0, func(f *record.Flow) { f.Protocol = "clock" })
	r.flow(0, record.StateUpdate, 500, 500, old("again"))
	r.flow(0, record.StateUpdate, 600, 700, old("again"))
	r.flow(11, record.StateEnd, 900, 900, old("gone"))
	r.flow(12, record.StateEnd, 30, 40, func(f *record.Flow) { f.Protocol = "short" })
	r.tick()
	list := r.list(protocols)
	if e := entryOf(t, list, "again"); e.bytes.Sum() != 300 {
		t.Errorf("%d bytes counted of a flow that came back, want 300", e.bytes.Sum())
	}
	if e := entryOf(t, list, "short"); e.bytes.Sum() != 70 {
		t.Errorf("%d bytes of a short flow, want 70", e.bytes.Sum())
	}
	for _, e := range list {
		if e.key == "gone" {
			t.Errorf("counted twice: %+v", e)
		}
	}
}

// TestRowComesBack: an evicted row starts anew, and no sum goes below zero.
func TestRowComesBack(t *testing.T) {
	r := newRig(t, 80, 24, Options{MaxRows: 2})
	for round := uint64(1); round <= 5; round++ {
		for n := range 4 {
			r.flow(n, record.StateUpdate, 1000*round, 0, func(f *record.Flow) {
				f.Application = fmt.Sprint("app", round%2)
			})
		}
		r.tick()
	}
	for _, e := range r.list(devicesList) {
		if e.bytes.Sum() != 1000 || e.flows != 1 {
			t.Errorf("%+v", e)
		}
	}
	if e := entryOf(t, r.list(applications), "app1"); e.bytes.Sum() != 20_000 || e.flows != 4 {
		t.Errorf("%+v", e)
	}
	for n := range 4 {
		r.flow(n, record.StateEnd, 5000, 0, func(f *record.Flow) { f.Application = "app1" })
	}
	for _, row := range r.view.counts.tables[devicesList].rows {
		if row.flows != 0 {
			t.Errorf("%d flows live on", row.flows)
		}
	}
}

// TestManyFlows: a list shows the busiest flows.
func TestManyFlows(t *testing.T) {
	r := newRig(t, 80, 24, Options{})
	for n := range 10_000 {
		r.flow(n*4, record.StateNew, uint64(n+1), 0, nil)
	}
	r.tick()
	r.keys("4<enter>7")
	list := r.model.current.list
	if len(list) != maxShown || r.row("+8,000 less") == "" {
		t.Errorf("%d flows\n%s", len(list), r.text())
	}
	for _, e := range list {
		if e.bytes.Sum() <= 8000 {
			t.Fatalf("a flow of %d bytes is shown instead of a larger one", e.bytes.Sum())
		}
	}
}

// TestEndedFlowsLeave: a flow that has ended stays for five minutes.
func TestEndedFlowsLeave(t *testing.T) {
	r := newRig(t, 120, 24, Options{})
	r.flow(1, record.StateNew, 100, 100, nil)
	r.flow(1, record.StateEnd, 100, 100, func(f *record.Flow) { f.Hostname = []byte("ended.example") })
	r.keys("7")
	for range endedTicks {
		r.tick()
	}
	if got := r.row("ended.example"); got == "" {
		t.Error(r.text())
	}
	r.tick()
	if got := r.row("ended.example"); got != "" {
		t.Errorf("%q is still there", got)
	}
}

// BenchmarkFlow measures a record of a flow that lives on.
func BenchmarkFlow(b *testing.B) {
	v := newView(Options{Environ: []string{}})
	records := benchmarkRecords(b)
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
	m := newModel(200, 50, v.style, v)
	m.kind = flows
	records := benchmarkRecords(b)
	now := time.Unix(1_700_000_000, 0)
	b.ReportAllocs()
	for b.Loop() {
		for i := range records {
			f := &records[i]
			f.Client.Bytes += 1500
			f.Client.Packets++
			v.Flow(f)
		}
		now = now.Add(time.Second)
		v.Tick(now, Summary{})
		m.refresh()
		m.render()
	}
}

func benchmarkRecords(b *testing.B) []record.Flow {
	b.Helper()
	records := make([]record.Flow, 10_000)
	for i := range records {
		f := &records[i]
		copy(f.ID[:], fmt.Sprintf("%032x", i*7919))
		f.State, f.Protocol, f.Application, f.Hostname = record.StateUpdate, "tls", fmt.Sprint("app", i%100),
			[]byte("www.example.com")
		f.Client.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), uint16(i))
		f.Server.Addr = netip.MustParseAddrPort("198.51.100.7:443")
	}
	return records
}
