// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
)

// Copies are the further sightings of packets that a capture of several interfaces shows more than once.
type Copies struct {
	// Forwarded left the gateway, translated or not, after weir counted them on ingress.
	Forwarded uint64
	// Carried passed one more interface in the same direction: a VLAN and its lower device, a bridge and its port, PPP
	// and its Ethernet.
	Carried uint64
}

// once applies the rule of the live modes to a capture file: a packet counts on ingress, and on egress only if no
// interface of the capture showed its ingress, because the gateway itself sent it.
//
// Live, the kernel reports the ingress interface of a packet. A file has at most the interface and the direction of
// each frame (packet.Cooked, the flags of pcapng). So once recognises a copy by the parts that forwarding preserves:
//
//   - the ends, the protocol and the IPv4 identification; if that is 0, the sequence number, the length and the first
//     bytes;
//   - for TCP, also bytes that came in recently: a packet that GRO merged on ingress leaves in segments;
//   - under address translation, all but one end. The first such copy reveals the other name of the flow. Packets under
//     that name, such as answers on ingress, count under the first name, so that a connection is one flow here too.
//
// The inner packet of a tunnel is a packet like any other. If the gateway ends the tunnel, the capture shows the packet
// inside the tunnel and outside, on the tunnel's interface and on the next one; it counts at its first sighting.
//
// Without a direction, the interface of a packet's first sighting is its ingress.
//
// once runs before the distribution to workers, so its results do not depend on their number.
type once struct {
	Copies
	frames, bytes uint64 // of copies

	seed      maphash.Seed
	packet    packet.Packet
	opens     bool // tunnels, as the workers do
	hash      maphash.Hash
	fragments *packet.Fragments
	packets   fifo[uint64, sighting]       // by identity: ends and contents
	contents  fifo[uint64, content]        // by the parts that translation preserves
	streams   fifo[uint64, stream]         // by ends and direction of a TCP connection
	names     fifo[flow.Key, *translation] // by the other name of a flow
}

const (
	// rememberedPackets bounds the packets between the ingress and the egress of one: more than any queue of a gateway
	// holds.
	rememberedPackets = 1 << 15
	// rememberedFlows bounds the remembered connections, and the translations.
	rememberedFlows = 1 << 16
	// forwardingTime bounds a packet's time within the gateway: seconds, if a slow line has a long queue.
	forwardingTime = int64(10e9)
	// translationIdle bounds the idle time of a translation: connection tracking keeps a silent, answered UDP flow for
	// as long. Afterwards a connection of the gateway itself may have the name.
	translationIdle = int64(120e9)
	// streamWindow bounds the distance of an outgoing segment from the newest byte on ingress: Linux's largest default
	// receive window (6 MiB), rounded up.
	streamWindow = 8 << 20
	// comparedBytes of the payload distinguish packets without an identification.
	comparedBytes = 32
)

// ends has the addresses, ports and VLANs of a packet, and the network of the tunnel around it.
type ends struct {
	src, dst         netip.Addr
	srcPort, dstPort uint16
	vlans            [packet.MaxVLANs]uint16
	nVLAN            uint8
	network          uint32
}

func endsOf(p *packet.Packet, network uint32) ends {
	e := ends{src: p.Src, dst: p.Dst, srcPort: p.SrcPort, dstPort: p.DstPort, nVLAN: p.NVLAN, network: network}
	copy(e.vlans[:], p.VLANs[:p.NVLAN])
	return e
}

func (e ends) reversed() ends {
	e.src, e.dst, e.srcPort, e.dstPort = e.dst, e.src, e.dstPort, e.srcPort
	return e
}

// isIn reports whether two ends have the same VLANs and network.
func (e *ends) isIn(o *ends) bool {
	return e.vlans == o.vlans && e.nVLAN == o.nVLAN && e.network == o.network
}

// apply gives a packet these ends, without the network, which a packet does not have.
func (e *ends) apply(p *packet.Packet) {
	p.Src, p.Dst, p.SrcPort, p.DstPort, p.VLANs, p.NVLAN = e.src, e.dst, e.srcPort, e.dstPort, e.vlans, e.nVLAN
}

// sighting is the place and time of a counted packet.
type sighting struct {
	ends      ends
	time      int64
	origin    uint64
	direction packet.Direction
	by        *translation // of its own ends, or nil
	ttl       uint8
}

// content is the last packet with some content. If two packets had it, it is ambiguous which of them was translated.
type content struct {
	packet    uint64
	time      int64
	ambiguous bool
}

// stream is the progress of one direction of a TCP connection.
type stream struct {
	end    uint32 // the sequence number after its newest byte
	time   int64
	origin uint64
}

