// SPDX-License-Identifier: Apache-2.0

package top

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/tally"
)

// entry is one line of a list at a moment. Its texts are printable ASCII.
type entry struct {
	key         string // constant while the line has the same subject
	name        string
	host        netip.Addr // of a host's line
	up, down    float64    // bytes a second, from and to the client
	packets     float64    // a second
	bytes       uint64
	flows       int
	address     string // of a host, or of a flow's server
	transport   string
	application string
	protocol    string
	ended       bool
}

func (e *entry) rate() float64 { return e.up + e.down }

// snapshot is the content of the screen, until the next one.
type snapshot struct {
	lists   [kinds][]entry
	summary Summary
	rate    float64 // bytes a second, of everything captured
	packets float64 // a second
	flows   int     // live ones that the view follows

	leftOut int // of the visible host, and in no list: the least busy of too many

	evictedFlows, evictedHosts uint64
}

// maxShown bounds the listed flows of one host: each second copies them, while records wait.
const maxShown = 2000

// snapshot copies the sums of all applications, protocols and hosts.
func (c *counts) snapshot() *snapshot {
	s := &snapshot{
		summary: c.summary, flows: c.live.Len(), evictedFlows: c.evictedFlows, evictedHosts: c.totals.Hosts.Evicted,
	}
	all := c.all.Complete(c.tick)
	s.rate, s.packets = float64(all.Bytes[0])/c.elapsed.Seconds(), float64(all.Packets)/c.elapsed.Seconds()
	s.lists[applications] = c.entries(c.totals.Applications)
	s.lists[protocols] = c.entries(c.totals.Protocols)
	s.lists[hosts] = make([]entry, 0, c.totals.Hosts.Len())
	for r := range c.totals.Hosts.All() {
		e := c.entry(&r.Row)
		e.host, e.address = r.Addr, plain(r.Addr.String())
		e.key, e.name = e.address, e.address
		if c.names != nil {
			e.name = cmp.Or(plain(c.names(r.Addr)), e.name)
		}
		s.lists[hosts] = append(s.lists[hosts], e)
	}
	return s
}

// detail adds one host's lists to a snapshot.
func (c *counts) detail(s *snapshot, host netip.Addr) {
	s.lists[hostFlows], s.lists[hostApplications], s.leftOut = nil, nil, 0
	r := c.totals.Hosts.Find(host)
	if r == nil {
		return
	}
	s.lists[hostApplications] = c.entries(&r.Applications)
	var busy []busyFlow
	for _, f := range c.flows {
		if f.host == r {
			busy = append(busy, busyFlow{f, f.used.Rate.Complete(c.tick).Sum()})
		}
	}
	if len(busy) > maxShown {
		slices.SortFunc(busy, func(a, b busyFlow) int {
			return cmp.Or(cmp.Compare(b.recent, a.recent), cmp.Compare(b.flow.used.Total.Sum(),
				a.flow.used.Total.Sum()),
				bytes.Compare(a.flow.id[:], b.flow.id[:]))
		})
		s.leftOut = len(busy) - maxShown
		busy = busy[:maxShown]
	}
	for _, b := range busy {
		s.lists[hostFlows] = append(s.lists[hostFlows], c.flowEntry(b.flow))
	}
}

// busyFlow is a flow with its recent bytes.
type busyFlow struct {
	flow   *flow
	recent uint64
}

func (c *counts) entries(rows *tally.Names) []entry {
	list := make([]entry, 0, rows.Len())
	for r := range rows.All() {
		if r.Flows == 0 && r.Total == (tally.Amounts{}) {
			continue // all its bytes have moved to another application
		}
		e := c.entry(r)
		e.name, e.key = plain(r.Name), r.Name
		list = append(list, e)
	}
	return list
}

func (c *counts) entry(r *tally.Row) entry {
	e := entry{bytes: r.Total.Sum(), flows: r.Flows}
	e.rates(r.Rate.Complete(c.tick), c.elapsed.Seconds())
	return e
}

func (e *entry) rates(a tally.Amounts, seconds float64) {
	e.up, e.down, e.packets = float64(a.Bytes[0])/seconds, float64(a.Bytes[1])/seconds, float64(a.Packets)/seconds
}

// flowEntry describes a flow; a guess has a question mark.
func (c *counts) flowEntry(f *flow) entry {
	e := entry{
		key: string(f.id[:]), bytes: f.used.Total.Sum(), flows: 1, ended: f.ended, transport: packet.ProtoName(f.proto),
		address:     addressText(f.server),
		application: guess(cmp.Or(f.application, tally.None), f.applicationGuess && f.application != ""),
		protocol:    guess(cmp.Or(f.protocol, tally.None), f.protocolGuess && f.protocol != ""),
	}
	e.name = e.address
	if f.hostname != "" {
		e.name = guess(f.hostname, f.hostnameGuess)
	}
	e.rates(f.used.Rate.Complete(c.tick), c.elapsed.Seconds())
	return e
}

func guess(name string, guessed bool) string {
	if guessed {
		return plain(name) + "?"
	}
	return plain(name)
}

func addressText(a netip.AddrPort) string {
	if a.Port() == 0 {
		return plain(a.Addr().String())
	}
	return plain(a.String())
}
