// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
)

// Copies are packets that a capture of several interfaces shows more than once, and that were counted once.
type Copies struct {
	// Forwarded went out as they, or what translation made of them, had come in.
	Forwarded uint64
	// Carried went the same way on one more interface: a VLAN and the link below it, a bridge and its port, PPP and its
	// Ethernet.
	Carried uint64
}

// once holds a capture file to the rule of the live modes: a packet is counted where it comes in, and where it goes out
// only if it did not come in on an interface of the capture, that is, where it is the gateway's own.
//
// Live, the kernel says by which interface a packet came. A file says at most the interface and the direction of each
// frame (packet.Cooked, the flags of pcapng). So a copy is recognised by what forwarding leaves alone:
//
//   - the ends, the protocol and the IPv4 identification, or where that is 0 the sequence number, the length and the
//     first bytes;
//   - of TCP, also that its bytes are among those that came in lately: what came in merged (GRO) goes out in segments;
//   - under address translation, all but one end. The first such copy tells the other name of the flow, and packets
//     under that name, which answers have where they come in, are counted under the first one. So a connection is one
//     flow here too.
//
// What a tunnel carries is a packet like any other. Where the gateway ends the tunnel, its packets are seen within it
// and without, on the tunnel's interface and on that to which they go on; they are counted where they are seen first.
//
// Where the direction is unknown, the interface on which a packet was seen first is where it came in.
//
// It runs before frames are dealt out to workers, so that what it says doesn't depend on their number.
type once struct {
	Copies
	frames, bytes uint64 // of the copies

	seed      maphash.Seed
	packet    packet.Packet
	opens     bool // looks into tunnels, as the workers do
	hash      maphash.Hash
	fragments *packet.Fragments
	packets   fifo[uint64, sighting]       // by identity: ends and contents
	contents  fifo[uint64, content]        // by what translation leaves alone
	streams   fifo[uint64, stream]         // by ends and direction of a TCP connection
	names     fifo[flow.Key, *translation] // by the other name of a flow
}

const (
	// rememberedPackets is how many packets may come in before the first of them goes out: more than any queue of a
	// gateway has.
	rememberedPackets = 1 << 15
	// rememberedFlows bounds the connections, and the translations, that are known.
	rememberedFlows = 1 << 16
	// forwardingTime is how long a packet may be under way within the gateway: seconds where a slow line has a long
	// queue.
	forwardingTime = int64(10e9)
	// translationIdle is for how long a translation may be unused: as long as connection tracking keeps a silent UDP
	// flow that was answered, so that the gateway's own connection may have the name afterwards.
	translationIdle = int64(120e9)
	// streamWindow is how far behind the newest byte that came in a segment may be that goes out: the largest receive
	// window that Linux gives by default (6 MiB), rounded up.
	streamWindow = 8 << 20
	// comparedBytes of a payload tell packets apart that have no identification.
	comparedBytes = 32
)

// ends are the addresses, ports and VLANs of a packet, and the network of the tunnel around it.
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

// isIn says whether packets with these ends are in the same VLANs and network as others'.
func (e *ends) isIn(o *ends) bool {
	return e.vlans == o.vlans && e.nVLAN == o.nVLAN && e.network == o.network
}

// apply gives a packet these ends. The network is not the packet's.
func (e *ends) apply(p *packet.Packet) {
	p.Src, p.Dst, p.SrcPort, p.DstPort, p.VLANs, p.NVLAN = e.src, e.dst, e.srcPort, e.dstPort, e.vlans, e.nVLAN
}

// sighting is where and when a packet was counted.
type sighting struct {
	ends      ends
	time      int64
	origin    uint64
	direction packet.Direction
	by        *translation // of its own ends, nil where there was none
	ttl       uint8
}

// content is which packet had some content last. Where two had it, it doesn't tell which was translated.
type content struct {
	packet    uint64
	time      int64
	ambiguous bool
}

// stream is how far one direction of a TCP connection had come.
type stream struct {
	end    uint32 // the sequence number after its newest byte
	time   int64
	origin uint64
}

// translation is the name under which a flow is counted whose packets have another one here. It never changes, but for
// used.
type translation struct {
	ends [2]ends // of a packet that the lower end sent, and of one that the upper end sent
	used int64
}

// newOnce returns a once that opens tunnels or leaves them closed.
func newOnce(opens bool) *once {
	o := newOnceOf(rememberedPackets, rememberedFlows)
	o.opens = opens
	return o
}

// newOnceOf remembers so many packets and flows.
func newOnceOf(packets, flows int) *once {
	return &once{
		seed: maphash.MakeSeed(), fragments: packet.NewFragments(maxFragments),
		packets: newFIFO[uint64, sighting](packets), contents: newFIFO[uint64, content](packets),
		streams: newFIFO[uint64, stream](flows), names: newFIFO[flow.Key, *translation](flows),
	}
}

// isCopy says whether a frame shows a packet that was counted already. If not, f.copied says so of the packets in its
// tunnels, and f.as has the ends under which each is counted, where these are others than its own.
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

// isCopyAt is isCopy of the packet at a depth of tunnels, whose network is that of the innermost one around it.
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
		o.names.remove(key) // the name is the gateway's own now
		f.as[depth], known = nil, nil
		own.apply(p)
		identity, connection = o.identity(p, content), o.connection(p)
	case known != nil:
		counted = f.as[depth]
	}
	o.remember(identity, content, connection, f, p, known, counted.network)
	return false
}

