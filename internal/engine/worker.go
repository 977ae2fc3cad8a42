// SPDX-License-Identifier: Apache-2.0

// Package engine turns packets into flow records: it decodes them, finds their flows, dissects and classifies them, and
// collects the records.
package engine

import (
	"cmp"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/event"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// Config is shared by all workers. Zero values mean defaults.
type Config struct {
	// MaxPacketsTCP and MaxPacketsOther bound the packets with payload of each flow that the dissectors inspect; 0:
	// those of defaults.
	MaxPacketsTCP, MaxPacketsOther int
	// KeepTunnels skips the decoding of tunnels: only the outer flows count.
	KeepTunnels bool
	// IgnoreVLAN leaves VLAN identifiers out of the flows' keys, for mirror ports that give each direction a VLAN of
	// its own.
	IgnoreVLAN bool
	// TCPHealth notes what headers tell of a flow's health (flow.Health).
	TCPHealth bool
	// UpdateEvery is the interval, in the packets' time, of records of live flows that had packets; 0: none.
	UpdateEvery time.Duration
	// IsFollowed, unless nil, reports whether somebody watches the flows as they come: then a flow's first record comes
	// as soon as inspection has named it or given up, and others at the interval of FollowEvery.
	IsFollowed func() bool
	// FollowEvery, unless nil, returns the interval for those who watch; 0: followEvery.
	FollowEvery func() time.Duration
	// Events, unless nil, holds the record.Types of events that somebody wants; it may change at any time. OnEvent gets
	// them, before the flow records of the same handover, on the goroutine that takes those.
	Events  *atomic.Uint32
	OnEvent func(*record.Event) error
	// Flows bounds each worker's table.
	Flows flow.Config
	// CountEach makes a Pipeline count a packet each time the capture shows it (see once).
	CountEach bool
	// Classifier names applications.
	Classifier *classify.Classifier
	// Protocols is the table of dissectors.
	Protocols *dissect.Table
	// OnPanic receives dissectors' panics; see dissect.Pool.
	OnPanic func(protocol string, c *dissect.Conversation, cause any)
}

// maxFragments bounds the fragmented datagrams followed at once: at 64 bytes each a quarter of a megabyte.
const maxFragments = 4096

// Frame is one captured frame on its way to a worker.
type Frame struct {
	Data      []byte // as captured; valid during the call
	Length    int    // bytes on the wire
	Time      int64  // nanoseconds since the Unix epoch
	Number    uint64 // of the frame in the capture, from 1
	Interface uint16
	Link      packet.LinkType
	Segments  uint16 // packets of the frame on the wire; 0 and 1 mean one
	Direction packet.Direction
	// Origin numbers the interfaces of a capture file, even those without a name; 0: unknown.
	Origin uint64
	// as holds, for each tunnel depth, the ends that count the packet; nil: its own. copied is the set of depths whose
	// packets earlier frames have counted.
	as        [packet.MaxTunnels + 1]*ends
	copied    uint8
	isCounted bool // by the kernel, in the slot ref
	isPart    bool // a later frame of an aggregate, which counted as one
	ref       capture.FlowRef
	depths    uint8 // set of tunnel depths that this worker counts: bit 0 is the outermost
}

// allDepths is for a frame that goes to one worker only.
const allDepths = 1<<(packet.MaxTunnels+1) - 1

// Marks of flow.Flow.
const (
	clientIsLower uint8 = 1 << iota
	decided
	midstream
	identified // an event has the flow's id
	unfollowed // too many flows have events
)

// detail is the cold part of a flow. Its fields are in the order of their sizes: each flow has them.
type detail struct {
	number  uint64 // of the flow's first frame
	first   int64
	session *dissect.Session
	// text holds the host name and the metadata, one after the other.
	text                 []byte
	protocol             string
	application          *classify.Application // of worker.applications; nil: none
	stream               *event.Stream         // of a TCP flow with events
	health               flow.Health
	isn                  uint32 // TCP: the client's initial sequence number, after a handshake (flow.Handshake)
	risks                record.Risks
	slot                 uint32 // the kernel's slot plus 1; 0: the worker counts
	reported             uint32 // packets at the last record, if isReported; their lower half is enough
	hostEnd              uint16
	iface                uint16
	vlans                [packet.MaxVLANs]uint16
	clientMAC, serverMAC [6]byte
	tunnels              [packet.MaxTunnels]packet.Tunnel
	nVLAN, nTunnel       uint8
	method               record.Method
	certificate          dissect.Certificate
	cuts                 dissect.Cut // counted cuts
	icmpType, icmpCode   uint8
	ruledOut             uint8 // guesses by port
	isReported           bool
	imagined             bool // known by its slot only: no frame was shown yet
	awaitsSYN            bool // so it was, and its first SYN was not shown yet
}

// Counters counts frames by their fate. Each Counters belongs to one worker.
type Counters struct {
	Frames, Bytes uint64
	// Faults counts frames and inner packets by packet.Fault; those with a network layer also count in flows.
	Faults [packet.NumFaults]uint64
	// Packets counts those in flows: inner packets of tunnels are packets of their own.
	Packets uint64
	// WireBytes are their bytes on the wire, from the network header on.
	WireBytes uint64
	// Refused counts packets that found no place in a full flow table.
	Refused uint64
	// Late counts packets of ended connections that a full flow table has evicted: their records are made.
	Late uint64
	// Unread counts packets with a payload that the kernel counted for a flow, and that the worker read after its end.
	Unread uint64
	// TunnelLimit counts packets with more tunnels than packet.MaxTunnels.
	TunnelLimit uint64
	// UnresolvedFragments counts later fragments whose first one was not seen in time: their flow has no ports.
	UnresolvedFragments uint64
	// ExpectationsForgotten counts announced flows that others replaced.
	ExpectationsForgotten uint64
	// Interrupted counts flows without a name whose inspection a restart has ended.
	Interrupted uint64
	// Unresumed counts flows from before a restart that found no place in a smaller table.
	Unresumed uint64
	// Cuts counts flows by the limits of dissect that cut them, in the order of dissect.Cut.
	Cuts [numCuts]uint64
}

const numCuts = 5

// countCuts counts the cuts of a flow.
func (c *Counters) countCuts(cuts dissect.Cut) {
	for i := range c.Cuts {
		c.Cuts[i] += uint64(cuts >> i & 1)
	}
}

// Collect adds the counts to a snapshot.
func (c *Counters) Collect(s *metric.Snapshot) {
	s.Add(metric.Frames, c.Frames)
	s.Add(metric.FrameBytes, c.Bytes)
	for fault := packet.FaultNone + 1; fault < packet.NumFaults; fault++ {
		s.Add(metric.UndecodedLinkType+metric.ID(fault-packet.FaultLinkType), c.Faults[fault])
	}
	s.Add(metric.Packets, c.Packets)
	s.Add(metric.Bytes, c.WireBytes)
	s.Add(metric.PacketsRefused, c.Refused)
	s.Add(metric.PacketsLate, c.Late)
	s.Add(metric.PacketsUnread, c.Unread)
	s.Add(metric.TunnelLimit, c.TunnelLimit)
	s.Add(metric.UnresolvedFragments, c.UnresolvedFragments)
	s.Add(metric.ExpectationsForgotten, c.ExpectationsForgotten)
	s.Add(metric.FlowsInterrupted, c.Interrupted)
	s.Add(metric.FlowsUnresumed, c.Unresumed)
	for i, n := range c.Cuts {
		s.Add(metric.HostsCut+metric.ID(i), n)
	}
}

func (c *Counters) add(o *Counters) {
	c.Frames += o.Frames
	c.Bytes += o.Bytes
	for i, n := range o.Faults {
		c.Faults[i] += n
	}
	c.Packets += o.Packets
	c.WireBytes += o.WireBytes
	c.Refused += o.Refused
	c.Late += o.Late
	c.Unread += o.Unread
	c.TunnelLimit += o.TunnelLimit
	c.UnresolvedFragments += o.UnresolvedFragments
	c.ExpectationsForgotten += o.ExpectationsForgotten
	c.Interrupted += o.Interrupted
	c.Unresumed += o.Unresumed
	for i, n := range o.Cuts {
		c.Cuts[i] += n
	}
}

// worker owns its flows: it shares nothing, and takes no lock per packet.
type worker struct {
	Config
	counters  Counters
	clock     *steadyClock // of a Pipeline; nil live
	table     *flow.Table[detail]
	pool      *dissect.Pool
	fragments *packet.Fragments
	early     earlyFragments
	expected  expectations

	packets [packet.MaxTunnels + 1]packet.Packet
	tunnels [packet.MaxTunnels + 1]packet.Tunnel // includes the one around the whole frame
	segment dissect.Segment
	flow    dissect.Flow

	applications map[classify.Application]*classify.Application // see kept

	events events
	batch  batch // results of this tick
	period int64 // the present period of UpdateEvery

	accounting accounting
}

func newWorker(c Config) *worker {
	if c.MaxPacketsTCP <= 0 {
		c.MaxPacketsTCP = defaults.PacketsTCP
	}
	if c.MaxPacketsOther <= 0 {
		c.MaxPacketsOther = defaults.PacketsOther
	}
	w := &worker{Config: c, pool: dissect.NewPool(), fragments: packet.NewFragments(maxFragments)}
	w.pool.OnPanic = c.OnPanic
	w.table = flow.NewTable(c.Flows, w.ended)
	w.events.worker = w
	w.accounting = ownAccounting{w}
	return w
}

// followEvery is the usual interval of a live flow's records while somebody follows.
const followEvery = 5 * time.Second

func (w *worker) isFollowed() bool { return w.IsFollowed != nil && w.IsFollowed() }

// advance ends the flows whose time is over, and reports live ones when a period of UpdateEvery has passed.
func (w *worker) advance(now int64) {
	w.giveUpFragments(now, packet.FragmentLifetime)
	w.table.Advance(now)
	w.events.advance(now)
	every := w.UpdateEvery
	if w.isFollowed() {
		follow := followEvery
		if w.FollowEvery != nil {
			follow = cmp.Or(w.FollowEvery(), followEvery)
		}
		if every <= 0 || every > follow {
			every = follow
		}
	}
	if every <= 0 {
		return
	}
	if period := now / int64(every); period != w.period {
		w.period = period
		w.update()
	}
}

// frame decodes one frame and handles each of its packets.
func (w *worker) frame(f *Frame) {
	if f.depths&1 != 0 && !f.isPart {
		w.counters.Frames++
		w.counters.Bytes += uint64(f.Length)
	}
	p := &w.packets[0]
	p.Decode(f.Link, f.Data, f.Length)
	network, outer := uint32(0), 0
	if p.Around != packet.TunnelNone {
		w.tunnels[0], network, outer = p.Around, p.Network, 1
	}
	for depth := 0; ; depth++ {
		mine := f.depths>>depth&1 != 0
		if as := f.as[depth]; as != nil && p.IPVersion != 0 {
			as.apply(p)
			network = as.network
		}
		if mine {
			w.counters.Faults[p.Fault]++
		}
		if p.IPVersion == 0 {
			return
		}
		switch {
		case !mine:
		case depth == 0 && f.isCounted:
			w.accounting.take(f, p)
		default:
			w.packet(f, p, w.tunnels[:outer+depth], network)
		}
		if p.Tunnel == packet.TunnelNone || w.KeepTunnels {
			return
		}
		if depth == packet.MaxTunnels {
			if mine {
				w.counters.TunnelLimit++
			}
			return
		}
		network = tunnelNetwork(p)
		inner := &w.packets[depth+1]
		if !inner.Inner(p) {
			return
		}
		w.tunnels[outer+depth] = p.Tunnel
		p = inner
	}
}

// tunnelNetwork returns the network identifier of a VXLAN (RFC 7348 §5; in the generic form too) or Geneve (RFC 8926
// §3.4) packet, plus one; 0 for tunnels without one, or with one for each direction.
func tunnelNetwork(p *packet.Packet) uint32 {
	switch p.Tunnel {
	case packet.TunnelVXLAN, packet.TunnelVXLANGPE, packet.TunnelGeneve:
	default:
		return 0
	}
	b := p.Payload() // the decoder has checked its header of 8 bytes
	return uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6]) + 1
}

