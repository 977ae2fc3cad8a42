// SPDX-License-Identifier: Apache-2.0

package top

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/weirnet/weir/internal/match"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
)

// condition selects flows: by the key of a row, or by a filter.
type condition struct {
	by     tally.By
	key    string
	filter match.Filter // nil: by key
	text   string       // of the filter
}

// query says what the screen shows.
type query struct {
	kind    int // a list
	scope   []condition
	order   int
	reverse bool
	span    tally.Span
	most    int // flows besides the list
	points  int // of the graph
	spark   int // of each line's sparkline
}

// entry is one line of a list at a moment. Its texts are as the network has them.
type entry struct {
	key       string // constant while the line has the same subject
	name      string
	up, down  float64 // bytes a second, from and to the device
	packets   float64 // a second
	bytes     tally.Amounts
	flows     int
	addresses string // of a device
	vendor    string
	flow      *record.Flow // of a flow: with what was told last
	client    string
	server    string
	age       time.Duration
	ended     bool
	trail     *tally.Trail
	spark     []float64
}

func (e *entry) rate() float64 { return e.up + e.down }

// snapshot is the content of the screen, until the next one.
type snapshot struct {
	kind    int
	list    []entry
	leftOut int     // entries that are in no list: the least of too many
	flows   []entry // the busiest ones, besides the list

	summary  Summary
	up, down float64 // bytes a second of the scope; of all that is captured only their sum is known
	packets  float64
	live     int // flows
	graph    []float64

	evictedFlows, evictedRows uint64
}

// maxShown bounds a list: each second copies it, while records wait.
const maxShown = 2000

// part is what the flows of a scope add up to in a row.
type part struct {
	row
	rate tally.Amounts
}

// snapshot builds what a query asks for.
func (c *counts) snapshot(q *query) *snapshot {
	s := &snapshot{kind: q.kind, summary: c.summary, evictedFlows: c.evictedFlows}
	for _, t := range c.tables {
		s.evictedRows += t.evicted
	}
	var list []entry
	if len(q.scope) == 0 {
		all := c.all.Complete(c.tick)
		s.set(all, c.elapsed)
		s.live = c.live.Len()
		s.graph = c.graph.rates(q.span, c.now, q.points)
		if q.kind != flows {
			list = c.ofRows(q.kind)
		}
	} else {
		list = c.ofScope(q, s)
	}
	if q.kind == flows {
		list = c.ofFlows(q)
	} else if q.most > 0 {
		busy := *q
		busy.kind, busy.order, busy.reverse = flows, byRate, false
		s.flows = c.finish(c.ofFlows(&busy), &busy, q.most)
	}
	s.leftOut = max(len(list)-maxShown, 0)
	s.list = c.finish(list, q, maxShown)
	return s
}

func (s *snapshot) set(a tally.Amounts, elapsed time.Duration) {
	e := entry{}
	e.rates(a, elapsed)
	s.up, s.down, s.packets = e.up, e.down, e.packets
}

func (e *entry) rates(a tally.Amounts, elapsed time.Duration) {
	seconds := elapsed.Seconds()
	e.up, e.down, e.packets = float64(a.Bytes[0])/seconds, float64(a.Bytes[1])/seconds, float64(a.Packets)/seconds
}

// selects reports whether a flow is in a scope.
func selects(scope []condition, f *flow) bool {
	for i := range scope {
		c := &scope[i]
		if c.filter != nil {
			if !c.filter(&f.told) {
				return false
			}
		} else if f.keys[c.by] != c.key {
			return false
		}
	}
	return true
}

// ofRows lists the rows of a criterion.
func (c *counts) ofRows(kind int) []entry {
	list := make([]entry, 0, len(c.tables[kind].rows))
	for _, r := range c.tables[kind].rows {
		if r.flows == 0 && r.Total == (tally.Amounts{}) {
			continue // all its bytes have moved to another row
		}
		list = append(list, c.entryOf(kind, r, r.Rate.Complete(c.tick)))
	}
	return list
}

// ofScope adds up the flows of a scope that are remembered.
func (c *counts) ofScope(q *query, s *snapshot) []entry {
	parts := map[string]*part{}
	var rate tally.Amounts
	var trail tally.Trail
	for _, f := range c.flows {
		if !selects(q.scope, f) {
			continue
		}
		if !f.ended {
			s.live++
		}
		recent := f.used.Rate.Complete(c.tick)
		rate.Add(recent)
		trail.AddAll(&f.trail)
		if q.kind == flows {
			continue
		}
		p := parts[f.keys[q.kind]]
		if p == nil {
			p = &part{row: row{key: f.keys[q.kind]}}
			parts[p.key] = p
		}
		p.add(f, recent)
	}
	s.set(rate, c.elapsed)
	if one := q.scope[0]; len(q.scope) == 1 && one.filter == nil && c.tables[one.by].rows[one.key] != nil {
		trail = c.tables[one.by].rows[one.key].trail // has what is no longer remembered too
	}
	s.graph = trail.Rates(q.span, c.now, q.points)
	list := make([]entry, 0, len(parts))
	for _, p := range parts {
		list = append(list, c.entryOf(q.kind, &p.row, p.rate))
	}
	return list
}