// translated gives p the ends under which its flow is counted.
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

// translate notes that packets with this key are counted under the ends of another packet, which went the same way.
func (o *once) translate(key *flow.Key, fromLower bool, as ends, now int64) {
	t := &translation{used: now}
	*t.side(fromLower), *t.side(!fromLower) = as, as.reversed()
	*o.names.set(*key) = t
}

// isRecent says whether what was seen at a time may still be under way. A capture of several interfaces may be out of
// order.
func isRecent(then, now int64) bool { return now-then <= forwardingTime && then-now <= forwardingTime }

// shows says whether frame f, with the same packet, is a copy of what was counted. If not it is the packet once more:
// sent again, or come back.
func (s *sighting) shows(f *Frame, ttl uint8) bool {
	elsewhere := s.origin != f.Origin && s.origin != 0 && f.Origin != 0
	switch {
	case f.Direction == packet.Outbound && s.direction != packet.Outbound:
		return true
	case f.Direction == packet.Outbound: // the gateway's own
		return elsewhere
	case f.Direction == packet.Inbound && s.direction == packet.Outbound:
		// The loopback interface, a pair of veth; one hop less than it has is of a capture that isn't in order.
		return ttl == s.ttl || elsewhere && ttl == s.ttl+1
	case f.Direction == packet.Inbound:
		return elsewhere && ttl == s.ttl
	}
	return elsewhere && ttl-s.ttl+1 <= 2 // a hop less, as much, or a hop more
}

// identity is a hash of what a forwarded packet keeps.
func (o *once) identity(p *packet.Packet, content uint64) uint64 {
	h := &o.hash
	o.begin(p, identification(p))
	if identification(p) == 0 {
		writeWord(h, content)
	}
	o.writeEnds(p)
	return h.Sum64()
}

// connection is a hash of a packet's ends only.
func (o *once) connection(p *packet.Packet) uint64 {
	o.begin(p, 0)
	o.writeEnds(p)
	return o.hash.Sum64()
}

// contentOf is a hash of what also a translated packet keeps.
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
	case packet.ProtoICMP, packet.ProtoICMPv6: // past the checksum and the identifier, which translation changes
		writeWord(h, uint64(p.ICMPType)<<8|uint64(p.ICMPCode))
		if p.SrcPort|p.DstPort == 0 {
			return h.Sum64() // an error, whose packet within it is translated as well
		}
		payload = payload[min(6, len(payload)):]
	}
	if n := min(comparedBytes, len(payload)); n == comparedBytes || !p.Truncated {
		_, _ = h.Write(payload[:n])
	}
	return h.Sum64()
}

// begin starts a hash with what every copy has in common.
func (o *once) begin(p *packet.Packet, identification uint32) {
	o.hash.SetSeed(o.seed)
	writeWord(&o.hash, uint64(identification)<<16|uint64(p.Proto)<<8|uint64(p.IPVersion))
}

// identification is that of IPv4 (RFC 791 §3.1), of a fragment in IPv6 its own (RFC 8200 §4.5); 0 where there is none.
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

// streamHas says whether a segment that goes out, or is seen elsewhere, has only bytes that came in lately.
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

// isTranslated says whether a frame, with its own ends, is a copy of what came in under others, and learns that.
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

// isOf says whether a frame under a translated name was forwarded, also where its contents were changed (FTP, SIP): not
// where it opens a connection, which would be the gateway's own.
func (t *translation) isOf(f *Frame, p *packet.Packet) bool {
	isOpening := p.Proto == packet.ProtoTCP && p.TCPFlags&(packet.SYN|packet.ACK) == packet.SYN
	return t != nil && f.Direction == packet.Outbound && !isOpening
}

// use notes that a packet proved the translation; t may be nil.
func (t *translation) use(now int64) {
	if t != nil {
		t.used = now
	}
}

// mayBecome says whether translation can have made p, with its own ends and the same contents, of the packet seen.
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
		// the identifier, in place of ports, may change too
		sameSource, sameDestination = own.src == s.ends.src, own.dst == s.ends.dst
	}
	switch {
	case sameSource && sameDestination:
		return false
	case sameSource || sameDestination:
		return isHop || hasOwnID
	}
	// both ends change where the LAN calls its own public address
	return isHop && (hasOwnID || p.Proto == packet.ProtoTCP)
}

// remember notes a packet that is counted.
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
		*s = stream{end: end} // another connection, or one that was not seen for long
	}
	s.time, s.origin = f.Time, f.Origin
	if int32(end-s.end) > 0 {
		s.end = end
	}
}

func (o *once) count(f *Frame, depth int, carried bool) {
	if depth == 0 && !f.isPart { // else a worker counts the frame
		o.frames++
		o.bytes += uint64(f.Length)
	}
	if carried {
		o.Carried++
	} else {
		o.Forwarded++
	}
}

// fifo remembers a value for each of its keys; when it is full the one that was entered first goes.
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

// get is the value of a key, nil where there is none; valid until the next set.
func (q *fifo[K, V]) get(key K) *V {
	place, ok := q.places[key]
	if !ok {
		return nil
	}
	return &q.entries[place].value
}

// set is the value of a key to be written: what it had, or zero.
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

// remove forgets a key. Its place is used again in its turn.
func (q *fifo[K, V]) remove(key K) {
	if place, ok := q.places[key]; ok {
		delete(q.places, key)
		q.entries[place] = fifoEntry[K, V]{}
	}
}
