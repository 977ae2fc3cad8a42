// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"encoding/binary"
	"net/netip"
)

const (
	ipv4Header = 20 // without options
	ipv6Header = 40
)

// IPv6 extension headers (IANA ipv6-parameters) that the decoder walks. ESP and AH end the walk: the record names them
// as the protocol.
const (
	extHopByHop    = 0
	extRouting     = 43
	extFragment    = 44
	extNone        = 59
	extDestination = 60
	extMobility    = 135
	extHIP         = 139
	extShim6       = 140
)

// ipv4 reads an IPv4 header (RFC 791 §3.1) at d[off:] and the layers after it.
func (p *Packet) ipv4(d []byte, off, wire int) {
	h := d[off:]
	if len(h) < ipv4Header {
		p.stop(off, len(d), FaultTruncated)
		return
	}
	headerLen := int(h[0]&0x0f) * 4
	total := int(binary.BigEndian.Uint16(h[2:]))
	if total == 0 { // segmentation offload: the network card fills it in later
		total = wire - off
	}
	if h[0]>>4 != 4 || headerLen < ipv4Header || total < headerLen {
		p.stop(off, len(d), FaultIPHeader)
		return
	}
	if len(h) < headerLen {
		p.stop(off, len(d), FaultTruncated)
		return
	}
	p.IPVersion = 4
	p.TOS, p.TTL, p.Proto = h[1], h[8], h[9]
	p.Src = netip.AddrFrom4([4]byte(h[12:16]))
	p.Dst = netip.AddrFrom4([4]byte(h[16:20]))
	d = p.bound(d, off, total)
	off += headerLen

	const moreFragments, offsetMask = 0x2000, 0x1fff
	if flags := binary.BigEndian.Uint16(h[6:]); flags&(moreFragments|offsetMask) != 0 {
		p.Fragment = true
		p.FragmentID = uint32(binary.BigEndian.Uint16(h[4:]))
		p.FragmentOffset = flags & offsetMask * 8
	}
	if p.FragmentOffset != 0 {
		p.later(off)
	} else {
		p.transport(d, off)
	}
	if total > wire-p.NetworkOffset {
		p.clip(wire)
	}
}

// bound sets the fields that depend on the length of the IP packet at off, and cuts d to that length.
func (p *Packet) bound(d []byte, off, total int) []byte {
	p.NetworkOffset = off
	p.WireBytes = uint32(total)
	if total < len(d)-off {
		d = d[:off+total]
	}
	p.Truncated = total > len(d)-off
	p.End = len(d)
	return d
}

// later ends the decoding at the data of a later fragment, or at an unreadable header.
func (p *Packet) later(off int) {
	p.LaterFragment = p.FragmentOffset != 0
	p.payload(off, off)
}

// payload sets the start and the end of the transport header; both may lie past the captured bytes.
func (p *Packet) payload(transport, payload int) {
	p.TransportOffset = transport
	p.PayloadOffset = min(payload, p.End)
	p.WirePayload = p.WireBytes - uint32(payload-p.NetworkOffset)
}

// ipv6 reads an IPv6 header (RFC 8200 §3) at d[off:] and the layers after it.
func (p *Packet) ipv6(d []byte, off, wire int) {
	h := d[off:]
	if len(h) < ipv6Header {
		p.stop(off, len(d), FaultTruncated)
		return
	}
	if h[0]>>4 != 6 {
		p.stop(off, len(d), FaultIPHeader)
		return
	}
	p.IPVersion = 6
	p.TOS, p.TTL, p.Proto = h[0]<<4|h[1]>>4, h[7], h[6]
	p.Src = netip.AddrFrom16([16]byte(h[8:24]))
	p.Dst = netip.AddrFrom16([16]byte(h[24:40]))
	total := ipv6Header + int(binary.BigEndian.Uint16(h[4:]))
	if total == ipv6Header && h[6] != extNone { // segmentation offload: longer than the field can say
		total = wire - off
	}
	d = p.bound(d, off, total)
	off += ipv6Header
	if p.Proto == ProtoTCP || p.Proto == ProtoUDP {
		p.transport(d, off)
	} else {
		p.extensions(d, off)
	}
	if total > wire-p.NetworkOffset {
		p.clip(wire)
	}
}

// clip corrects the lengths of a packet whose IP length exceeds what the link carried, so that a forged length counts
// for nothing. The headers were checked against the IP length, because the link's length may be the wrong one: some
// tools shorten a capture and lose the original length.
func (p *Packet) clip(wire int) {
	p.WireBytes = uint32(wire - p.NetworkOffset)
	p.WirePayload = min(p.WirePayload, uint32(wire-p.PayloadOffset))
}

// extensions walks the extension headers (RFC 8200 §4) of the packet that d ends with.
func (p *Packet) extensions(d []byte, off int) {
	for n := 0; ; n++ {
		switch p.Proto {
		case extHopByHop, extRouting, extFragment, extDestination, extMobility, extHIP, extShim6:
		default:
			p.transport(d, off)
			return
		}
		if n == MaxIPv6Extensions {
			p.broken(off, FaultExtensions)
			return
		}
		h := d[off:]
		if len(h) < 8 {
			p.broken(off, p.cut())
			return
		}
		next, length := h[0], 8
		switch p.Proto {
		case extFragment:
			if p.fragment(h); p.FragmentOffset != 0 {
				p.Proto = next
				p.later(off + length)
				return
			}
		case extMobility, extHIP, extShim6:
			if next == extNone { // no next header: nothing may follow
				p.transport(d, off)
				return
			}
			fallthrough
		default:
			if length += int(h[1]) * 8; length > len(h) {
				p.broken(off, p.cut())
				return
			}
		}
		p.Proto = next
		off += length
	}
}

// fragment reads a Fragment header (RFC 8200 §4.5). An atomic fragment (RFC 6946) counts as whole.
func (p *Packet) fragment(h []byte) {
	const more, offsetMask = 0x0001, 0xfff8
	field := binary.BigEndian.Uint16(h[2:])
	if field&(more|offsetMask) == 0 {
		return
	}
	p.Fragment = true
	p.FragmentOffset = field & offsetMask
	p.FragmentID = binary.BigEndian.Uint32(h[4:])
}

// broken ends the decoding at an unreadable header.
func (p *Packet) broken(off int, fault Fault) {
	p.Fault = fault
	p.payload(off, off)
}

// cut returns the fault of a header that exceeds the packet: either the capture is short, or the IP length lies.
func (p *Packet) cut() Fault {
	if p.Truncated {
		return FaultTruncated
	}
	return FaultIPHeader
}
