// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/weirnet/weir/internal/packet"

// maxEarly bounds the fragments that wait for the first one of their datagram: those of a few datagrams of 64 KiB whose
// last fragment comes first.
const maxEarly = 1024

// earlyFragments are fragments that arrived before the first one of their datagram, which has the ports. Their headers
// wait, not their data. The first one allocates the memory.
type earlyFragments struct {
	evictions uint64 // fragments given up for want of room

	entries []earlyFragment // a ring; the oldest is at next
	chains  map[packet.Datagram]chain
	next    int32
}

// chain has the places of a datagram's first and last waiting fragment.
type chain struct{ first, last int32 }

type earlyFragment struct {
	datagram packet.Datagram
	frame    Frame
	packet   packet.Packet
	tunnels  [packet.MaxTunnels + 1]packet.Tunnel
	nTunnel  int
	network  uint32
	next     int32 // the place of the datagram's next fragment
	waits    bool
}

// hold keeps a later fragment until the first one of its datagram arrives.
func (w *worker) hold(datagram packet.Datagram, fr *Frame, p *packet.Packet, tunnels []packet.Tunnel, network uint32) {
	x := &w.early
	if x.entries == nil {
		x.entries, x.chains = make([]earlyFragment, maxEarly), make(map[packet.Datagram]chain, maxEarly)
	}
	at := x.next
	e := &x.entries[at]
	if e.waits {
		x.evictions++
		w.countEarly(e.datagram, nil, 0)
	}
	x.next = (at + 1) % maxEarly
	*e = earlyFragment{datagram: datagram, frame: *fr, packet: *p, network: network, waits: true}
	e.nTunnel = copy(e.tunnels[:], tunnels)
	e.frame.Data, e.packet.Data = nil, nil // lent; nobody inspects a later fragment
	c, ok := x.chains[datagram]
	if ok {
		x.entries[c.last].next = at
	} else {
		c.first = at
	}
	c.last = at
	x.chains[datagram] = c
}

// rejoin gives the waiting fragments the ports of the first one, and counts them.
func (w *worker) rejoin(datagram packet.Datagram, first *packet.Packet, now int64) {
	if len(w.early.chains) > 0 && !first.LaterFragment && first.Fault == packet.FaultNone {
		w.countEarly(datagram, first, now)
	}
}

// giveUpFragments counts fragments that have waited longer than a time, without ports.
func (w *worker) giveUpFragments(now, after int64) {
	x := &w.early
	for i := int32(0); i < maxEarly && len(x.chains) > 0; i++ {
		e := &x.entries[(x.next+i)%maxEarly]
		if age := now - e.frame.Time; e.waits && (after < 0 || age > after || age < -after) {
			w.countEarly(e.datagram, nil, 0)
		}
	}
}

// countEarly counts the waiting fragments of a datagram: with the ports of the first one if it came in time, else
// without ports.
func (w *worker) countEarly(datagram packet.Datagram, first *packet.Packet, now int64) {
	x := &w.early
	c, ok := x.chains[datagram]
	if !ok {
		return
	}
	delete(x.chains, datagram)
	for at := c.first; ; at = x.entries[at].next {
		e := &x.entries[at]
		e.waits = false
		p := &e.packet
		if age := now - e.frame.Time; first != nil && -packet.FragmentLifetime <= age &&
			age <= packet.FragmentLifetime {
			p.SrcPort, p.DstPort, p.Proto = first.SrcPort, first.DstPort, first.Proto
		} else {
			w.counters.UnresolvedFragments++
		}
		w.flowPacket(&e.frame, p, e.tunnels[:e.nTunnel], e.network)
		if at == c.last {
			return
		}
	}
}