// packet counts one packet in its flow, and passes it to the dissectors while the flow has no name. network separates
// equal addresses in different tunnels.
func (w *worker) packet(fr *Frame, p *packet.Packet, tunnels []packet.Tunnel, network uint32) {
	if !p.Fragment {
		w.flowPacket(fr, p, tunnels, network)
		return
	}
	datagram := p.Datagram()
	if !w.fragments.Resolve(p, fr.Time) && p.LaterFragment {
		w.hold(datagram, fr, p, tunnels, network)
		return
	}
	w.flowPacket(fr, p, tunnels, network)
	w.rejoin(datagram, p, fr.Time)
}

// key returns the key of p's flow; see flow.NewKey.
func (w *worker) key(p *packet.Packet, network uint32) (k flow.Key, fromLower bool) {
	if !w.IgnoreVLAN || p.NVLAN == 0 {
		return flow.NewKey(p, network)
	}
	n := p.NVLAN
	p.NVLAN = 0
	k, fromLower = flow.NewKey(p, network)
	p.NVLAN = n
	return k, fromLower
}

// flowPacket is packet for one whose ports are known, or will never be.
func (w *worker) flowPacket(fr *Frame, p *packet.Packet, tunnels []packet.Tunnel, network uint32) {
	key, fromLower := w.key(p, network)
	if w.isLate(&key, p, fr.Time) {
		w.counters.Late += max(uint64(fr.Segments), 1)
		return
	}
	i, created, ok := w.table.Get(&key, fr.Time)
	if ok && !created && (p.TCPFlags&packet.SYN != 0 || fr.Time < w.table.Flow(i).Last) {
		if why, over := w.isOver(i, p, fr.Time); over {
			w.table.End(i, why)
			i, created, ok = w.table.Get(&key, fr.Time)
		}
	}
	if !ok {
		w.counters.Refused++
		return
	}
	f := w.table.Flow(i)
	if created {
		w.begin(i, f, fr, p, fromLower, tunnels)
	}
	fromClient := (f.Marks&clientIsLower != 0) == fromLower
	way := 1
	if fromClient {
		way = 0
	}
	w.count(i, f, fr, p, way, len(tunnels) > 0)
	if fr.Time >= f.Last {
		f.Heard(fr.Time)
	} else if d := w.table.Detail(i); !d.isReported && f.Marks&identified == 0 {
		d.first = min(d.first, fr.Time) // packets out of order, or a clock that was set back
	}
	f.Answer()
	if p.Proto == packet.ProtoTCP && !p.LaterFragment && f.Follow(p.TCPFlags, p.WirePayload > 0, way) {
		w.table.Hasten(i)
	}
	if f.Marks&decided == 0 && !p.LaterFragment {
		w.dissect(i, f, p, fr, fromClient)
		w.release(i, f)
	}
	if w.wanted() != 0 {
		w.tell(i, f, p, fr, fromClient)
	}
	w.announce(i)
}