// translation maps the ends of packets to those under which their flow counts. It never changes, but for used.
type translation struct {
	ends [2]ends // for packets of the lower end, and of the upper end
	used int64
}

// newOnce returns a once, which opens tunnels or not.
func newOnce(opens bool) *once {
	o := newOnceOf(rememberedPackets, rememberedFlows)
	o.opens = opens
	return o
}

// newOnceOf returns a once that remembers the given numbers of packets and flows.
func newOnceOf(packets, flows int) *once {
	return &once{
		seed: maphash.MakeSeed(), fragments: packet.NewFragments(maxFragments),
		packets: newFIFO[uint64, sighting](packets), contents: newFIFO[uint64, content](packets),
		streams: newFIFO[uint64, stream](flows), names: newFIFO[flow.Key, *translation](flows),
	}
}

// isCopy reports whether a frame shows a packet that has already counted. If not, it sets f.copied for the copies among
// the packets in the frame's tunnels, and f.as for packets that count under other ends.
func (o *once) isCopy(f *Frame) bool {
	p := &o.packet
	p.Decode(f.Link, f.Data, f.Length)
	network := p.Network
	if p.Around == packet.TunnelNone {
		network = 0
	}
	for depth := 0; p.IPVersion != 0; depth++ {
		tunnel := p.Tunnel
		inner := tunnelNetwork(p)
		switch isCopy := o.isCopyAt(f, p, depth, network); {
		case isCopy && depth == 0:
			return true
		case isCopy:
			f.copied |= 1 << depth
		}
		if tunnel == packet.TunnelNone || !o.opens || depth == packet.MaxTunnels || !p.Inner(p) {
			break
		}
		network = inner
	}
	return false
}

// isCopyAt is isCopy for the packet at a depth of tunnels; network belongs to the innermost tunnel around it.
func (o *once) isCopyAt(f *Frame, p *packet.Packet, depth int, network uint32) bool {
	o.fragments.Resolve(p, f.Time)
	content := o.contentOf(p)
	own := endsOf(p, network)
	key, fromLower := flow.NewKey(p, network)
	known := o.translated(f, p, depth, &key, fromLower)
	identity := o.identity(p, content)
	if s := o.packets.get(identity); s != nil && isRecent(s.time, f.Time) && s.shows(f, p.TTL) {
		if known == nil && !own.isIn(&s.ends) {
			o.translate(&key, fromLower, s.ends, f.Time)
		}
		known.use(f.Time)
		s.by.use(f.Time)
		o.count(f, depth, s.direction == f.Direction && f.Direction != packet.DirectionUnknown)
		return true
	}
	connection := o.connection(p)
	if o.streamHas(connection, f, p) {
		known.use(f.Time)
		o.count(f, depth, false)
		return true
	}
	if o.isTranslated(content, f, p, &key, fromLower, own) || known.isOf(f, p) {
		o.count(f, depth, false)
		return true
	}
	counted := &own
	switch {
	case f.Direction == packet.Outbound && known != nil:
		o.names.remove(key) // the gateway's own connection has the name now
		f.as[depth], known = nil, nil
		own.apply(p)
		identity, connection = o.identity(p, content), o.connection(p)
	case known != nil:
		counted = f.as[depth]
	}
	o.remember(identity, content, connection, f, p, known, counted.network)
	return false
}

// translated gives p the ends under which its flow counts, and returns the translation, or nil.
func (o *once) translated(f *Frame, p *packet.Packet, depth int, key *flow.Key, fromLower bool) *translation {
	place := o.names.get(*key)
	if place == nil {
		return nil
	}
	t := *place
	if f.Time-t.used > translationIdle {
		o.names.remove(*key)
		return nil
	}
	f.as[depth] = t.side(fromLower)
	f.as[depth].apply(p)
	return t
}

func (t *translation) side(fromLower bool) *ends {
	if fromLower {
		return &t.ends[0]
	}
	return &t.ends[1]
}

// translate notes that packets with this key count under the ends of another packet of the same direction.
func (o *once) translate(key *flow.Key, fromLower bool, as ends, now int64) {
	t := &translation{used: now}
	*t.side(fromLower), *t.side(!fromLower) = as, as.reversed()
	*o.names.set(*key) = t
}

// isRecent reports whether a packet that was seen at a time may still be within the gateway. A capture of several
// interfaces may be out of order.
func isRecent(then, now int64) bool { return now-then <= forwardingTime && then-now <= forwardingTime }

