// SPDX-License-Identifier: Apache-2.0

package top

import (
	"container/list"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/weirnet/weir/internal/record"
)

// window is over how many ticks, so about how many seconds, rates are the mean. Each live flow is reported about once a
// second, at a time of its own: over a second it would be seen not at all or twice, over five the error is a fifth at
// most.
const window = 5

// Bounds of memory: with 65,536 flows 33 MB are used, with all bounds reached and names of full length 91 MB.
const (
	maxFlows            = 1 << 16
	maxHosts            = 1 << 12
	maxNames            = 1 << 12 // applications, and protocols; the catalog has fewer
	maxHostApplications = 32      // of one host; the rest is one row
	otherName           = "(other)"
)

// amounts are bytes by direction (0: the client's), and packets of both.
type amounts struct {
	bytes   [2]uint64
	packets uint64
}

func (a *amounts) add(b amounts) {
	a.bytes[0] += b.bytes[0]
	a.bytes[1] += b.bytes[1]
	a.packets += b.packets
}

// sub stops at zero: a row that was begun anew holds less than its flows once had.
func (a *amounts) sub(b amounts) {
	a.bytes[0] -= min(a.bytes[0], b.bytes[0])
	a.bytes[1] -= min(a.bytes[1], b.bytes[1])
	a.packets -= min(a.packets, b.packets)
}

func (a amounts) sum() uint64 { return a.bytes[0] + a.bytes[1] }

// recent holds the amounts of the last ticks: window complete ones, and the one that goes on.
type recent struct {
	tick  uint64
	slots [window + 1]amounts
}

// now returns the amounts of the tick that goes on, after emptying the slots of ticks that went by without any.
func (r *recent) now(tick uint64) *amounts {
	for n := min(tick-r.tick, window+1); n > 0; n-- {
		r.slots[(tick-n+1)%(window+1)] = amounts{}
	}
	r.tick = tick
	return &r.slots[tick%(window+1)]
}

// complete is the sum of the last window complete ticks.
func (r *recent) complete(tick uint64) amounts {
	r.now(tick)
	var sum amounts
	for i, a := range r.slots {
		if uint64(i) != tick%(window+1) {
			sum.add(a)
		}
	}
	return sum
}

// row is what one application, protocol, host, or application of a host amounts to.
type row struct {
	name   string     // "" for hosts
	addr   netip.Addr // of hosts
	total  amounts    // since the beginning
	recent recent
	flows  int // that live

	applications map[string]*row // of hosts
	place        *list.Element   // of hosts, in counts.hosts
	gone         bool            // a host that gave way to another one
}

func (r *row) add(a amounts, tick uint64) {
	r.total.add(a)
	r.recent.now(tick).add(a)
}

// give and take add and remove all that a flow had.
func (r *row) give(f *flow, tick uint64) {
	r.recent.now(tick)
	f.recent.now(tick)
	r.total.add(f.total)
	for i := range r.recent.slots {
		r.recent.slots[i].add(f.recent.slots[i])
	}
}

func (r *row) take(f *flow, tick uint64) {
	r.recent.now(tick)
	f.recent.now(tick)
	r.total.sub(f.total)
	for i := range r.recent.slots {
		r.recent.slots[i].sub(f.recent.slots[i])
	}
}

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
	seen           amounts // as the last record had them, since the flow's beginning
	total          amounts // that were counted here
	recent         recent
	rows           [rowsOfFlow]*row

	application, protocol, hostname string
	applicationGuess, protocolGuess bool
	hostnameGuess                   bool

	ended   bool
	endedAt uint64        // the tick
	place   *list.Element // in counts.live or counts.ended
}

// counts adds records up. All of it is bounded.
type counts struct {
	maxFlows, maxHosts int

	tick    uint64
	times   [window + 1]time.Time // when ticks ended, by tick
	elapsed time.Duration         // of the complete ticks in the window
	newest  int64                 // of the records' times

	flows map[[16]byte]*flow
	live  *list.List // of *flow, the one not heard of for longest at the back
	ended *list.List // of *flow that stay for a while to be seen, the one that ended first at the back

	applications, protocols map[string]*row
	hosts                   map[netip.Addr]*row
	names                   func(netip.Addr) string // of hosts; may be nil
	byUse                   *list.List              // of *row: hosts, the one not heard of for longest at the back

	evictedFlows, evictedHosts uint64

	summary Summary
	all     recent
	total   amounts
}