// isLate reports whether p belongs to an ended connection that the full table has evicted.
func (w *worker) isLate(key *flow.Key, p *packet.Packet, now int64) bool {
	return p.Proto == packet.ProtoTCP && !p.LaterFragment && w.table.IsLate(key, p.TCPFlags, p.WirePayload > 0, now)
}

// count adds a packet to its flow, unless the kernel counts that: a packet within a tunnel may be seen again after it
// has left the tunnel. A packet that the kernel had no room to count and handed over is in no slot, even if its flow
// has one by now.
func (w *worker) count(i flow.Index, f *flow.Flow, fr *Frame, p *packet.Packet, way int, inTunnel bool) {
	if inTunnel && w.accounting.isCounted(i) {
		return
	}
	packets := max(uint64(fr.Segments), 1)
	bytes := uint64(p.WireBytes)
	if packets > 1 { // each had the headers that the frame has once
		bytes += (packets - 1) * uint64(p.PayloadOffset-p.NetworkOffset)
	}
	if w.TCPHealth {
		w.examine(i, f, p, way, packets, fr.Time)
	}
	f.Packets[way] += packets
	f.Bytes[way] += bytes
	w.counters.Packets += packets
	w.counters.WireBytes += bytes
}

// examine notes the health of a flow that the worker counts, before the packet counts.
func (w *worker) examine(i flow.Index, f *flow.Flow, p *packet.Packet, way int, packets uint64, at int64) {
	d := w.table.Detail(i)
	if d.slot != 0 {
		return // the kernel's reading replaces it
	}
	if f.Packets[way] == 0 {
		d.health.First(p, way)
	}
	if p.Proto == packet.ProtoTCP && !p.LaterFragment && p.Fault != packet.FaultTransport {
		d.health.Take(p, way, uint32(packets), at)
	}
}

