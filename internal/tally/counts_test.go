// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/weirnet/weir/internal/record"
)

// countedFlow returns a record of the flow n, whose device is its client.
func countedFlow(n int, state record.State, protocol, app string, up, down uint64) *record.Flow {
	f := &record.Flow{State: state, Protocol: protocol, Application: app, Direction: record.DirectionOutbound}
	copy(f.ID[:], fmt.Sprintf("%032d", n))
	f.Client.Side, f.Server.Side = record.SideLAN, record.SideWAN
	f.Client.Bytes, f.Server.Bytes, f.Client.Packets = up, down, up/10
	return f
}

// TestCountsGrow counts a flow's records, each of which has the sums so far, once.
func TestCountsGrow(t *testing.T) {
	c := NewCounts(10)
	c.Flow(countedFlow(1, record.StateNew, "", "", 100, 0))
	c.Flow(countedFlow(1, record.StateUpdate, "TLS", "youtube", 300, 5000))
	if c.Live() != 1 {
		t.Errorf("%d live flows", c.Live())
	}
	c.Flow(countedFlow(1, record.StateUpdate, "TLS", "youtube", 300, 4000)) // the ends have changed places
	c.Flow(countedFlow(1, record.StateEnd, "TLS", "youtube", 400, 6000))
	want := []Count{{"TLS", 1, Amounts{[2]uint64{300, 7000}, 30}}, {"unknown", 0, Amounts{[2]uint64{100, 0}, 10}}}
	if got := c.Protocols(); !reflect.DeepEqual(got, want) {
		t.Errorf("protocols %+v, want %+v", got, want)
	}
	if got := c.Applications(); len(got) != 2 || got[1].Name != "youtube" || got[1].Flows != 1 {
		t.Errorf("applications %+v", got)
	}
	if got := c.Directions(); len(got) != 1 || got[0].Name != "outbound" || got[0].Packets != 40 {
		t.Errorf("directions %+v", got)
	}
	if c.Live() != 0 {
		t.Errorf("%d live flows", c.Live())
	}
}

// TestCountsOfServer: a server in the LAN uploads what it sends.
func TestCountsOfServer(t *testing.T) {
	c := NewCounts(10)
	f := countedFlow(1, record.StateEnd, "HTTP", "", 7, 900)
	f.Client.Side, f.Server.Side, f.Direction = record.SideWAN, record.SideLAN, record.DirectionInbound
	c.Flow(f)
	if got := c.Directions(); len(got) != 1 || got[0].Bytes != [2]uint64{900, 7} {
		t.Errorf("%+v", got)
	}
}

// TestCountsAreBounded: more flows and names than there is room for; nothing is lost, and no counter falls.
func TestCountsAreBounded(t *testing.T) {
	const flows, room = 30_000, 100
	c := NewCounts(room)
	last := map[string]Count{}
	for i := range flows {
		name := fmt.Sprintf("p%d", i%7000)
		c.Flow(countedFlow(i, record.StateNew, name, name, 50, 50))
		if i%3 > 0 {
			c.Flow(countedFlow(i, record.StateEnd, name, name, 500, 1500))
		}
		if i%1000 != 0 {
			continue
		}
		for _, p := range c.Protocols() {
			if before := last[p.Name]; p.Bytes[0] < before.Bytes[0] || p.Flows < before.Flows {
				t.Fatalf("%+v after %+v", p, before)
			}
			last[p.Name] = p
		}
	}
	if len(c.counted) > room || len(c.protocols.waiting) > mostWaiting {
		t.Errorf("%d flows, %d names", len(c.counted), len(c.protocols.waiting))
	}
	all := c.Protocols()
	var sum Count
	for _, p := range all {
		sum.Add(p.Amounts)
		sum.Flows += p.Flows
	}
	if len(all) > MostNamed+2 || sum.Flows != flows*2/3 || sum.Bytes[0] != 500*flows*2/3+50*room {
		t.Errorf("%d names, %+v in all", len(all), sum)
	}
	if c.Directions()[0].Bytes != sum.Bytes {
		t.Errorf("directions have %+v, protocols %+v", c.Directions()[0], sum)
	}
}

// TestLargeNameGetsAPlace: what carries much comes into the list, when small names have come before.
func TestLargeNameGetsAPlace(t *testing.T) {
	c := NewCounts(1)
	for i := range 1000 {
		c.Flow(countedFlow(i, record.StateEnd, "x", fmt.Sprint("small", i), 10, 10))
	}
	for i := range 3 {
		c.Flow(countedFlow(i, record.StateEnd, "x", "large", 10, 1<<30))
	}
	got := map[string]Count{}
	for _, a := range c.Applications() {
		got[a.Name] = a
	}
	if got["large"].Bytes[1] < 2<<30 || len(got) > namedAtOnce+2 {
		t.Errorf("%d names, large has %+v", len(got), got["large"])
	}
}

// TestCountsResume: what an earlier process has counted of a flow does not count again.
func TestCountsResume(t *testing.T) {
	c := NewCounts(2)
	f := countedFlow(1, record.StateUpdate, "TLS", "", 300, 5000)
	c.Resume(f.ID, f.Counts())
	other := countedFlow(2, record.StateUpdate, "TLS", "", 100, 0)
	c.Resume(other.ID, other.Counts())
	third := countedFlow(3, record.StateUpdate, "TLS", "", 100, 0)
	c.Resume(third.ID, third.Counts()) // no room
	c.Flow(countedFlow(1, record.StateUpdate, "TLS", "", 400, 5000))
	c.Flow(countedFlow(1, record.StateEnd, "TLS", "", 400, 6000))
	c.Flow(countedFlow(2, record.StateEnd, "TLS", "", 100, 7))
	c.Flow(countedFlow(3, record.StateEnd, "TLS", "", 100, 0))
	want := []Count{{"TLS", 3, Amounts{[2]uint64{200, 1007}, 20}}}
	if got := c.Protocols(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if len(c.resumed) != 0 {
		t.Errorf("%d flows are remembered", len(c.resumed))
	}
}