// shows reports whether frame f, with the same packet, is a copy of the sighting. If not, it is the packet once more:
// retransmitted, or returned.
func (s *sighting) shows(f *Frame, ttl uint8) bool {
	elsewhere := s.origin != f.Origin && s.origin != 0 && f.Origin != 0
	switch {
	case f.Direction == packet.Outbound && s.direction != packet.Outbound:
		return true
	case f.Direction == packet.Outbound: // the gateway's own
		return elsewhere
	case f.Direction == packet.Inbound && s.direction == packet.Outbound:
		// The loopback interface, or a pair of veth; with one hop less, a capture out of order.
		return ttl == s.ttl || elsewhere && ttl == s.ttl+1
	case f.Direction == packet.Inbound:
		return elsewhere && ttl == s.ttl
	}
	return elsewhere && ttl-s.ttl+1 <= 2 // at most one hop of difference
}

// identity hashes the parts that forwarding preserves.
func (o *once) identity(p *packet.Packet, content uint64) uint64 {
	h := &o.hash
	o.begin(p, identification(p))
	if identification(p) == 0 {
		writeWord(h, content)
	}
	o.writeEnds(p)
	return h.Sum64()
}

// connection hashes a packet's ends.
func (o *once) connection(p *packet.Packet) uint64 {
	o.begin(p, 0)
	o.writeEnds(p)
	return o.hash.Sum64()
}

// contentOf hashes the parts that translation preserves too.
func (o *once) contentOf(p *packet.Packet) uint64 {
	h := &o.hash
	o.begin(p, identification(p))
	writeWord(h, uint64(p.WireBytes))
	if p.Fragment {
		writeWord(h, uint64(p.FragmentOffset))
	}
	payload := p.Payload()
	switch p.Proto {
	case packet.ProtoTCP:
		writeWord(h, uint64(p.Seq)<<32|uint64(p.Ack))
		_ = h.WriteByte(p.TCPFlags)
	case packet.ProtoICMP, packet.ProtoICMPv6: // without the checksum and the identifier, which translation changes
		writeWord(h, uint64(p.ICMPType)<<8|uint64(p.ICMPCode))
		if p.SrcPort|p.DstPort == 0 {
			return h.Sum64() // an error: translation also changes the packet inside
		}
		payload = payload[min(6, len(payload)):]
	}
	if n := min(comparedBytes, len(payload)); n == comparedBytes || !p.Truncated {
		_, _ = h.Write(payload[:n])
	}
	return h.Sum64()
}

// begin starts a hash with the parts that all copies share.
func (o *once) begin(p *packet.Packet, identification uint32) {
	o.hash.SetSeed(o.seed)
	writeWord(&o.hash, uint64(identification)<<16|uint64(p.Proto)<<8|uint64(p.IPVersion))
}

// identification returns the IPv4 identification (RFC 791 §3.1) or that of a fragment (RFC 8200 §4.5 in IPv6), else 0.
func identification(p *packet.Packet) uint32 {
	if p.Fragment {
		return p.FragmentID
	}
	if p.IPVersion == 4 && len(p.Data) >= p.NetworkOffset+6 {
		return uint32(binary.BigEndian.Uint16(p.Data[p.NetworkOffset+4:]))
	}
	return 0
}

func (o *once) writeEnds(p *packet.Packet) {
	src, dst := p.Src.As16(), p.Dst.As16()
	_, _ = o.hash.Write(src[:])
	_, _ = o.hash.Write(dst[:])
	writeWord(&o.hash, uint64(p.SrcPort)<<16|uint64(p.DstPort))
}

func writeWord(h *maphash.Hash, v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	_, _ = h.Write(b[:])
}

// streamHas reports whether a segment on egress, or on another interface, has only bytes that came in recently.
func (o *once) streamHas(connection uint64, f *Frame, p *packet.Packet) bool {
	if p.Proto != packet.ProtoTCP || p.TCPFlags&packet.SYN != 0 || p.LaterFragment || f.Direction == packet.Inbound {
		return false
	}
	s := o.streams.get(connection)
	if s == nil || f.Time-s.time > forwardingTime || f.Direction == packet.DirectionUnknown &&
		(s.origin == f.Origin || f.Origin == 0) {
		return false
	}
	return s.end-(p.Seq+p.WirePayload) <= streamWindow
}

// isTranslated reports whether a frame, with its own ends, is a copy of a packet that came in under other ends, and
// then remembers the translation.
func (o *once) isTranslated(content uint64, f *Frame, p *packet.Packet, key *flow.Key, fromLower bool, own ends) bool {
	if f.Direction == packet.Inbound {
		return false
	}
	c := o.contents.get(content)
	if c == nil || !isRecent(c.time, f.Time) {
		return false
	}
	s := o.packets.get(c.packet)
	if s == nil || !s.mayBecome(&own, f, p) {
		return false
	}
	if !c.ambiguous && own.srcPort|own.dstPort != 0 {
		o.translate(key, fromLower, s.ends, f.Time)
	}
	return true
}