// isOver reports whether p begins another flow with the key of the flow at i: the clock was set back by more than the
// idle time, or p is a SYN that does not repeat the flow's own.
func (w *worker) isOver(i flow.Index, p *packet.Packet, now int64) (why flow.Reason, over bool) {
	f := w.table.Flow(i)
	if now < f.Last && flow.IsIdle(f.Last, now, w.table.Timeout(i)) {
		return flow.Idle, true
	}
	if p.Proto != packet.ProtoTCP || p.TCPFlags&(packet.SYN|packet.ACK) != packet.SYN {
		return 0, false
	}
	return f.ReasonReplaced(), f.IsReplaced(w.table.Detail(i).isn, p.Seq, now)
}

// begin fills a new flow.
func (w *worker) begin(i flow.Index, f *flow.Flow, fr *Frame, p *packet.Packet, fromLower bool,
	tunnels []packet.Tunnel) {
	sourceIsClient, sure := sourceIsClient(p)
	announced := w.expected.find(p.Src, netip.AddrPortFrom(p.Dst, p.DstPort), transport(p.Proto), fr.Time)
	if announced != nil && announced.ServerFirst {
		sourceIsClient = false
	}
	if sourceIsClient == fromLower {
		f.Marks |= clientIsLower
	}
	d := w.table.Detail(i)
	switch {
	case sure && sourceIsClient:
		f.TCP |= flow.Handshake
		d.isn = p.Seq
	case sure:
		f.TCP |= flow.Handshake
		d.isn = p.Ack - 1
	case p.Proto == packet.ProtoTCP:
		f.Marks |= midstream
	}
	d.number, d.first, d.iface = fr.Number, fr.Time, fr.Interface
	d.icmpType, d.icmpCode = p.ICMPType, p.ICMPCode
	if request, _ := p.Query(); request != 0 {
		d.icmpType = request
	}
	d.vlans, d.nVLAN = p.VLANs, p.NVLAN
	d.nTunnel = uint8(copy(d.tunnels[:], tunnels))
	if p.HasMAC {
		if sourceIsClient {
			d.clientMAC, d.serverMAC = p.SrcMAC, p.DstMAC
		} else {
			d.clientMAC, d.serverMAC = p.DstMAC, p.SrcMAC
		}
	}
	if w.isTunnel(i, p) {
		return
	}
	if announced == nil || sourceIsClient {
		client, server := w.ends(i)
		announced = w.expected.find(client.Addr(), server, transport(p.Proto), fr.Time)
	}
	if announced != nil {
		f.Marks |= decided
		d.protocol, d.method = announced.Protocol, record.MethodDPI
	}
}

