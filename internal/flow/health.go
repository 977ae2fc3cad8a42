// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"math"

	"github.com/weirnet/weir/internal/packet"
)

// Health is what headers tell of the health of a flow. The rules are these, and bpf/health.h has their twin;
// flowtest.HealthCases tests both.
//
//   - A TCP packet takes as many sequence numbers as it has payload, and one each for SYN and FIN. "next" is the number
//     after the highest one that this end has sent, from its first packet on, whatever that was.
//   - A packet that begins before next and ends there or before is a retransmission: all of it was seen. Of one that
//     goes on beyond next (other segments than the first time), the part before next is: an aggregate of several
//     segments counts as many as have old data.
//   - A packet that begins after next leaves a hole. What comes for a hole later is out of order: the network changed
//     the order, or it is the sender's repetition of what was lost before weir saw it. One range of at most a megabyte
//     stands for all holes of an end.
//   - A packet of one byte just before next is a keep-alive (RFC 9293 §3.8.4), and one that repeats only one byte
//     before new data the end of a window probe (§3.8.6.1): neither counts.
//   - A SYN counts as a retransmission if it has the number of the one before. Another number says nothing of a
//     connection whose end has sent more than SYNs. A reset's number says nothing at all.
//   - A jump by more than the largest window (RFC 7323 §2.3) begins anew: a forgery, or much was not seen. Fragments
//     have no sequence numbers here.
//   - The round trip is that of the handshake, in the part between weir and the server (SYN to SYN-ACK) and that
//     between weir and the client (SYN-ACK to ACK). If either was repeated, nobody knows which one was answered (Karn's
//     algorithm, RFC 6298 §3), and that part has none.
type Health struct {
	ends [2]direction // of the client, of the server
	// client is the time of the handshake's last packet until the handshake is over.
	client, server uint32
}

// direction is what one end has sent. Its size counts in that of each flow.
type direction struct {
	next, hole, holeEnd     uint32
	retransmits, outOfOrder uint32
	zeroWindows, resets     uint16
	flags, ttl, dscp        uint8
	marks                   uint8
}

// Marks of a direction. The states of the handshake are marks of the client's, however it began.
const (
	hasNext     = 1
	isServer    = 2 // the server sent the SYN
	handshakeAt = 2 // the bit where the handshake's state begins
)

// States of the handshake.
const (
	handshakeUnseen = iota << handshakeAt
	handshakeSYN
	handshakeSYNAgain // nobody knows which one the SYN-ACK answers
	handshakeSYNACK
	handshakeOver
	handshakeMask = 7 << handshakeAt
)

const (
	farthest = 1 << 30
	holeSpan = 1 << 20
)

// First notes the first packet of the client (way 0) or of the server (way 1), of any protocol.
func (h *Health) First(p *packet.Packet, way int) {
	h.ends[way].ttl, h.ends[way].dscp = p.TTL, p.TOS>>2
}

// Take takes a TCP packet with a valid header of its own, thus no later fragment; segments is its number of packets on
// the wire, at its time in nanoseconds.
func (h *Health) Take(p *packet.Packet, way int, segments uint32, at int64) {
	const rare = packet.SYN | packet.FIN | packet.RST
	d := &h.ends[way]
	switch {
	case p.TCPFlags&(rare|^d.flags) != 0, p.Window == 0, p.Fragment:
		h.examine(d, p, way, segments, at)
	case p.WirePayload == 0:
	case p.Seq == d.next:
		d.next += p.WirePayload
	default:
		d.sequence(p, segments)
	}
}

// examine is Take for the packets that are few.
func (h *Health) examine(d *direction, p *packet.Packet, way int, segments uint32, at int64) {
	before := d.flags
	d.flags |= p.TCPFlags
	if p.TCPFlags&packet.RST != 0 {
		d.resets = more(d.resets)
		return
	}
	if p.Window == 0 && p.TCPFlags&(packet.SYN|packet.FIN) == 0 {
		d.zeroWindows = more(d.zeroWindows)
	}
	switch now := uint32(at / 1000); {
	case p.TCPFlags&(packet.SYN|packet.ACK) == packet.SYN:
		h.syn(d, p, way, now)
	case p.TCPFlags&packet.SYN != 0:
		h.synACK(p, way, now)
	case p.TCPFlags&^before&packet.ACK != 0:
		h.ack(p, way, now)
	}
	if !p.Fragment {
		d.sequence(p, segments)
	}
}

// more adds 1, up to the most.
func more(n uint16) uint16 {
	if n == math.MaxUint16 {
		return n
	}
	return n + 1
}

func (h *Health) state() uint8 { return h.ends[0].marks & handshakeMask }

// enter sets the state of the handshake, and the time of its last packet; after the end that is the client's round
// trip.
func (h *Health) enter(state uint8, client uint32) {
	h.ends[0].marks = h.ends[0].marks&^handshakeMask | state
	h.client = client
}

// opener returns the end that sent the SYN, or got the SYN-ACK.
func (h *Health) opener() int { return int(h.ends[0].marks & isServer >> 1) }

func (h *Health) setOpener(way int) {
	h.ends[0].marks = h.ends[0].marks&^isServer | uint8(way)<<1
}

// end ends the handshake without a round trip of the client.
func (h *Health) end() {
	if h.state() != handshakeOver {
		h.enter(handshakeOver, 0)
	}
}