// isOf reports whether a frame under a translated name was forwarded, even if the gateway changed its contents (FTP,
// SIP). A frame that opens a connection was not: the gateway itself sent it.
func (t *translation) isOf(f *Frame, p *packet.Packet) bool {
	isOpening := p.Proto == packet.ProtoTCP && p.TCPFlags&(packet.SYN|packet.ACK) == packet.SYN
	return t != nil && f.Direction == packet.Outbound && !isOpening
}

// use notes the time of a packet that confirms the translation; t may be nil.
func (t *translation) use(now int64) {
	if t != nil {
		t.used = now
	}
}

// mayBecome reports whether translation can have turned the sighted packet into p, which has its own ends and the same
// contents.
func (s *sighting) mayBecome(own *ends, f *Frame, p *packet.Packet) bool {
	if f.Direction == packet.DirectionUnknown && (s.origin == f.Origin || s.origin == 0 || f.Origin == 0 || p.TTL-s.ttl+
		1 > 2) {
		return false
	}
	isHop := p.TTL == s.ttl-1
	hasOwnID := identification(p) != 0
	sameSource := own.src == s.ends.src && own.srcPort == s.ends.srcPort
	sameDestination := own.dst == s.ends.dst && own.dstPort == s.ends.dstPort
	if p.Proto == packet.ProtoICMP || p.Proto == packet.ProtoICMPv6 {
		// translation may change the identifier, which is in the place of the ports
		sameSource, sameDestination = own.src == s.ends.src, own.dst == s.ends.dst
	}
	switch {
	case sameSource && sameDestination:
		return false
	case sameSource || sameDestination:
		return isHop || hasOwnID
	}
	// both ends change if the LAN calls its own public address (hairpin NAT)
	return isHop && (hasOwnID || p.Proto == packet.ProtoTCP)
}

// remember notes a counted packet.
func (o *once) remember(identity, contents, connection uint64, f *Frame, p *packet.Packet, by *translation,
	network uint32) {
	*o.packets.set(identity) = sighting{endsOf(p, network), f.Time, f.Origin, f.Direction, by, p.TTL}
	if f.Direction == packet.Outbound {
		return
	}
	c := o.contents.set(contents)
	isOther := c.ambiguous || c.packet != identity && c.packet != 0
	*c = content{identity, f.Time, isOther && isRecent(c.time, f.Time)}
	if p.Proto != packet.ProtoTCP || p.LaterFragment {
		return
	}
	s, end := o.streams.set(connection), p.Seq+p.WirePayload
	if p.TCPFlags&packet.SYN != 0 || f.Time-s.time > forwardingTime || s.end-end > streamWindow {
		*s = stream{end: end} // another connection, or one after a long silence
	}
	s.time, s.origin = f.Time, f.Origin
	if int32(end-s.end) > 0 {
		s.end = end
	}
}

func (o *once) count(f *Frame, depth int, carried bool) {
	if depth == 0 && !f.isPart { // else the worker counts the frame
		o.frames++
		o.bytes += uint64(f.Length)
	}
	if carried {
		o.Carried++
	} else {
		o.Forwarded++
	}
}

// fifo is a bounded map; a full one evicts the key that was added first.
type fifo[K comparable, V any] struct {
	places  map[K]int32
	entries []fifoEntry[K, V]
	next    int
}

type fifoEntry[K comparable, V any] struct {
	key   K
	value V
	used  bool
}

func newFIFO[K comparable, V any](size int) fifo[K, V] {
	return fifo[K, V]{places: make(map[K]int32, size), entries: make([]fifoEntry[K, V], size)}
}

// get returns the value of a key, or nil; it is valid until the next set.
func (q *fifo[K, V]) get(key K) *V {
	place, ok := q.places[key]
	if !ok {
		return nil
	}
	return &q.entries[place].value
}

// set returns the value of a key for writing: the present one, or a zero value.
func (q *fifo[K, V]) set(key K) *V {
	if v := q.get(key); v != nil {
		return v
	}
	e := &q.entries[q.next]
	if e.used {
		delete(q.places, e.key)
	}
	*e = fifoEntry[K, V]{key: key, used: true}
	q.places[key] = int32(q.next)
	q.next = (q.next + 1) % len(q.entries)
	return &e.value
}

// remove forgets a key. Its place is reused in its turn.
func (q *fifo[K, V]) remove(key K) {
	if place, ok := q.places[key]; ok {
		delete(q.places, key)
		q.entries[place] = fifoEntry[K, V]{}
	}
}