// isTunnel names a flow whose first frame carries a packet: decoding has checked the tunnel's kind.
func (w *worker) isTunnel(i flow.Index, p *packet.Packet) bool {
	if p.Tunnel == packet.TunnelNone {
		return false
	}
	w.table.Flow(i).Marks |= decided
	d := w.table.Detail(i)
	d.protocol, d.method = p.Tunnel.String(), record.MethodDPI
	return true
}

// release returns the session of a connection that both sides have closed: no payload follows.
func (w *worker) release(i flow.Index, f *flow.Flow) {
	if d := w.table.Detail(i); d.session != nil && f.State == flow.Ended && f.EndReason == flow.Closed {
		w.finish(i, f, d)
		f.Marks |= decided
	}
}

// ends returns the client and the server of a flow.
func (w *worker) ends(i flow.Index) (client, server netip.AddrPort) {
	k := w.table.Key(i)
	if w.table.Flow(i).Marks&clientIsLower != 0 {
		return k.Lower(), k.Upper()
	}
	return k.Upper(), k.Lower()
}

func transport(proto uint8) dissect.Transport {
	switch proto {
	case packet.ProtoTCP:
		return dissect.TCP
	case packet.ProtoUDP, packet.ProtoUDPLite:
		return dissect.UDP
	case packet.ProtoSCTP:
		return dissect.SCTP
	}
	return dissect.IP
}

// dissect passes a packet to the flow's session.
func (w *worker) dissect(i flow.Index, f *flow.Flow, p *packet.Packet, fr *Frame, fromClient bool) {
	payload := p.Payload()
	syn := p.TCPFlags&packet.SYN != 0 && p.Proto == packet.ProtoTCP
	if len(payload) == 0 && !syn {
		return
	}
	d := w.table.Detail(i)
	if d.session == nil {
		d.session = w.pool.Get()
	}
	budget := w.MaxPacketsOther
	if p.Proto == packet.ProtoTCP {
		budget = w.MaxPacketsTCP
	}
	if len(payload) > 0 && f.Shown < 255 {
		f.Shown++
	}
	w.setFlow(i, f)
	w.segment = dissect.Segment{
		Payload: payload, Length: int(p.WirePayload), Seq: p.Seq, Ack: p.Ack,
		SYN: syn, ACK: p.TCPFlags&packet.ACK != 0, FromClient: fromClient,
		Last: int(f.Shown) >= budget,
	}
	outcome, result := d.session.Feed(w.Protocols, w.pool, &w.flow, &w.segment)
	if result != nil {
		w.learn(d, result, fr.Number, fr.Time)
		if w.wanted() != 0 {
			w.follow(i, f, d, fr)
		}
	}
	if outcome == dissect.Decided || outcome == dissect.Failed {
		w.giveBack(i, d, fr.Number, fr.Time)
		f.Marks |= decided
	}
}

// setFlow fills w.flow, the dissectors' view of flow i.
func (w *worker) setFlow(i flow.Index, f *flow.Flow) {
	k := w.table.Key(i)
	w.flow = dissect.Flow{
		Transport: transport(k.Proto()), IPProtocol: k.Proto(), IPv6: k.Version() == 6,
		Midstream: f.Marks&midstream != 0,
	}
	w.flow.Client, w.flow.Server = w.ends(i)
}
