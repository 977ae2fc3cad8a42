// SPDX-License-Identifier: Apache-2.0

package top

import (
	"container/list"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
)

// maxFlows bounds memory: 65,536 flows use 33 MB, or 91 MB at all limits with names of full length.
const maxFlows = 1 << 16

// The rows that a flow counts in.
const (
	ofApplication = iota
	ofProtocol
	ofHost
	ofHostApplication
	rowsOfFlow
)

type flow struct {
	id             [16]byte
	client, server netip.AddrPort
	proto          uint8
	seen           tally.Amounts // of the flow's last record, since its beginning
	used           tally.Usage   // what this view has counted
	rows           [rowsOfFlow]*tally.Row
	host           *tally.Host // the host of its host row

	application, protocol, hostname string
	applicationGuess, protocolGuess bool
	hostnameGuess                   bool

	ended   bool
	endedAt uint64        // the tick
	place   *list.Element // in counts.live or counts.ended
}

// counts follows live flows, and adds the growth from record to record to the flow's totals. All of it is bounded.
type counts struct {
	maxFlows int

	tick    uint64
	times   [tally.Window + 1]time.Time // ends of ticks, by tick
	elapsed time.Duration               // duration of the complete ticks in the tally.Window
	newest  int64                       // latest time of a record

	flows map[[16]byte]*flow
	live  *list.List // of *flow, the least recently reported at the back
	ended *list.List // of *flow that stay visible for a while, the one that ended first at the back

	totals tally.Totals            // by live flows
	names  func(netip.Addr) string // of hosts; may be nil

	evictedFlows uint64

	summary Summary
	all     tally.Rate
	total   tally.Amounts
}

func newCounts(flows, hosts int) *counts {
	return &counts{
		maxFlows: flows, elapsed: time.Second,
		flows: map[[16]byte]*flow{}, live: list.New(), ended: list.New(),
		totals: tally.Totals{
			Applications: tally.NewNames(tally.MaxNames), Protocols: tally.NewNames(tally.MaxNames),
			Hosts: tally.NewHosts(hosts),
		},
	}
}

// record counts the growth since the flow's previous record.
func (c *counts) record(r *record.Flow) {
	var id [16]byte
	if _, err := hex.Decode(id[:], r.ID[:]); err != nil {
		copy(id[:], r.ID[:])
	}
	c.newest = max(c.newest, r.LastSeen)
	seen := tally.Of(r)
	f := c.flows[id]
	if f == nil {
		known := c.countedBefore(r)
		if known && r.State == record.StateEnd {
			return
		}
		f = c.remember(id)
		if known {
			f.seen = seen
		}
	} else if f.ended {
		return
	} else {
		c.live.MoveToFront(f.place)
	}
	c.describe(f, r)
	delta := seen
	delta.Sub(f.seen)
	f.seen = seen
	f.used.Count(delta, c.tick)
	for _, to := range f.rows {
		to.Count(delta, c.tick)
	}
	c.totals.Hosts.Touch(f.host)
	if r.State == record.StateEnd {
		c.end(f)
	}
}

// countedBefore reports whether an unknown flow was evicted earlier. A flow's first record is "new", or "end" if it
// ended before it was due for one: such a flow is young.
func (c *counts) countedBefore(r *record.Flow) bool {
	if c.evictedFlows == 0 || r.State == record.StateNew {
		return false
	}
	const due = int64(3 * time.Second)
	return r.State == record.StateUpdate || c.newest-r.FirstSeen > due
}

// remember makes room and returns a new flow.
func (c *counts) remember(id [16]byte) *flow {
	if len(c.flows) >= c.maxFlows {
		if oldest := c.ended.Back(); oldest != nil {
			c.forget(oldest.Value.(*flow))
		} else {
			f := c.live.Back().Value.(*flow)
			c.leave(f)
			c.forget(f)
			c.evictedFlows++
		}
	}
	f := &flow{id: id}
	f.place = c.live.PushFront(f)
	c.flows[id] = f
	return f
}

// end marks a flow as ended; it stays until its rate has faded.
func (c *counts) end(f *flow) {
	c.leave(f)
	c.live.Remove(f.place)
	f.ended, f.endedAt = true, c.tick
	f.place = c.ended.PushFront(f)
}

// leave removes a flow from its rows' counts of live flows.
func (c *counts) leave(f *flow) {
	for _, r := range f.rows {
		r.Flows--
	}
}

func (c *counts) forget(f *flow) {
	if f.ended {
		c.ended.Remove(f.place)
	} else {
		c.live.Remove(f.place)
	}
	delete(c.flows, f.id)
}

// describe takes a record's description of its flow, and moves the flow to its present rows: a verdict follows the
// first packets, which are the application's too.
func (c *counts) describe(f *flow, r *record.Flow) {
	f.applicationGuess = r.ApplicationMethod.IsGuess()
	f.protocolGuess, f.hostnameGuess = r.Method.IsGuess(), r.HostnameMethod.IsGuess()
	if name := r.Hostname[:min(len(r.Hostname), maxName)]; f.hostname != string(name) {
		f.hostname = string(name)
	}
	f.server, f.proto = r.Server.Addr, r.Proto
	known := f.host == nil || !f.host.Gone
	if f.host != nil && known && f.client == r.Client.Addr && f.application == r.Application &&
		f.protocol == r.Protocol {
		return
	}
	f.client, f.application, f.protocol = r.Client.Addr, r.Application, r.Protocol
	name := applicationName(r)
	c.move(f, ofApplication, c.totals.Applications.Row(name), true)
	c.move(f, ofProtocol, c.totals.Protocols.Row(r.Protocol), true)
	f.host = c.totals.Hosts.Host(r.Client.Addr.Addr())
	c.move(f, ofHost, &f.host.Row, known)
	c.move(f, ofHostApplication, f.host.Applications.Row(name), known)
}

// applicationName returns a flow's application, or its protocol in brackets; "" if neither is known.
func applicationName(r *record.Flow) string {
	if r.Application == "" && r.Protocol != "" {
		return "[" + r.Protocol + "]"
	}
	return r.Application
}

// move makes a flow count in another row, with its history if history is set: an evicted host that returns starts
// without.
func (c *counts) move(f *flow, kind int, to *tally.Row, history bool) {
	from := f.rows[kind]
	if from == to {
		return
	}
	if from != nil {
		from.Take(&f.used, c.tick)
		from.Flows--
		if history {
			to.Give(&f.used, c.tick)
		}
	}
	f.rows[kind] = to
	to.Flows++
}

// next completes a tick.
func (c *counts) next(now time.Time, s Summary) {
	delta := tally.Amounts{Bytes: [2]uint64{s.Bytes}, Packets: s.Packets}
	delta.Sub(c.total)
	c.total = tally.Amounts{Bytes: [2]uint64{s.Bytes}, Packets: s.Packets}
	c.all.Now(c.tick).Add(delta)
	c.summary = s

	begin := now.Add(-time.Second) // the first tick began before any clock reading
	if c.tick >= tally.Window {
		begin = c.times[(c.tick-tally.Window)%(tally.Window+1)]
	} else if c.tick > 0 {
		begin = c.times[0].Add(-time.Second)
	}
	c.elapsed = max(now.Sub(begin), 100*time.Millisecond)
	c.times[c.tick%(tally.Window+1)] = now
	c.tick++
	for e := c.ended.Back(); e != nil && c.tick-e.Value.(*flow).endedAt > tally.Window; e = c.ended.Back() {
		c.forget(e.Value.(*flow))
	}
}
