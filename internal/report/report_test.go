// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/hex"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// at is a moment of these tests: seconds after the begin.
func at(seconds int) Instant {
	return Instant{Wall: 1_700_000_000e9 + int64(seconds)*1e9, Monotonic: 5e9 + int64(seconds)*1e9}
}

func newReporter(maxFlows int) *Reporter {
	r := New(Config{Agent: ID{1}, Version: "test", Epoch: ID{2}, MaxFlows: maxFlows})
	r.Begin(at(0), "01234567-89ab-cdef-0123-456789abcdef")
	return r
}

// testFlow returns a flow's first record.
func testFlow(n int) *record.Flow {
	f := &record.Flow{
		CommunityID: []byte("1:" + strings.Repeat("A", 27) + "="), State: record.StateNew, Interface: "lan0",
		IPVersion: 4, Proto: packet.ProtoTCP,
		Client: record.Endpoint{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, byte(n >> 8), byte(n)}),
			40000), MAC: [6]byte{2, 0, 0, 0, byte(n >> 8), byte(n)}, Packets: 3, Bytes: 300, Side: record.SideLAN},
		Server: record.Endpoint{Addr: netip.MustParseAddrPort("203.0.113.7:443"), Packets: 2, Bytes: 1200,
			Side: record.SideWAN},
		Direction: record.DirectionOutbound, Protocol: "tls", Application: "example", Category: "web",
		Hostname: []byte("www.example.com"), Method: record.MethodDPI, ApplicationMethod: record.ByHost,
		FirstSeen: at(1).Wall, LastSeen: at(2).Wall,
		Info: []byte(`"tls":{"version":"1.3","sni":"www.example.com"}`),
	}
	var id [16]byte
	id[0], id[1], id[2], id[15] = byte(n>>16), byte(n>>8), byte(n), 7
	hex.Encode(f.ID[:], id[:])
	return f
}

// state is the agent's state after so many seconds.
func state(seconds int) *State {
	s := &State{At: at(seconds), Mode: "ebpf", Uptime: time.Duration(seconds) * time.Second}
	s.Counters.Add(metric.Packets, uint64(seconds))
	return s
}

// TestOnce: what is known of a flow travels once.
func TestOnce(t *testing.T) {
	r, s := newReporter(100), newSink(t, true)
	f := testFlow(1)
	r.Flow(f)
	s.take(r.Close(state(15)))
	f.State, f.LastSeen = record.StateUpdate, at(20).Wall
	f.Client.Packets, f.Client.Bytes = 10, 1000
	r.Flow(f)
	line := string(r.Close(state(30)))
	const want = `"flows":[{"type":"flow_delta","id":"00000100000000000000000000000007","state":"update",` +
		`"last_seen":"2023-11-14T22:13:40.000000000Z","client":{"packets":7,"bytes":700}}]}`
	if !strings.HasSuffix(line, want+"\n") {
		t.Errorf("got  %s\nwant …%s", line, want)
	}
	s.take([]byte(line))
	s.holds(f)
	f.State, f.EndReason, f.Application, f.Risks = record.StateEnd, record.EndClosed, "other", 1
	r.Flow(f)
	s.take(r.Close(state(45)))
	s.holds(f)
	if s.wholes != 1 || s.deltas != 2 {
		t.Errorf("%d whole records, %d deltas", s.wholes, s.deltas)
	}
	if line := string(r.Close(state(60))); !strings.HasSuffix(line, `"flows":[]}`+"\n") {
		t.Errorf("nothing has changed, but: %s", line)
	}
	if n := len(r.memory.slots); n != 0 {
		t.Errorf("%d ended flows are remembered", n)
	}
}

// TestOncePerReport: several records of a flow in an interval are one in the report, the last one.
func TestOncePerReport(t *testing.T) {
	r, s := newReporter(100), newSink(t, true)
	f := testFlow(1)
	for i := range 5 {
		f.Client.Packets += uint64(i)
		r.Flow(f)
		r.Flow(testFlow(2))
	}
	s.take(r.Close(state(15)))
	s.holds(f)
	f.State, f.Protocol = record.StateUpdate, "quic"
	r.Flow(f)
	f.Protocol = "tls" // as it was in the last report
	f.Server.Bytes += 50
	r.Flow(f)
	f.State, f.Category = record.StateEnd, ""
	r.Flow(f)
	s.take(r.Close(state(30)))
	s.holds(f)
	if s.wholes != 2 || s.deltas != 1 {
		t.Errorf("%d whole records, %d deltas", s.wholes, s.deltas)
	}
}

