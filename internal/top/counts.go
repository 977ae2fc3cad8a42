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

// maxFlows bounds memory: 65,536 flows with usual names use 113 MB (a flow 1.8 kB); names of full length and an hour of
// traffic of each flow add about a kilobyte by flow.
const maxFlows = 1 << 16

// flow is a flow, with the parts of its record that are shown or selected by.
type flow struct {
	id   [32]byte
	told record.Flow // without the slices, and with texts that last

	seen  tally.Amounts // of the last record, since its beginning; the device's bytes first
	used  tally.Usage   // what this view has counted
	trail tally.Trail
	keys  [tally.Criteria]string
	rows  [tally.Criteria]*row // nil: its bytes are in the last hour's sums

	ended   bool
	endedAt uint64        // the tick
	place   *list.Element // in counts.live or counts.ended
}

// counts follows live flows, and adds the growth from record to record to the flow's sums. All of it is bounded.
type counts struct {
	maxFlows int

	tick    uint64
	times   [tally.Window + 1]time.Time // ends of ticks, by tick
	elapsed time.Duration               // duration of the complete ticks in the tally.Window
	now     int64                       // Unix time of the last tick
	newest  int64                       // latest time of a record
	began   int64                       // what flows have sent before it counts as of then; 0: unknown

	flows map[[32]byte]*flow
	live  *list.List // of *flow, the least recently reported at the back
	ended *list.List // of *flow that stay visible for a while, the one that ended first at the back

	tables  [tally.Criteria]*table
	key     []byte // scratch
	devices *devices

	evictedFlows uint64

	summary Summary
	isOwn   bool // the summary counts all packets; else the records are all that is known
	all     tally.Rate
	total   tally.Amounts // of the summary
	trail   tally.Trail   // of everything
	graph   seconds
}

func newCounts(flows, rows int) *counts {
	c := &counts{
		maxFlows: flows, elapsed: time.Second,
		flows: map[[32]byte]*flow{}, live: list.New(), ended: list.New(), devices: newDevices(nil),
	}
	for by := range c.tables {
		c.tables[by] = newTable(rows)
	}
	return c
}

// endedTicks is how long a flow that has ended stays visible.
const endedTicks = 300

// young bounds the age, in nanoseconds, up to which a flow's bytes count as of this moment when it is first heard of.
const young = int64(10 * time.Second)

// record counts the growth since the flow's previous record.
func (c *counts) record(r *record.Flow) {
	c.newest = max(c.newest, r.LastSeen)
	isEnd := r.State == record.StateEnd
	f := c.flows[r.ID]
	switch {
	case f == nil:
		known := c.countedBefore(r)
		if known && isEnd {
			return
		}
		f = c.remember(r.ID)
		if known {
			f.seen = tally.OfDevice(r)
		}
		c.tell(f, r)
		c.describe(f)
		if !known && c.isOld(r) {
			c.spread(f)
		}
	case f.ended:
		return
	default:
		c.live.MoveToFront(f.place)
		c.tell(f, r)
		c.describe(f)
	}
	c.grow(f, tally.OfDevice(r))
	if isEnd {
		c.end(f)
	}
}

// isOld reports whether a flow that is heard of for the first time began earlier.
func (c *counts) isOld(r *record.Flow) bool {
	return r.FirstSeen < c.began || c.time()*int64(time.Second)-r.FirstSeen > young
}

// past remembers a record from before this view began. The last hour's sums have the flows that have ended.
func (c *counts) past(r *record.Flow) {
	c.newest = max(c.newest, r.LastSeen)
	f := c.flows[r.ID]
	switch {
	case f == nil:
		f = c.remember(r.ID)
	case f.ended:
		return
	default: // its bytes are spread anew
		for _, from := range f.rows {
			from.Take(&f.used, c.tick)
			from.trail.Remove(&f.trail)
		}
		f.used, f.trail = tally.Usage{}, tally.Trail{}
	}
	c.tell(f, r)
	if r.State == record.StateEnd {
		c.end(f)
	} else {
		c.describe(f)
	}
	c.spread(f)
}

// spread counts what a flow has sent before this view heard of it, evenly over its life and not at this moment.
func (c *counts) spread(f *flow) {
	const second = int64(time.Second)
	f.seen = tally.OfDevice(&f.told)
	f.used.Total = f.seen
	f.trail.Spread(f.told.FirstSeen/second, f.told.LastSeen/second, c.time(), f.seen.Sum())
	for _, to := range f.rows {
		if to != nil {
			to.Total.Add(f.seen)
			to.trail.AddAll(&f.trail)
		}
	}
}

// time returns the present Unix time.
func (c *counts) time() int64 { return max(c.now, c.newest/int64(time.Second)) }

