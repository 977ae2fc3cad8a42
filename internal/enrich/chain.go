// SPDX-License-Identifier: Apache-2.0

// Package enrich completes flow records on their way to the output by a chain of stages: the connection that the kernel
// tracks (connection.go), the side of each end, LAN or WAN (sides.go), connections found late after lost events
// (resync.go), the join of a translated connection's two legs (natlegs.go), and the kernel's counts of an offloaded
// connection (offload.go). No stage reads the clock: callers pass the time in.
package enrich

import (
	"time"

	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/geo"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/sockets"
	"github.com/weirnet/weir/internal/topology"
)

// Chain completes records and passes them on. One goroutine calls Flow, Tick and Close: they hold no lock, so that a
// blocked output stops only its own writer. Any goroutine may call the other methods.
type Chain struct {
	connections *conntrack.Table // nil: none are tracked
	emit        func(*record.Flow) error

	placement placement
	resync    resync
	natLegs   natLegs
	offload   offload
	origins   *geo.Table     // nil: none are known
	processes *sockets.Table // nil: none are known
}

// New returns a Chain that passes completed records, valid during the call, to emit. connections may be nil.
func New(connections *conntrack.Table, emit func(*record.Flow) error) *Chain {
	c := &Chain{connections: connections}
	c.emit = func(r *record.Flow) error {
		c.origins.Flow(r)
		c.processes.Flow(r)
		return emit(r)
	}
	c.resync = resync{connections: connections, next: c.known}
	c.offload = offload{connections: connections, next: c.emit, records: offloadedRecords{}}
	c.natLegs = natLegs{next: c.joined, pairs: map[pairKey]*pair{}}
	c.SetIdle(defaults.TCPIdle, defaults.Idle)
	return c
}

// SetIdle sets the flows' idle times if they differ from the defaults. Call it before the first record.
func (c *Chain) SetIdle(tcpIdle, idle time.Duration) {
	c.natLegs.wait, c.natLegs.liveSilence = defaults.LegPatience(idle), defaults.LegForgotten(tcpIdle, idle)
}

// SetOrigins makes t tell the autonomous systems and countries of ends. Call it before the first record.
func (c *Chain) SetOrigins(t *geo.Table) { c.origins = t }

// SetProcesses makes t tell the processes of local flows. Call it before the first record.
func (c *Chain) SetProcesses(t *sockets.Table) { c.processes = t }

// Collect adds how often each stage was full.
func (c *Chain) Collect(s *metric.Snapshot) {
	s.Add(metric.LegsUnjoined, c.natLegs.full.Load())
	s.Add(metric.RecordsUnwaited, c.resync.full.Load())
	s.Add(metric.OffloadsUnfollowed, c.offload.full.Load())
}

// Waiting is how many records wait in a stage, how many waited at most since the last call, and how many may wait.
type Waiting struct{ Length, Peak, Limit int }

// Waiting returns what waits for the other leg of a connection, in pairs, and for a list of connections. The goroutine
// that calls Flow calls it.
func (c *Chain) Waiting() (legs, resync Waiting) {
	one, held := &c.natLegs.oneLeg, &c.resync
	legs, resync = Waiting{one.n, one.peak, maxPairs}, Waiting{len(held.held), held.peak, maxResync}
	one.peak, held.peak = one.n, len(held.held)
	return legs, resync
}

// SetNetwork makes n the network by which the chain places addresses.
func (c *Chain) SetNetwork(n *topology.Network) { c.placement.network.Store(n) }

// Network returns the network by which the chain places addresses; nil before the first SetNetwork.
func (c *Chain) Network() *topology.Network { return c.placement.network.Load() }

// Flow completes a record, in place, and passes it on, or holds a copy until the other leg's record arrives, or the
// dump that replaces lost events.
func (c *Chain) Flow(r *record.Flow, now time.Time) error {
	found, ok := findConnection(c.connections, r)
	if !ok && c.resync.hold(r, now) {
		return nil
	}
	return c.found(r, found, ok, now)
}

// known is Flow for a record that the resync stage has released.
func (c *Chain) known(r *record.Flow, now time.Time) error {
	found, ok := findConnection(c.connections, r)
	return c.found(r, found, ok, now)
}

// found takes a record through the stages after the search for its connection.
func (c *Chain) found(r *record.Flow, f conntrack.Found, ok bool, now time.Time) error {
	ok = ok && attach(r, &f)
	c.placement.flow(r)
	switch {
	case !ok:
		return c.emit(r)
	case isNATLeg(r, &f), c.natLegs.hasOutlived(r, &f, now):
		return c.natLegs.flow(r, &f, now)
	case f.IsTranslated():
		c.natLegs.bothWays(r, &f, now)
	}
	return c.offload.flow(r, &f)
}

// joined takes a record of the NAT legs stage through the rest. The connection may have ended.
func (c *Chain) joined(r *record.Flow, key *pairKey) error {
	f, ok := c.connections.FindID(&key.tuple, key.id)
	if !ok {
		return c.emit(r)
	}
	return c.offload.flow(r, &f)
}

// Tick passes on the records that have waited long enough, and records of offloaded connections that went on or ended.
func (c *Chain) Tick(now time.Time) error {
	if err := c.resync.tick(now); err != nil {
		return err
	}
	if err := c.offload.tick(now); err != nil {
		return err
	}
	return c.natLegs.tick(now)
}

// Close passes on all waiting records, after the last one.
func (c *Chain) Close(now time.Time) error {
	if err := c.resync.release(len(c.resync.held), now); err != nil {
		return err
	}
	if err := c.natLegs.close(); err != nil {
		return err
	}
	if err := c.offload.tick(now); err != nil {
		return err
	}
	return c.offload.close()
}
