// SPDX-License-Identifier: Apache-2.0

// Package sides puts flow records into their place: which end is LAN and which is WAN, who began the connection, and what address
// translation made of it. The two legs of a translated connection become one record.
package sides

import (
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// Placer completes records and passes them on. Flow, Tick and Close belong to one goroutine: they hold no lock, so that an output which
// blocks keeps nobody but its writer waiting. The other methods may be called by any.
type Placer struct {
	connections *conntrack.Table // nil: none are tracked
	network     atomic.Pointer[topology.Network]
	catalog     Catalog
	recent      recent
	counters    counters

	// What follows is the one goroutine's.
	emit    func(*record.Flow) error
	joints  joints
	carried carried
	late    late

	patience  time.Duration // see defaults.LegPatience
	forgotten time.Duration // see defaults.LegForgotten
}

// counters say how often there was no room.
type counters struct{ unjoined, unwaited, uncarried atomic.Uint64 }

// Collect adds the counts to a snapshot.
func (p *Placer) Collect(s *metric.Snapshot) {
	s.Add(metric.LegsUnjoined, p.counters.unjoined.Load())
	s.Add(metric.RecordsUnwaited, p.counters.unwaited.Load())
	s.Add(metric.RecordsUncarried, p.counters.uncarried.Load())
}

// SetIdle tells for how long a flow may be silent, if not for the default times. It is called before the first record.
func (p *Placer) SetIdle(tcpIdle, idle time.Duration) {
	p.patience, p.forgotten = defaults.LegPatience(idle), defaults.LegForgotten(tcpIdle, idle)
}

// New returns a Placer that gives completed records, which are valid during the call, to emit. connections may be nil.
func New(connections *conntrack.Table, emit func(*record.Flow) error) *Placer {
	p := &Placer{connections: connections, joints: newJoints(), carried: carried{}}
	p.SetIdle(defaults.TCPIdle, defaults.Idle)
	p.emit = func(r *record.Flow) error {
		p.recent.keep(r)
		return emit(r)
	}
	return p
}

// Catalog says by which of its entries an application was found.
type Catalog interface {
	HostEntry(host []byte) (name string, ok bool)
	AddressEntry(netip.Addr) (block netip.Prefix, ok bool)
}

// SetCatalog has explanations name the catalog's entries. It has to come before the first record.
func (p *Placer) SetCatalog(c Catalog) { p.catalog = c }

// SetNetwork has addresses judged by n from now on.
func (p *Placer) SetNetwork(n *topology.Network) { p.network.Store(n) }

// Network is that by which addresses are judged; nil before the first SetNetwork.
func (p *Placer) Network() *topology.Network { return p.network.Load() }

// Flow completes a record, in place, and passes it on, or keeps a copy until the other leg's record comes.
func (p *Placer) Flow(r *record.Flow) error {
	return p.flow(r, false)
}

// flow is Flow, of a record that has maybe waited for its connection.
func (p *Placer) flow(r *record.Flow, hasWaited bool) error {
	found, ok := p.find(r)
	switch {
	case ok && found.IsReply && found.IsShared: // whose answers these are nothing tells: they are the gateway's
		orient(r, found.Reply.Dst)
		ok = false
	case ok:
		attach(r, &found)
	case !hasWaited && p.isLate(r):
		return nil
	}
	p.place(r)
	switch {
	case ok && isLeg(r, &found):
		return p.join(r, &found)
	case ok && found.IsTranslated():
		p.whole(r, &found)
	}
	if ok {
		return p.pass(r, &found)
	}
	return p.emit(r)
}

// place says on which sides the ends are.
func (p *Placer) place(r *record.Flow) {
	n := p.network.Load()
	if n == nil {
		return
	}
	client, server := n.Side(r.Client.Addr.Addr(), r.Interface), n.Side(r.Server.Addr.Addr(), r.Interface)
	if r.Direction == record.DirectionBroadcast { // its frames went to everyone, which an address alone need not show
		server = record.SideBroadcast
	}
	r.Client.Side, r.Server.Side = client, server
	r.Direction = record.DirectionBetween(client, server)
}

// find looks for the connection that a record is of, under any of its names.
func (p *Placer) find(r *record.Flow) (f conntrack.Found, ok bool) {
	if p.connections == nil {
		return f, false
	}
	key, _ := tupleOf(r).Key()
	return p.connections.FindDuring(&key, time.Unix(0, r.FirstSeen), time.Unix(0, r.LastSeen))
}

// attach writes what is known of the connection into the record: the client is who began it, and both ends have their own addresses,
// whatever the leg that was seen calls them.
func attach(r *record.Flow, f *conntrack.Found) {
	client := f.Original.Src // as this leg calls it
	if f.IsReply {
		client = f.Reply.Dst
	}
	orient(r, client)
	r.Conntrack = record.Conntrack{
		ID: f.ID, Mark: f.Mark, Zone: f.Zone, IsTracked: true,
		IsOffloaded: f.Status&(conntrack.Offloaded|conntrack.HardwareOffloaded) != 0,
	}
	if !f.IsTranslated() {
		return
	}
	r.NAT = record.NAT{Kind: f.NAT(), Client: endOf(r, f.Reply.Dst), Server: endOf(r, f.Original.Dst)}
	if own := tupleOf(r); own.Src != f.Original.Src || own.Dst != f.Reply.Src {
		r.Client.Addr, r.Server.Addr = endOf(r, f.Original.Src), endOf(r, f.Reply.Src)
		if isICMP(r) {
			r.ICMPID = f.Original.Src.Port()
		}
		rename(r)
	}
}

func isICMP(r *record.Flow) bool { return r.Proto == packet.ProtoICMP || r.Proto == packet.ProtoICMPv6 }

// tupleOf are the ends of a record as connection tracking has them: those of an ICMP query have what stands for ports.
func tupleOf(r *record.Flow) conntrack.Tuple {
	t := conntrack.Tuple{Src: r.Client.Addr, Dst: r.Server.Addr, Proto: r.Proto}
	if isICMP(r) {
		id, server := packet.QueryPorts(r.Proto, r.ICMPType, r.ICMPID)
		t.Src, t.Dst = netip.AddrPortFrom(t.Src.Addr(), id), netip.AddrPortFrom(t.Dst.Addr(), server)
	}
	return t
}

// endOf is an end of a connection as a record has it: without what stands for a port.
func endOf(r *record.Flow, end netip.AddrPort) netip.AddrPort {
	if isICMP(r) {
		return netip.AddrPortFrom(end.Addr(), 0)
	}
	return end
}

// orient makes the end with an address the client.
func orient(r *record.Flow, client netip.AddrPort) {
	if tupleOf(r).Src != client {
		r.Client, r.Server = r.Server, r.Client
	}
}

// rename gives a record the identity of its ends.
func rename(r *record.Flow) {
	key, fromLower := tupleOf(r).Key()
	r.ID = key.ID(r.FirstSeen)
	r.CommunityID = key.AppendCommunityID(r.CommunityID[:0], r.ICMPType, r.ICMPCode, fromLower)
}

// idOf is the id that a record's flow would have if it had begun at first.
func idOf(r *record.Flow, first int64) [32]byte {
	key, _ := tupleOf(r).Key()
	return key.ID(first)
}

// isLeg says whether a record is of one leg of a translated connection only: where the legs were counted apart, each has the packets
// of one end, since packets are counted where they come in.
func isLeg(r *record.Flow, f *conntrack.Found) bool {
	oneWay := (r.Client.Packets == 0) != (r.Server.Packets == 0)
	return oneWay && !f.IsShared && f.IsTranslated() && f.Status&conntrack.SeenReply != 0
}

// Tick gives up waiting for records that don't come, and tells how connections go on that a card forwards.
func (p *Placer) Tick(now time.Time) error {
	if err := p.giveUpLate(now); err != nil {
		return err
	}
	if err := p.followCarried(now); err != nil {
		return err
	}
	return p.giveUp(now)
}

// Close passes on what waits, after the last record.
func (p *Placer) Close() error {
	now := time.Now()
	if err := p.giveUpLate(now.Add(24 * time.Hour)); err != nil {
		return err
	}
	if err := p.endJoints(); err != nil {
		return err
	}
	if err := p.followCarried(now); err != nil {
		return err
	}
	return p.endAllCarried()
}
