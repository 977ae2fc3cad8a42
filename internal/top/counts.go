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

// maxFlows bounds memory: with 65,536 flows 33 MB are used, with all bounds reached and names of full length 91 MB.
const maxFlows = 1 << 16

// The rows that a flow counts for.
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
	seen           tally.Amounts // as the last record had them, since the flow's beginning
	used           tally.Usage   // what was counted here
	rows           [rowsOfFlow]*tally.Row
	host           *tally.Host // whose row is among them

	application, protocol, hostname string
	applicationGuess, protocolGuess bool
	hostnameGuess                   bool

	ended   bool
	endedAt uint64        // the tick
	place   *list.Element // in counts.live or counts.ended
}

// counts follows live flows, and adds what each record has more than the one before to the flow's totals. All of it is
// bounded.
type counts struct {
	maxFlows int

	tick    uint64
	times   [tally.Window + 1]time.Time // when ticks ended, by tick
	elapsed time.Duration               // of the complete ticks in the tally.Window
	newest  int64                       // of the records' times

	flows map[[16]byte]*flow
	live  *list.List // of *flow, the one not heard of for longest at the back
	ended *list.List // of *flow that stay for a while to be seen, the one that ended first at the back

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

// record counts what a record has more than the flow's one before.
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

// countedBefore says of a flow that is not remembered whether it was once, and gave way. A flow's first record is
// "new", or "end" where it ended before it was due for one: it is young then.
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

// end marks a flow as ended; it stays until its rate is over.
func (c *counts) end(f *flow) {
	c.leave(f)
	c.live.Remove(f.place)
	f.ended, f.endedAt = true, c.tick
	f.place = c.ended.PushFront(f)
}

// leave takes a flow out of the number of its rows' live flows.
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

// describe takes over what a record says of its flow, and moves the flow to the rows that it belongs to now: a verdict
// comes after the first packets, and those are the application's too.
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

// applicationName is a flow's application, or its protocol in brackets; "" where neither is known.
func applicationName(r *record.Flow) string {
	if r.Application == "" && r.Protocol != "" {
		return "[" + r.Protocol + "]"
	}
	return r.Application
}

// move lets a flow count for another row, with all that it had so far where history says so: not for a host that gave
// way and comes back, whose row begins anew.
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

	begin := now.Add(-time.Second) // of the first tick, which began when nobody looked at the clock
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