func (h *Health) syn(d *direction, p *packet.Packet, way int, now uint32) {
	isAgain := d.marks&hasNext != 0 && p.Seq+1+p.WirePayload == d.next
	state := h.state()
	isOpen := (state == handshakeSYN || state == handshakeSYNAgain) && h.opener() == way
	switch {
	case isOpen && isAgain:
		h.enter(handshakeSYNAgain, h.client)
	case state == handshakeUnseen, isOpen && d.flags&packet.ACK == 0: // the latter is another attempt
		h.setOpener(way)
		h.enter(handshakeSYN, now)
	default:
		h.end()
	}
}

func (h *Health) synACK(p *packet.Packet, way int, now uint32) {
	switch state := h.state(); state {
	case handshakeUnseen:
		h.setOpener(way ^ 1)
	case handshakeSYN, handshakeSYNAgain:
		if h.opener() == way || p.Ack != h.ends[way^1].next {
			return
		}
		if took := now - h.client; state == handshakeSYN && int32(took) >= 0 {
			h.server = max(took, 1)
		}
	default:
		h.end()
		return
	}
	h.enter(handshakeSYNACK, now)
}

// ack takes the first ACK of an end.
func (h *Health) ack(p *packet.Packet, way int, now uint32) {
	if h.state() != handshakeSYNACK || h.opener() != way {
		return
	}
	took := max(now-h.client, 1)
	if p.Ack != h.ends[way^1].next || int32(took) < 0 {
		took = 0
	}
	h.enter(handshakeOver, took)
}

// sequence follows the sequence numbers of a packet.
func (d *direction) sequence(p *packet.Packet, segments uint32) {
	isSYN, isKnown := p.TCPFlags&packet.SYN != 0, d.marks&hasNext != 0
	end := p.Seq + p.WirePayload
	if p.TCPFlags&packet.FIN != 0 {
		end++
	}
	switch {
	case isSYN:
		end++
		if isKnown && end == d.next {
			d.retransmits += segments
			return
		}
		if isKnown && d.flags&packet.ACK != 0 {
			return
		}
	case isKnown && end == p.Seq:
		return
	}
	ahead := int32(p.Seq - d.next)
	switch {
	case !isKnown, isSYN, ahead > farthest, ahead < -farthest:
		d.marks |= hasNext
		d.holeEnd = d.hole
		d.next = end
	case ahead < 0:
		d.behind(p, end, segments)
	case ahead > 0:
		if d.hole == d.holeEnd || p.Seq-d.hole > holeSpan {
			d.hole = d.next
		}
		d.holeEnd = p.Seq
		d.next = end
	default:
		d.next = end
	}
}

// behind takes a packet that begins before next, and ends before end.
func (d *direction) behind(p *packet.Packet, end, segments uint32) {
	old, size := d.next-p.Seq, end-p.Seq
	isBeyond := int32(end-d.next) > 0
	switch {
	case old == 1 && (isBeyond || p.TCPFlags&packet.FIN == 0): // a keep-alive, or after a window probe
	case d.hole != d.holeEnd && int32(end-d.hole) > 0 && int32(p.Seq-d.holeEnd) < 0:
		d.outOfOrder += segments
		d.fill(p.Seq, end)
	case isBeyond:
		d.retransmits += uint32((uint64(old)*uint64(segments) + uint64(size) - 1) / uint64(size))
	default:
		d.retransmits += segments
	}
	if isBeyond {
		d.next = end
	}
}

// fill takes what came from the hole, if it came for one of its sides.
func (d *direction) fill(seq, end uint32) {
	switch {
	case int32(seq-d.hole) > 0 && int32(end-d.holeEnd) >= 0:
		d.holeEnd = seq
	case int32(seq-d.hole) > 0:
	case int32(end-d.holeEnd) >= 0:
		d.hole = d.holeEnd
	default:
		d.hole = end
	}
}

// Of returns the health of what the client (way 0) or the server (way 1) sent.
func (h *Health) Of(way int) packet.Health {
	d := &h.ends[way]
	return packet.Health{
		Retransmits: d.retransmits, OutOfOrder: d.outOfOrder, ZeroWindows: d.zeroWindows, Resets: d.resets,
		Flags: d.flags, TTL: d.ttl, DSCP: d.dscp,
	}
}

// RoundTrips returns the microseconds of the handshake's round trips between weir and the client, and weir and the
// server; 0: unknown.
func (h *Health) RoundTrips() (trips [2]uint32) {
	opener := h.opener()
	if h.state() == handshakeOver {
		trips[opener] = h.client
	}
	trips[opener^1] = h.server
	return trips
}

// Set sets all that Of and RoundTrips return, counted elsewhere; no count goes down.
func (h *Health) Set(ends [2]packet.Health, trips [2]uint32) {
	for way := range ends {
		e := h.Of(way)
		e.Raise(ends[way])
		h.ends[way] = direction{
			retransmits: e.Retransmits, outOfOrder: e.OutOfOrder, zeroWindows: e.ZeroWindows, resets: e.Resets,
			flags: e.Flags, ttl: e.TTL, dscp: e.DSCP,
		}
	}
	h.server = trips[1]
	h.enter(handshakeOver, trips[0])
}