func newCounts(flows, hosts int) *counts {
	return &counts{
		maxFlows: flows, maxHosts: hosts, elapsed: time.Second,
		flows: map[[16]byte]*flow{}, live: list.New(), ended: list.New(),
		applications: map[string]*row{}, protocols: map[string]*row{}, hosts: map[netip.Addr]*row{}, byUse: list.New(),
	}
}

// record counts what a record has more than the flow's one before.
func (c *counts) record(r *record.Flow) {
	var id [16]byte
	if _, err := hex.Decode(id[:], r.ID[:]); err != nil {
		copy(id[:], r.ID[:])
	}
	c.newest = max(c.newest, r.LastSeen)
	seen := amounts{[2]uint64{r.Client.Bytes, r.Server.Bytes}, r.Client.Packets + r.Server.Packets}
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
	delta.sub(f.seen)
	f.seen = seen
	f.total.add(delta)
	f.recent.now(c.tick).add(delta)
	for _, to := range f.rows {
		to.add(delta, c.tick)
	}
	c.byUse.MoveToFront(f.rows[ofHost].place)
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
		r.flows--
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
	host := f.rows[ofHost]
	known := host == nil || !host.gone
	if host != nil && known && f.client == r.Client.Addr && f.application == r.Application && f.protocol == r.Protocol {
		return
	}
	f.client, f.application, f.protocol = r.Client.Addr, r.Application, r.Protocol
	name := applicationName(r)
	c.move(f, ofApplication, named(c.applications, name, maxNames), true)
	c.move(f, ofProtocol, named(c.protocols, orNone(r.Protocol), maxNames), true)
	host = c.host(r.Client.Addr.Addr())
	c.move(f, ofHost, host, known)
	c.move(f, ofHostApplication, named(host.applications, name, maxHostApplications), known)
}

// applicationName is a flow's application, or its protocol in brackets.

func applicationName(r *record.Flow) string {
	if r.Application == "" && r.Protocol != "" {
		return "[" + r.Protocol + "]"
	}
	return orNone(r.Application)
}

func orNone(name string) string {
	if name == "" {
		return "-"
	}
	return name
}

// move lets a flow count for another row, with all that it had so far where history says so: not for a host that gave
// way and comes back, whose row begins anew.
func (c *counts) move(f *flow, kind int, to *row, history bool) {
	from := f.rows[kind]
	if from == to {
		return
	}
	if from != nil {
		from.take(f, c.tick)
		from.flows--
		if history {
			to.give(f, c.tick)
		}
	}
	f.rows[kind] = to
	to.flows++
}

// named returns the row of a name. When there are too many, those that come later are one row.
func named(rows map[string]*row, name string, most int) *row {
	r := rows[name]
	if r == nil && len(rows) >= most {
		name = otherName
		r = rows[name]
	}
	if r == nil {
		r = &row{name: name}
		rows[name] = r
	}
	return r
}

// host returns the row of a host; the one not heard of for longest gives way when there are too many.
func (c *counts) host(addr netip.Addr) *row {
	if r := c.hosts[addr]; r != nil {
		return r
	}
	if len(c.hosts) >= c.maxHosts {
		oldest := c.byUse.Remove(c.byUse.Back()).(*row)
		oldest.gone = true
		delete(c.hosts, oldest.addr)
		c.evictedHosts++
	}
	r := &row{addr: addr, applications: map[string]*row{}}
	r.place = c.byUse.PushFront(r)
	c.hosts[addr] = r
	return r
}

// next completes a tick.
func (c *counts) next(now time.Time, s Summary) {
	delta := amounts{[2]uint64{s.Bytes, 0}, s.Packets}
	delta.sub(c.total)
	c.total = amounts{[2]uint64{s.Bytes, 0}, s.Packets}
	c.all.now(c.tick).add(delta)
	c.summary = s

	begin := now.Add(-time.Second) // of the first tick, which began when nobody looked at the clock
	if c.tick >= window {
		begin = c.times[(c.tick-window)%(window+1)]
	} else if c.tick > 0 {
		begin = c.times[0].Add(-time.Second)
	}
	c.elapsed = max(now.Sub(begin), 100*time.Millisecond)
	c.times[c.tick%(window+1)] = now
	c.tick++
	for e := c.ended.Back(); e != nil && c.tick-e.Value.(*flow).endedAt > window; e = c.ended.Back() {
		c.forget(e.Value.(*flow))
	}
}