func (p *part) add(f *flow, recent tally.Amounts) {
	p.Total.Add(f.seen)
	p.rate.Add(recent)
	p.trail.AddAll(&f.trail)
	if !f.ended {
		p.flows++
	}
	if tally.IsServer(&f.told) {
		p.has(f.told.Server.Addr.Addr())
	} else {
		p.has(f.told.Client.Addr.Addr())
	}
}

func (c *counts) entryOf(kind int, r *row, rate tally.Amounts) entry {
	e := entry{key: r.key, name: r.key, bytes: r.Total, flows: r.flows, trail: &r.trail}
	e.rates(rate, c.elapsed)
	if kind == devicesList {
		d := c.devices.of(r.key)
		addresses := d.addresses(r.addresses)
		e.name = d.name()
		for i, a := range addresses {
			if i > 0 {
				e.addresses += " "
			}
			e.addresses += a.String()
		}
		if e.name == "" {
			e.name = r.key
			if len(addresses) > 0 {
				e.name = addresses[0].String()
			}
		}
		if d != nil {
			e.vendor = d.Vendor
		}
	}
	return e
}

// ofFlows lists the flows of a scope.
func (c *counts) ofFlows(q *query) []entry {
	list := make([]entry, 0, len(c.flows))
	for _, f := range c.flows {
		if !selects(q.scope, f) {
			continue
		}
		e := entry{key: string(f.id[:]), bytes: f.seen, flows: 1, ended: f.ended, flow: &f.told, trail: &f.trail,
			age: time.Duration(c.time()*int64(time.Second) - f.told.FirstSeen)}
		if f.ended {
			e.age = time.Duration(f.told.LastSeen - f.told.FirstSeen)
		}
		e.rates(f.used.Rate.Complete(c.tick), c.elapsed)
		list = append(list, e)
	}
	return list
}

// finish sorts a list, cuts it, and completes what is left.
func (c *counts) finish(list []entry, q *query, most int) []entry {
	slices.SortFunc(list, q.compare)
	list = slices.Clone(list[:min(len(list), most)])
	for i := range list {
		e := &list[i]
		e.spark = e.trail.Rates(q.span, c.now, q.spark)
		e.trail = nil
		if e.flow == nil {
			continue
		}
		told := *e.flow
		e.flow = &told
		e.client, e.server = c.endText(&told.Client), c.endText(&told.Server)
		if len(told.Hostname) > 0 {
			e.server = string(told.Hostname) + portText(&told.Server)
			if told.HostnameMethod.IsGuess() {
				e.server = string(told.Hostname) + "?" + portText(&told.Server)
			}
		}
		e.name = e.server
	}
	return list
}

// endText returns an end: a device's name if there is one, else the address, with the port.
func (c *counts) endText(e *record.Endpoint) string {
	if e.Side == record.SideLAN {
		if name := c.devices.byAddress[e.Addr.Addr()].name(); name != "" {
			return name + portText(e)
		}
	}
	if e.Addr.Port() == 0 {
		return addrText(e.Addr.Addr())
	}
	return e.Addr.String()
}

func portText(e *record.Endpoint) string {
	if e.Addr.Port() == 0 {
		return ""
	}
	return ":" + decimal(e.Addr.Port())
}

// compare orders by the chosen value, the largest first, but names from a to z; lines of equal value by name and by
// key, so that they keep their places.
func (q *query) compare(a, b entry) int {
	var order int
	switch q.order {
	case byRate:
		order = cmp.Or(ends(a, b), cmp.Compare(b.rate(), a.rate()), cmp.Compare(b.bytes.Sum(), a.bytes.Sum()))
	case byTotal:
		order = cmp.Compare(b.bytes.Sum(), a.bytes.Sum())
	case byFlows:
		order = cmp.Compare(b.flows, a.flows)
		if q.kind == flows {
			order = cmp.Compare(a.age, b.age) // the youngest first
		}
	case byName:
		if a.flow != nil && b.flow != nil {
			order = cmp.Or(bytes.Compare(a.flow.Hostname, b.flow.Hostname),
				a.flow.Server.Addr.Compare(b.flow.Server.Addr))
		}
	}
	order = cmp.Or(order, cmp.Compare(a.name, b.name), cmp.Compare(a.key, b.key))
	if q.reverse {
		return -order
	}
	return order
}

// ends orders flows that live before those that have ended.
func ends(a, b entry) int {
	switch {
	case a.ended && !b.ended:
		return 1
	case b.ended && !a.ended:
		return -1
	}
	return 0
}

// names returns a flow's protocol and application; a guess has a question mark.
func names(f *record.Flow) (protocol, application string) {
	protocol, application = cmp.Or(f.Protocol, packet.ProtoName(f.Proto)), cmp.Or(f.Application, tally.None)
	if f.Protocol != "" && f.Method.IsGuess() {
		protocol += "?"
	}
	if f.Application != "" && f.ApplicationMethod.IsGuess() {
		application += "?"
	}
	return protocol, application
}
