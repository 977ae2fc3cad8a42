// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/topology"
)

// LinkCounts are the counters of a watched link, by the kernel and by weir.
type LinkCounts struct {
	Index uint32
	Name  string
	Role  string // lan, wan or ""
	// Networks are those of its addresses (topology.Network.Networks).
	Networks []netip.Prefix
	// Began are the first counters that weir read of the link, before it watched it or soon after; Now the last ones.
	Began, Now topology.Statistics
	Traffic
}

// linkCounts dumps the kernel's counters of all links once a second.
type linkCounts struct {
	dump    func() (map[uint32]topology.Statistics, error)
	log     func(format string, args ...any)
	due     chan struct{} // has one when a dump is due
	isOver  bool          // a dump has failed
	current atomic.Pointer[map[uint32]LinkCounts]
}

func newLinkCounts(f *topology.Follower, log func(string, ...any)) *linkCounts {
	return &linkCounts{dump: f.Statistics, log: log, due: make(chan struct{}, 1)}
}

// second is called by the hub once a second, and does not wait. A nil linkCounts counts nothing.
func (c *linkCounts) second() {
	if c != nil {
		signal(c.due)
	}
}

// read dumps the counters. One goroutine at a time calls it.
func (c *linkCounts) read() {
	if c == nil || c.isOver {
		return
	}
	all, err := c.dump()
	if err != nil {
		c.isOver = true
		c.log("stopped reading the interfaces' counters: %v", err)
		return
	}
	before := c.current.Load()
	now := make(map[uint32]LinkCounts, len(all))
	for index, s := range all {
		began := s
		if before != nil {
			if known, ok := (*before)[index]; ok {
				began = known.Began
			}
		}
		now[index] = LinkCounts{Began: began, Now: s}
	}
	c.current.Store(&now)
}

// lastCountsTime bounds the wait for the last counters: a long dump of routes may be under way.
const lastCountsTime = 500 * time.Millisecond

// start reads the counters on request in a goroutine of its own. The function that it returns reads them once more and
// ends that.
func (c *linkCounts) start() (stop func()) {
	if c == nil {
		return func() {}
	}
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for isLast := false; !isLast; {
			select {
			case <-quit:
				isLast = true
			case <-c.due:
			}
			c.read()
		}
	}()
	return func() {
		close(quit)
		select {
		case <-ended:
		case <-time.After(lastCountsTime):
		}
	}
}

// of returns the counters of watched links, in their order. It leaves out a link whose counters are not known yet.
func (c *linkCounts) of(watched []watchedLink, n *topology.Network) (all []LinkCounts) {
	if c == nil || c.current.Load() == nil {
		return nil
	}
	roles := map[string]string{}
	for _, name := range n.LANs() {
		roles[name] = "lan"
	}
	for _, name := range n.WANs() {
		roles[name] = "wan"
	}
	for _, l := range watched {
		if counts, ok := (*c.current.Load())[l.index]; ok {
			counts.Index, counts.Name, counts.Role = l.index, l.name, roles[l.name]
			counts.Networks = n.Networks(l.index)
			all = append(all, counts)
		}
	}
	return all
}
