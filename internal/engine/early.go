// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/weirnet/weir/internal/packet"

// maxEarly is how many later fragments wait for their first one: a few datagrams of 64 KiB, the last fragment first.
const maxEarly = 1024

// earlyFragments are those that came before the first one of their datagram, which has the ports. What is known of them
// waits, not their data. Nothing is allocated before there is one.
type earlyFragments struct {
	evictions uint64 // that made room for others

	entries []earlyFragment // a ring, filled in turn: what is at next is the oldest
	chains  map[packet.Datagram]chain
	next    int32
}

// chain are the places of the first and the last fragment of a datagram that waits.
type chain struct{ first, last int32 }

type earlyFragment struct {
	datagram packet.Datagram
	frame    Frame
	packet   packet.Packet
	tunnels  [packet.MaxTunnels + 1]packet.Tunnel
	nTunnel  int
	network  uint32
	next     int32 // of the datagram
	waits    bool
}

// hold has a later fragment wait for its first one.
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
	e.frame.Data, e.packet.Data = nil, nil // lent; nobody looks into a later fragment
	c, ok := x.chains[datagram]
	if ok {
		x.entries[c.last].next = at
	} else {
		c.first = at
	}
	c.last = at
	x.chains[datagram] = c
}

// rejoin gives the fragments that wait for the first one its ports, and has them counted.
func (w *worker) rejoin(datagram packet.Datagram, first *packet.Packet, now int64) {
	if len(w.early.chains) > 0 && !first.LaterFragment && first.Fault == packet.FaultNone {
		w.countEarly(datagram, first, now)
	}
}

// giveUpFragments has fragments counted without ports that have waited for longer than some time.
func (w *worker) giveUpFragments(now, after int64) {
	x := &w.early
	for i := int32(0); i < maxEarly && len(x.chains) > 0; i++ {
		e := &x.entries[(x.next+i)%maxEarly]
		if age := now - e.frame.Time; e.waits && (after < 0 || age > after || age < -after) {
			w.countEarly(e.datagram, nil, 0)
		}
	}
}

// countEarly has the fragments of a datagram counted that wait: with the first one's ports, unless there is none, or
// not in time.
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
