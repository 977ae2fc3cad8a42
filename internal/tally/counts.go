// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"slices"
	"strings"
	"sync"

	"github.com/weirnet/weir/internal/record"
)

// Counts adds up all traffic since the start, by direction, protocol and application, in counters that never fall. It
// names at most MostNamed protocols and applications each; the traffic of others is in OtherNames. It is safe for use
// by several goroutines.
type Counts struct {
	mu         sync.Mutex
	counted    map[[32]byte]Amounts // of live flows, by id
	resumed    map[[32]byte]record.Counts
	most       int // live flows
	directions map[string]*Count
	protocols  named
	apps       named
}

// Count is what the flows of a name have sent and received.
type Count struct {
	Name  string
	Flows uint64 // that have ended
	Amounts
}

// Bounds of the names. The first come at once; later ones have to carry a MostNamed-th of all bytes, so that a host
// that plays many protocols cannot fill the list.
const (
	MostNamed     = 50
	namedAtOnce   = MostNamed / 2
	mostWaiting   = 4096
	OtherNames    = "other"
	unknownNames  = "unknown"
	leastWaitings = 1 << 20 // bytes that a later name carries at least
)

// named has the counts of the names that have a place, and waiting the bytes of others.
type named struct {
	counts  map[string]*Count
	waiting map[string]uint64
	total   uint64
}

// NewCounts returns Counts for at most that many live flows; further ones count when they end.
func NewCounts(mostFlows int) *Counts {
	return &Counts{counted: map[[32]byte]Amounts{}, resumed: map[[32]byte]record.Counts{}, most: mostFlows,
		directions: map[string]*Count{},
		protocols:  newNamed(), apps: newNamed()}
}

func newNamed() named {
	return named{counts: map[string]*Count{}, waiting: map[string]uint64{}}
}

// Resume takes a flow whose latest record an earlier process has counted.
func (c *Counts) Resume(id [32]byte, latest record.Counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.resumed) < c.most {
		c.resumed[id] = latest
	}
}

// before returns what a flow's last record had.
func (c *Counts) before(r *record.Flow) (before Amounts, isKnown bool) {
	if before, isKnown = c.counted[r.ID]; isKnown {
		return before, true
	}
	latest, isResumed := c.resumed[r.ID]
	if !isResumed {
		return Amounts{}, false
	}
	then := *r
	then.Client.Packets, then.Client.Bytes = latest.ClientPackets, latest.ClientBytes
	then.Server.Packets, then.Server.Bytes = latest.ServerPackets, latest.ServerBytes
	return OfDevice(&then), false
}

// Flow counts what a flow has carried since its last record.
func (c *Counts) Flow(r *record.Flow) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := OfDevice(r)
	before, isKnown := c.before(r)
	ended := uint64(0)
	switch {
	case r.State == record.StateEnd:
		ended = 1
		delete(c.counted, r.ID)
		delete(c.resumed, r.ID)
	case isKnown || len(c.counted) < c.most:
		c.counted[r.ID] = now
		delete(c.resumed, r.ID)
	default:
		return // its end counts it
	}
	more := Amounts{Bytes: [2]uint64{grown(before.Bytes[0], now.Bytes[0]), grown(before.Bytes[1], now.Bytes[1])},
		Packets: grown(before.Packets, now.Packets)}
	direction := r.Direction.String()
	if c.directions[direction] == nil {
		c.directions[direction] = &Count{Name: direction}
	}
	c.directions[direction].add(more, ended)
	c.protocols.add(r.Protocol, more, ended)
	c.apps.add(r.Application, more, ended)
}

// grown returns by how much a number has grown. The ends of a flow may change places; a counter must not fall.
func grown(before, now uint64) uint64 { return now - min(before, now) }

func (c *Count) add(more Amounts, ended uint64) {
	c.Add(more)
	c.Flows += ended
}

func (n *named) add(name string, more Amounts, ended uint64) {
	if name == "" {
		name = unknownNames
	}
	bytes := more.Bytes[0] + more.Bytes[1]
	n.total += bytes
	if n.counts[name] == nil && !n.admit(name, bytes) {
		name = OtherNames
	}
	if n.counts[name] == nil {
		n.counts[name] = &Count{Name: name}
	}
	n.counts[name].add(more, ended)
}

// admit reports whether a name gets a place of its own. What it has carried before stays among the others.
func (n *named) admit(name string, bytes uint64) bool {
	switch {
	case len(n.counts) < namedAtOnce || name == unknownNames:
		return true
	case len(n.counts) >= MostNamed:
		return false
	}
	waited, isKnown := n.waiting[name]
	if !isKnown && len(n.waiting) >= mostWaiting {
		return false
	}
	if waited += bytes; waited < max(n.total/MostNamed, leastWaitings) {
		n.waiting[name] = waited
		return false
	}
	delete(n.waiting, name)
	return true
}

// Live returns the number of flows that have not ended.
func (c *Counts) Live() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.counted)
}

// Directions, Protocols and Applications return the counts, by name.
func (c *Counts) Directions() []Count {
	return c.list(func() map[string]*Count { return c.directions })
}

// Protocols is as Directions.
func (c *Counts) Protocols() []Count {
	return c.list(func() map[string]*Count { return c.protocols.counts })
}

// Applications is as Directions.
func (c *Counts) Applications() []Count {
	return c.list(func() map[string]*Count { return c.apps.counts })
}

func (c *Counts) list(of func() map[string]*Count) []Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := of()
	all := make([]Count, 0, len(counts))
	for _, one := range counts {
		all = append(all, *one)
	}
	slices.SortFunc(all, func(a, b Count) int { return strings.Compare(a.Name, b.Name) })
	return all
}