// TestWhole: a change that a delta can't express comes as a whole record.
func TestWhole(t *testing.T) {
	for name, change := range map[string]func(*record.Flow){
		"other ends":        func(f *record.Flow) { f.Client, f.Server = f.Server, f.Client },
		"lower count":       func(f *record.Flow) { f.Server.Bytes-- },
		"no findings":       func(f *record.Flow) { f.Info = nil },
		"no risks":          func(f *record.Flow) { f.Risks = 0 },
		"not tracked":       func(f *record.Flow) { f.Conntrack = record.Conntrack{} },
		"another interface": func(f *record.Flow) { f.Interface = "lan1" },
	} {
		t.Run(name, func(t *testing.T) {
			r, s := newReporter(100), newSink(t, true)
			f := testFlow(1)
			f.Risks, f.Conntrack = 1, record.Conntrack{ID: 9, IsTracked: true}
			r.Flow(f)
			s.take(r.Close(state(15)))
			change(f)
			r.Flow(f)
			f.Client.Bytes += 5
			r.Flow(f)
			s.take(r.Close(state(30)))
			s.holds(f)
			if s.wholes != 2 {
				t.Errorf("%d whole records", s.wholes)
			}
			f.Client.Bytes += 5
			r.Flow(f)
			s.take(r.Close(state(45)))
			s.holds(f)
			if s.deltas != 1 {
				t.Errorf("%d deltas", s.deltas)
			}
		})
	}
}

// mutate changes a record as time does.
func mutate(rng *rand.Rand, f *record.Flow) {
	f.LastSeen += rng.Int64N(1e9)
	f.Client.Packets += rng.Uint64N(5)
	f.Client.Bytes += rng.Uint64N(5000)
	f.Server.Packets += rng.Uint64N(5)
	f.Server.Bytes += rng.Uint64N(5000)
	if f.State == record.StateNew {
		f.State = record.StateUpdate
	}
	for _, change := range []func(){
		func() { f.Protocol = []string{"", "tls", "quic", "dns"}[rng.IntN(4)] },
		func() { f.Application = []string{"", "a", "b"}[rng.IntN(3)] },
		func() { f.Hostname = []byte([]string{"", "a.example", "b.example"}[rng.IntN(3)]) },
		func() { f.Risks = record.Risks(rng.IntN(4)) },
		func() { f.Info = []byte([]string{"", `"tls":{"a":1}`, `"dns":{"b":2},"x":{"c":true}`}[rng.IntN(3)]) },
		func() { f.Server.MAC[5] = byte(rng.IntN(2)) },
		func() { f.Server.Side = record.Side(rng.IntN(3)) },
		func() { f.Conntrack.IsTracked, f.Conntrack.ID = rng.IntN(2) == 0, rng.Uint32N(3) },
		func() {
			f.NAT = record.NAT{Kind: record.NATKind(rng.IntN(2)), Client: f.Client.Addr, Server: f.Server.Addr}
		},
		func() { f.FirstSeen += rng.Int64N(1e9) },
		func() { f.Client, f.Server = f.Server, f.Client },
		func() { f.Client.Bytes -= rng.Uint64N(f.Client.Bytes + 1) },
		func() { f.State, f.EndReason = record.StateEnd, record.EndIdle },
	} {
		if rng.IntN(20) == 0 {
			change()
		}
	}
}

// TestSums: whatever happens to flows, whichever of their records are lost on the way, however few of them the Reporter
// remembers, and whenever intervals end: the reports tell of each flow what its last record that came tells.
func TestSums(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		maxFlows := 1 + rng.IntN(40)
		r, s := newReporter(maxFlows), newSink(t, seed < 3)
		lost := rng.IntN(3) * 20 // percent
		live, came := map[int]*record.Flow{}, map[int]*record.Flow{}
		seconds := 0
		end := func() {
			seconds++
			s.take(r.Close(state(seconds)))
			for _, f := range came {
				s.holds(f)
			}
		}
		for range 300 {
			n := rng.IntN(30)
			f := live[n]
			if f == nil || f.State == record.StateEnd && rng.IntN(2) == 0 {
				f = testFlow(n)
			}
			live[n] = f
			mutate(rng, f)
			if rng.IntN(100) < lost {
				continue
			}
			if r.IsFull() {
				end()
			}
			r.Flow(f)
			came[n] = f.Clone()
			if rng.IntN(20) == 0 {
				end()
			}
		}
		end()
		if t.Failed() {
			t.Fatalf("seed %d, %d flows remembered", seed, maxFlows)
		}
		checkMemory(t, r)
	}
}

