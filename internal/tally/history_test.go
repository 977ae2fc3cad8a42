// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/record"
)

// startOfHistory begins a minute.
var startOfHistory = time.Unix(1_700_000_040, 0)

// lasting returns the last record of a flow of 100 bytes up and 1000 down.
func lasting(application string, first, last time.Time) *record.Flow {
	return &record.Flow{State: record.StateEnd, Application: application, Protocol: "tls",
		Hostname:  []byte("a.example"),
		FirstSeen: first.UnixNano(), LastSeen: last.UnixNano(),
		Client: record.Endpoint{Addr: netip.MustParseAddrPort("192.0.2.1:1"), Bytes: 100, Packets: 1,
			Side: record.SideLAN,
			MAC:  [6]byte{2, 0, 0, 0, 0, 1}},
		Server: record.Endpoint{Addr: netip.MustParseAddrPort("198.51.100.1:443"), Bytes: 1000, Packets: 2}}
}

// TestHistory: the bytes of a flow fall evenly on the minutes of its life, and none is lost.
func TestHistory(t *testing.T) {
	var h History
	h.Second(startOfHistory, 0, 0)
	for second := 1; second <= 180; second++ {
		h.Second(startOfHistory.Add(time.Duration(second)*time.Second), uint64(second*50), uint64(second))
	}
	h.Flow(lasting("video", startOfHistory.Add(30*time.Second), startOfHistory.Add(130*time.Second)))
	h.Flow(lasting("", startOfHistory.Add(130*time.Second), startOfHistory.Add(130*time.Second)))
	p := h.Past()
	want := []Sum{{"video", [2]uint64{30, 300}, 0}, {"video", [2]uint64{60, 600}, 0}, {"video", [2]uint64{10, 100}, 1}}
	for i, m := range p.Minutes {
		if m.Start != startOfHistory.Unix()+60*int64(i) || m.Devices[0].Name != "02:00:00:00:00:01" ||
			m.Hosts[0].Name != "a.example" || m.Categories[0].Name != None {
			t.Errorf("minute %d: %+v", i, m)
		}
		if list := m.Applications; i < 2 && list[0] != want[i] || i == 2 && (list[1] != want[2] ||
			list[0] != Sum{"[tls]", [2]uint64{100, 1000}, 1}) {
			t.Errorf("minute %d: %+v", i, list)
		}
	}
	if len(p.Minutes) != 3 || len(p.Steps) != 19 || p.Start != startOfHistory.Unix() || p.Steps[1] != (Step{500, 10}) {
		t.Errorf("%d minutes; %d steps from %d: %+v", len(p.Minutes), len(p.Steps), p.Start, p.Steps)
	}
}

// TestHistoryIsBounded: names without room are added up, the largest ones stay, and an hour later all is gone.
func TestHistoryIsBounded(t *testing.T) {
	var h History
	h.Second(startOfHistory, 0, 0)
	for i := range 1000 {
		f := lasting(fmt.Sprint("app", i), startOfHistory, startOfHistory)
		f.Client.Bytes, f.Server.Bytes = uint64(i), 0
		h.Flow(f)
	}
	list := h.Past().Minutes[0].Applications
	var sum, flows uint64
	for _, s := range list {
		sum, flows = sum+s.total(), flows+s.Flows
	}
	if len(list) != maxOfMinute+1 || sum != 999*1000/2 || flows != 1000 || list[0].Name != "app999" ||
		list[maxOfMinute].Name != Other || list[maxOfMinute-1].Name != "app984" {
		t.Errorf("%d bytes, %d flows: %+v", sum, flows, list)
	}
	for minute := 1; minute <= 60; minute++ {
		h.Second(startOfHistory.Add(time.Duration(minute)*time.Minute), 0, 0)
	}
	if p := h.Past(); len(p.Minutes) != 0 || len(p.Steps) != 0 {
		t.Errorf("%+v", p)
	}
}

// TestHistoryOfOddTimes: records of any time, and clocks that are set, leave it whole.
func TestHistoryOfOddTimes(t *testing.T) {
	var h History
	h.Flow(lasting("before any second", startOfHistory, startOfHistory))
	h.Second(startOfHistory, 10, 1)
	far := time.Unix(1<<40, 0)
	for _, times := range [][2]time.Time{
		{time.Unix(-1000, 0), startOfHistory}, {time.Unix(0, 0), time.Unix(0, 0)}, {startOfHistory, far}, {far, far},
		{startOfHistory, startOfHistory.Add(-time.Hour)}, {time.Unix(-1000, 0), time.Unix(-900, 0)},
	} {
		h.Flow(lasting("odd", times[0], times[1]))
	}
	h.Second(startOfHistory.Add(-24*time.Hour), 5, 0)
	if p := h.Past(); len(p.Minutes) != 0 {
		t.Errorf("after the clock was set back: %+v", p)
	}
	h.Second(far, 20, 2)
	if p := h.Past(); len(p.Steps) != 1 || p.Steps[0] != (Step{15, 2}) || !reflect.DeepEqual(h.Past(), p) {
		t.Errorf("%+v", p)
	}
}

func BenchmarkHistory(b *testing.B) {
	var h History
	h.Second(startOfHistory, 0, 0)
	flows := make([]*record.Flow, 100)
	for i := range flows {
		flows[i] = lasting(fmt.Sprint("app", i), startOfHistory, startOfHistory.Add(time.Second))
		flows[i].Hostname = fmt.Appendf(nil, "host%d.example", i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.Flow(flows[i%len(flows)])
	}
}