func (c *counts) grow(f *flow, seen tally.Amounts) {
	delta := seen
	delta.Sub(f.seen)
	f.seen = seen
	if delta == (tally.Amounts{}) {
		return
	}
	now := c.time()
	f.used.Count(delta, c.tick)
	f.trail.Add(now, delta.Sum())
	for by, to := range f.rows {
		if to != nil {
			to.Count(delta, c.tick)
			to.trail.Add(now, delta.Sum())
			c.tables[by].touch(to)
		}
	}
	if !c.isOwn {
		c.all.Now(c.tick).Add(delta)
		c.trail.Add(now, delta.Sum())
		c.graph.add(now, delta.Sum())
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
func (c *counts) remember(id [32]byte) *flow {
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

// end marks a flow as ended; it stays for a while.
func (c *counts) end(f *flow) {
	c.leave(f)
	c.live.Remove(f.place)
	f.ended, f.endedAt, f.rows = true, c.tick, [tally.Criteria]*row{}
	f.place = c.ended.PushFront(f)
}

// leave removes a flow from its rows' counts of live flows.
func (c *counts) leave(f *flow) {
	for _, r := range f.rows {
		if r != nil {
			r.flows--
		}
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

// tell copies what a record tells of its flow.
func (c *counts) tell(f *flow, r *record.Flow) {
	t := &f.told
	host := t.Hostname
	if name := r.Hostname[:min(len(r.Hostname), maxName)]; string(host) != string(name) {
		host = append([]byte(nil), name...)
	}
	*t = record.Flow{
		ID: r.ID, State: r.State, EndReason: r.EndReason, Proto: r.Proto, Client: r.Client, Server: r.Server,
		Direction: r.Direction, Protocol: r.Protocol, Application: r.Application, Category: r.Category, Hostname: host,
		Method: r.Method, ApplicationMethod: r.ApplicationMethod, HostnameMethod: r.HostnameMethod,
		FirstSeen: r.FirstSeen, LastSeen: r.LastSeen, Risks: r.Risks,
	}
	for by := range f.keys {
		c.key = tally.AppendKey(c.key[:0], tally.By(by), t)
		if f.keys[by] != string(c.key) {
			f.keys[by] = string(c.key)
		}
	}
}

// describe moves a flow to its present rows: a verdict follows the first packets, which are the application's too.
func (c *counts) describe(f *flow) {
	for by, from := range f.rows {
		if from == nil || from.gone || from.key != f.keys[by] {
			c.move(f, by, c.tables[by].row([]byte(f.keys[by])), from == nil || !from.gone)
		}
	}
	if device := f.rows[tally.ByDevice]; tally.IsServer(&f.told) {
		device.has(f.told.Server.Addr.Addr())
	} else {
		device.has(f.told.Client.Addr.Addr())
	}
}

// move makes a flow count in another row, with its history if history is set: an evicted row that returns starts
// without.
func (c *counts) move(f *flow, by int, to *row, history bool) {
	if from := f.rows[by]; from != nil {
		from.Take(&f.used, c.tick)
		from.trail.Remove(&f.trail)
		from.flows--
		if history {
			to.Give(&f.used, c.tick)
			to.trail.AddAll(&f.trail)
		}
	}
	f.rows[by] = to
	to.flows++
}

// seed adds the last hour of an agent to the sums, before the first record.
func (c *counts) seed(p *tally.Past) {
	const minute = 60
	now := c.time()
	c.began = now * int64(time.Second)
	if p.StepSeconds <= 0 {
		return
	}
	for i, s := range p.Steps {
		from := p.Start + int64(i*p.StepSeconds)
		to := from + int64(p.StepSeconds) - 1
		c.trail.Spread(from, to, now, s.Bytes)
		c.graph.spread(from, min(to, now), now, s.Bytes)
	}
	for i := range p.Minutes {
		m := &p.Minutes[i]
		for by, list := range m.Lists() {
			for _, s := range *list {
				r := c.tables[by].row([]byte(s.Name))
				r.Total.Add(tally.Amounts{Bytes: s.Bytes})
				r.trail.Spread(m.Start, m.Start+minute-1, now, s.Bytes[0]+s.Bytes[1])
			}
		}
	}
}

// next completes a tick.
func (c *counts) next(now time.Time, s Summary) {
	if c.isOwn {
		delta := tally.Amounts{Bytes: [2]uint64{s.Bytes}, Packets: s.Packets}
		delta.Sub(c.total)
		c.total = tally.Amounts{Bytes: [2]uint64{s.Bytes}, Packets: s.Packets}
		c.all.Now(c.tick).Add(delta)
		c.trail.Add(now.Unix(), delta.Sum())
		c.graph.add(now.Unix(), delta.Sum())
	}
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
	c.now = now.Unix()
	for e := c.ended.Back(); e != nil && c.tick-e.Value.(*flow).endedAt > endedTicks; e = c.ended.Back() {
		c.forget(e.Value.(*flow))
	}
}

// clone copies the counts for a display that stands still.
func (c *counts) clone() *counts {
	k := *c
	k.flows = make(map[[32]byte]*flow, len(c.flows))
	for id, f := range c.flows {
		one := *f
		one.trail, one.place, one.rows = f.trail.Clone(), nil, [tally.Criteria]*row{}
		k.flows[id] = &one
	}
	for by, t := range c.tables {
		k.tables[by] = t.clone()
	}
	k.trail, k.graph.bytes = c.trail.Clone(), append([]float32(nil), c.graph.bytes...)
	return &k
}

// hexText returns the id's digits that weir explain takes.
func hexText(id [32]byte) string {
	const shown = 8
	if _, err := hex.Decode(make([]byte, 16), id[:]); err != nil {
		return "-"
	}
	return string(id[:shown])
}

// addrText returns an address, - for none.
func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return "-"
	}
	return a.String()
}