// checkMemory holds the memory to its own rules: each slot is in the list or free.
func checkMemory(t *testing.T, r *Reporter) {
	t.Helper()
	m := &r.memory
	n := 0
	for i := m.newest; i != nobody; i = m.flows[i].older {
		if n++; m.slots[m.flows[i].key] != i {
			t.Fatalf("slot %d is not that of its flow", i)
		}
	}
	if n != len(m.slots) || n+len(m.free) != len(m.flows) || len(m.flows) > m.most {
		t.Errorf("%d slots in the list, %d flows, %d free of %d", n, len(m.slots), len(m.free), len(m.flows))
	}
}

// TestForgotten: a Reporter with more flows than it may remember reports the oldest whole again, and counts them.
func TestForgotten(t *testing.T) {
	const most = 10
	r, s := newReporter(most), newSink(t, true)
	for round := range 3 {
		for n := range 2 * most {
			if r.IsFull() {
				s.take(r.Close(state(round)))
			}
			f := testFlow(n)
			f.Client.Bytes += uint64(round)
			r.Flow(f)
		}
	}
	s.take(r.Close(state(45)))
	var counters metric.Snapshot
	r.Collect(&counters)
	if s.wholes != 6*most || s.deltas != 0 || counters[metric.ReportedFlowsForgotten] != 5*most {
		t.Errorf("%d whole records, %d deltas, %d flows forgotten", s.wholes, s.deltas,
			counters[metric.ReportedFlowsForgotten])
	}
	f := testFlow(2*most - 1)
	f.Client.Bytes += 2
	s.holds(f)
}

// TestForget: after Forget each flow is whole once more, when a report tells of it; the sums stay right.
func TestForget(t *testing.T) {
	r, s := newReporter(100), newSink(t, true)
	one, two := testFlow(1), testFlow(2)
	r.Flow(one)
	r.Flow(two)
	s.take(r.Close(state(15)))
	one.Client.Bytes += 10
	r.Flow(one)
	r.Forget() // too late for the record that has come
	s.take(r.Close(state(30)))
	if s.wholes != 2 || s.deltas != 1 {
		t.Errorf("%d whole records, %d deltas", s.wholes, s.deltas)
	}
	r.Forget()
	for range 2 {
		one.Client.Bytes += 10
		two.Client.Bytes += 20
		r.Flow(one)
		r.Flow(two)
		s.take(r.Close(state(45)))
	}
	if s.wholes != 4 || s.deltas != 3 {
		t.Errorf("%d whole records, %d deltas", s.wholes, s.deltas)
	}
	s.holds(one)
	s.holds(two)
}

// TestIdentify: a report has the identity and the number that its Reporter was given last.
func TestIdentify(t *testing.T) {
	r := New(Config{Version: "test", MaxFlows: 10})
	r.Identify(ID{7}, ID{8}, 41)
	r.Close(state(15))
	line := string(r.Close(state(30)))
	if want := `"agent":{"id":"07` + strings.Repeat("0", 30) + `","version":"test"},"epoch":"08` +
		strings.Repeat("0", 30) + `","sequence":42,`; !strings.Contains(line, want) {
		t.Errorf("no %s\nin %s", want, line)
	}
}

// TestIsFull: a report's limits make its interval end; a Reporter whose caller does not look keeps working.
func TestIsFull(t *testing.T) {
	r := newReporter(MaxFlows + 100)
	f := testFlow(1)
	f.Info = []byte(`"x":{"a":"` + strings.Repeat("a", 1000) + `"}`)
	r.Flow(f)
	one := len(r.flows)
	for range (MaxFlowBytes-1)/one - 1 {
		r.Flow(f) // what it replaces takes room, too
	}
	if r.IsFull() {
		t.Errorf("full at %d bytes", len(r.flows))
	}
	r.Flow(f)
	r.Flow(f)
	if !r.IsFull() {
		t.Errorf("not full at %d bytes", len(r.flows))
	}
	if line := r.Close(state(1)); len(line) > 2*one || r.IsFull() {
		t.Errorf("%d bytes of one flow; still full: %v", len(line), r.IsFull())
	}
	for n := range MaxFlows {
		if r.IsFull() {
			t.Fatalf("full at %d flows", n)
		}
		short := testFlow(n)
		short.Info, short.Hostname, short.Application, short.Category, short.ApplicationMethod = nil, nil, "", "", 0
		short.CommunityID, short.Client.MAC, short.Interface = nil, [6]byte{}, ""
		r.Flow(short)
	}
	if !r.IsFull() {
		t.Errorf("not full with %d flows", MaxFlows)
	}
	few := newReporter(2)
	for n := range 10 {
		ended := testFlow(n)
		ended.State = record.StateEnd
		few.Flow(ended)
	}
	few.Close(state(1))
	checkMemory(t, few)
}

// TestState: a report has the growth of counters, interfaces and processes since the last one.
func TestState(t *testing.T) {
	r, s := newReporter(10), newSink(t, true)
	now := state(15)
	lan := Interface{Index: 2, Name: "lan0", Role: "lan", Received: Link{Packets: 100, Bytes: 1000, Missed: 7},
		Sent: Link{Packets: 50, Bytes: 500}}
	r.Watch([]Interface{lan})
	lan.Received.Packets, lan.Received.Dropped = 110, 1
	now.Interfaces = []Interface{lan, {Index: 3, Name: "wan0", Role: "wan", Received: Link{Packets: 9}}}
	now.Processes = []Process{{Name: "agent", UserTime: 2 * time.Second, Resident: 5 << 20}}
	now.Counters.Add(metric.Uncounted, 3)
	now.Goroutines = 8
	now.Queues = []Queue{{"handovers", 1, 3, 4}, {"report", 2, 0, 9}}
	now.Clock = &Clock{IsKnown: true, IsSynchronised: true, EstimatedError: 15 * time.Microsecond,
		MaximumError: 2 * time.Millisecond}
	first := string(r.Close(now))
	s.take([]byte(first))
	for _, want := range []string{
		`"sequence":1,"period":{"begin":"2023-11-14T22:13:20.000000000Z","end":"2023-11-14T22:13:35.000000000Z",` +
			`"begin_monotonic_ns":5000000000,"end_monotonic_ns":20000000000,` +
			`"boot_id":"01234567-89ab-cdef-0123-456789abcdef"}`,
		`"health":{"mode":"ebpf","uptime_ms":15000,"goroutines":8,"processes":[{"name":"agent",` +
			`"user_cpu_us":2000000,"system_cpu_us":0,"resident_bytes":5242880}],"counters":[` +
			`{"name":"weir_packets_total","more":15},` +
			`{"name":"weir_capture_lost_packets_total","cause":"uncounted","more":3}],` +
			`"queues":[{"name":"handovers","length":1,"peak":3,"limit":4},` +
			`{"name":"report","length":2,"peak":2,"limit":9}],` +
			`"clock":{"synchronised":true,"estimated_error_us":15,"maximum_error_us":2000}}`,
		`"interfaces":[{"name":"lan0","index":2,"role":"lan","received":{"packets":10,"bytes":0,"dropped":1},` +
			`"sent":{"packets":0,"bytes":0}},{"name":"wan0","index":3,"role":"wan",` +
			`"received":{"packets":0,"bytes":0},"sent":{"packets":0,"bytes":0}}]`,
	} {
		if !strings.Contains(first, want) {
			t.Errorf("no %s\nin %s", want, first)
		}
	}
	next := state(30)
	next.Counters.Add(metric.Uncounted, 3)
	next.Processes = []Process{{Name: "agent", UserTime: 5 * time.Second}}
	lan.Received = Link{Packets: 4} // it has begun anew
	next.Interfaces, next.IsLast = []Interface{lan}, true
	next.Uplink = &Uplink{Queued: 2, SpoolBytes: 900, Refused: 1, Lost: []Lost{{ID{3}, 4, 9, 5}, {ID{2}, 1, 1, 1}}}
	offset := -3 * time.Second
	next.Clock = &Clock{Steps: 2, Stepped: -time.Hour, Suspended: time.Minute, SinkOffset: &offset}
	second := string(r.Close(next))
	s.take([]byte(second))
	for _, want := range []string{`"counters":[{"name":"weir_packets_total","more":15}]`, `"user_cpu_us":3000000,`,
		`"received":{"packets":4,"bytes":0}`, `"last":true`, `"sequence":2,`, `"queues":[],`,
		`"clock":{"steps":2,"stepped_ms":-3600000,"suspended_ms":60000,"sink_offset_ms":-3000},`,
		`"uplink":{"queued":2,"spool_bytes":900,"refused":1,"lost":[{"epoch":"03` + strings.Repeat("0", 30) +
			`","first":4,"last":9,"count":5},{"epoch":"02` + strings.Repeat("0", 30) +
			`","first":1,"last":1,"count":1}]}`} {
		if !strings.Contains(second, want) {
			t.Errorf("no %s\nin %s", want, second)
		}
	}
	third := state(45)
	third.Clock = next.Clock
	third.Clock.SinkOffset = nil
	line := r.Close(third)
	if s.take(line); strings.Contains(string(line), `"clock"`) {
		t.Errorf("a clock of which nothing is known in %s", line)
	}
}

// TestTotals: the rows of each total add up to what the report's flows have more.
func TestTotals(t *testing.T) {
	r, s := newReporter(100), newSink(t, true)
	a, b := testFlow(1), testFlow(2)
	b.Protocol, b.Application = "dns", ""
	r.Flow(a)
	r.Flow(b)
	s.take(r.Close(state(15)))
	a.Client.Bytes, a.Server.Packets, b.Client.Packets = 350, 4, 5
	r.Flow(a)
	a.Client.Bytes++
	r.Flow(a)
	r.Flow(b)
	line := string(r.Close(state(30)))
	s.take([]byte(line))
	const want = `"totals":{"protocols":[{"name":"dns","flows":1,"packets":2,"client_bytes":0,"server_bytes":0},` +
		`{"name":"tls","flows":1,"packets":2,"client_bytes":51,"server_bytes":0}],` +
		`"applications":[{"flows":1,"packets":2,"client_bytes":0,"server_bytes":0},` +
		`{"name":"example","flows":1,"packets":2,"client_bytes":51,"server_bytes":0}],` +
		`"categories":[{"name":"web","flows":2,"packets":4,"client_bytes":51,"server_bytes":0}]}`
	if !strings.Contains(line, want) {
		t.Errorf("no %s\nin %s", want, line)
	}
}

// TestAllocations: in the long run neither a flow nor a report allocates.
func TestAllocations(t *testing.T) {
	const flows = 1000
	r := newReporter(2 * flows)
	all := make([]*record.Flow, flows)
	for n := range all {
		all[n] = testFlow(n)
	}
	now := state(15)
	now.Interfaces, now.Processes = []Interface{{Index: 1, Name: "lan0"}}, []Process{{Name: "agent"}}
	interval := func() {
		for n, f := range all {
			f.Client.Bytes++
			if f.State = record.StateUpdate; n%10 == 0 {
				f.State = record.StateEnd
			}
			r.Flow(f)
		}
		r.Close(now)
	}
	interval()
	interval()
	if n := testing.AllocsPerRun(20, interval); n > 20 {
		t.Errorf("%v allocations for a report of %d flows", n, flows)
	}
}

// TestReuse: after a large report a small one gives its memory back.
func TestReuse(t *testing.T) {
	r := newReporter(MaxFlows)
	for n := range 5000 {
		r.Flow(testFlow(n))
	}
	r.Close(state(15))
	large := cap(r.out)
	for i := range 3 {
		r.Close(state(30 + i))
	}
	if large < keepBytes || cap(r.out)+cap(r.flows) > keepBytes {
		t.Errorf("buffers of %d and %d bytes after one of %d", cap(r.out), cap(r.flows), large)
	}
}

func BenchmarkReport(b *testing.B) {
	const flows = 10_000
	all := make([]*record.Flow, flows)
	for n := range all {
		all[n] = testFlow(n)
	}
	for _, kind := range []string{"deltas", "whole"} {
		b.Run(kind, func(b *testing.B) {
			r := newReporter(2 * flows)
			now := state(15)
			bytes := 0
			b.ReportAllocs()
			for b.Loop() {
				for _, f := range all {
					f.Client.Bytes += 1000
					f.State = record.StateUpdate
					if kind == "whole" {
						f.State = record.StateEnd
					}
					r.Flow(f)
				}
				bytes = len(r.Close(now))
			}
			b.ReportMetric(float64(bytes)/flows, "bytes/flow")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/flows, "ns/flow")
		})
	}
}

// TestResume: a flow that an earlier Reporter has reported travels whole once more, and totals have its growth only.
func TestResume(t *testing.T) {
	r := newReporter(10)
	f := testFlow(1)
	r.Resume(f.ID, f.Counts())
	f.State = record.StateUpdate
	f.Client.Packets, f.Client.Bytes = f.Client.Packets+2, f.Client.Bytes+200
	r.Flow(f)
	line := string(r.Close(state(10)))
	for _, want := range []string{`"flows":[{"type":"flow",`, `"bytes":500`,
		`{"name":"tls","flows":1,"packets":2,"client_bytes":200,"server_bytes":0}`} {
		if !strings.Contains(line, want) {
			t.Errorf("the report lacks %s: %s", want, line)
		}
	}
}
