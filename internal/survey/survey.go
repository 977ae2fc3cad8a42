// SPDX-License-Identifier: Apache-2.0

// Package survey finds the networks of a LAN in the traffic itself, for machines without routes to them: behind a
// mirror port.
package survey

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"

	"github.com/weirnet/weir/internal/packet"
)

// Limits. A survey drops what exceeds them: a LAN has few networks.
const (
	maxAddresses = 1 << 16
	maxAnnounced = 256
)

// manyBlocks is the number of networks of one private block (RFC 1918 §3) from which the survey takes the whole block
// for the LAN's.
const manyBlocks = 8

var privateBlocks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix(
		"192.168.0.0/16"),
}

// fewARP is the number of addresses that ARP has to show in a public network before the survey takes it for the LAN's:
// the segment of an uplink has a router at each end.
const fewARP = 3

// Network is a network on the LAN's side, by the traffic.
type Network struct {
	Prefix    netip.Prefix `json:"prefix"`
	Addresses int          `json:"addresses"` // seen ones; an announced network may have none
	// ShownBy lists the evidence: "private sources" (RFC 1918, RFC 4193), "arp" (RFC 826), "router advertisements" (RFC
	// 4861).
	ShownBy []string `json:"shown_by"`
}

// evidence is a set of kinds of evidence for an address or a network.
type evidence uint8

const (
	bySource evidence = 1 << iota
	byARP
	byAnnouncement
)

var evidenceNames = []string{"private sources", "arp", "router advertisements"}

// Survey gathers addresses. The zero value is ready for use, by one goroutine.
type Survey struct {
	Packets   uint64 // inspected frames
	addresses map[netip.Addr]evidence
	announced map[netip.Prefix]struct{}
	packet    packet.Packet
}

// Frame inspects a frame of length bytes on the wire, of which data was captured.
func (s *Survey) Frame(link packet.LinkType, data []byte, length int) {
	s.Packets++
	p := &s.packet
	p.Decode(link, data, length)
	switch {
	case p.IPVersion == 0:
		s.arp(p)
	case p.Proto == packet.ProtoICMPv6 && p.ICMPType == routerAdvertisement && p.TTL == 255 &&
		p.Src.IsLinkLocalUnicast():
		s.advertisement(p.Payload())
	case p.Src.IsPrivate():
		s.see(p.Src, bySource)
	}
}

// arp takes the sender of an ARP message over Ethernet, for IPv4 (RFC 826); a probe has none (RFC 5227 §2.1.1).
func (s *Survey) arp(p *packet.Packet) {
	b, at := p.Payload(), p.PayloadOffset
	const etherType, ethernet, ipv4 = 0x0806, 1, 0x0800
	if at < 2 || binary.BigEndian.Uint16(p.Data[at-2:]) != etherType || len(b) < 28 {
		return
	}
	if binary.BigEndian.Uint16(b) != ethernet || binary.BigEndian.Uint16(b[2:]) != ipv4 || b[4] != 6 || b[5] != 4 {
		return
	}
	if sender := netip.AddrFrom4([4]byte(b[14:18])); sender.IsGlobalUnicast() {
		s.see(sender, byARP)
	}
}

const routerAdvertisement = 134

// advertisement takes the on-link prefixes of a router advertisement (RFC 4861 §4.2, §4.6.2).
func (s *Survey) advertisement(b []byte) {
	const header, prefixInformation, size, onLink = 16, 3, 32, 0x80
	for b = b[min(header, len(b)):]; len(b) >= 8; {
		n := int(b[1]) * 8
		if n == 0 || n > len(b) {
			return
		}
		if b[0] == prefixInformation && n == size && b[3]&onLink != 0 {
			prefix, err := netip.AddrFrom16([16]byte(b[16:32])).Prefix(int(b[2]))
			if err == nil && prefix.Addr().IsGlobalUnicast() && prefix.Bits() > 3 {
				s.announce(prefix)
			}
		}
		b = b[n:]
	}
}

func (s *Survey) announce(p netip.Prefix) {
	if s.announced == nil {
		s.announced = map[netip.Prefix]struct{}{}
	}
	if len(s.announced) < maxAnnounced {
		s.announced[p] = struct{}{}
	}
}

func (s *Survey) see(a netip.Addr, e evidence) {
	if s.addresses == nil {
		s.addresses = map[netip.Addr]evidence{}
	}
	if known, ok := s.addresses[a]; ok || len(s.addresses) < maxAddresses {
		s.addresses[a] = known | e
	}
}

// group holds the addresses of one network.
type group struct {
	addresses, arp int
	by             evidence
}

func (g group) with(o group) group {
	return group{g.addresses + o.addresses, g.arp + o.arp, g.by | o.by}
}

// Networks returns the smallest networks that hold the gathered addresses: for IPv4 blocks of 256 addresses, with pairs
// of halves joined, or a whole private block if many networks are in it; for IPv6 the announced prefixes, and blocks of
// 64 bits.
func (s *Survey) Networks() []Network {
	groups := map[netip.Prefix]group{}
	for p := range s.announced {
		groups[p] = group{by: byAnnouncement}
	}
	for a, by := range s.addresses {
		g := group{addresses: 1, by: by}
		if by&byARP != 0 {
			g.arp = 1
		}
		p := s.networkOf(a)
		groups[p] = groups[p].with(g)
	}
	maps.DeleteFunc(groups, func(p netip.Prefix, g group) bool {
		return g.by == byARP && !p.Addr().IsPrivate() &&
			g.arp < fewARP
	})
	unite(groups)
	for _, block := range privateBlocks {
		takeBlock(groups, block)
	}
	var all []Network
	for p, g := range groups {
		n := Network{Prefix: p, Addresses: g.addresses}
		for i, name := range evidenceNames {
			if g.by>>i&1 != 0 {
				n.ShownBy = append(n.ShownBy, name)
			}
		}
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b Network) int { return a.Prefix.Compare(b.Prefix) })
	return all
}

// networkOf returns the network that counts an address.
func (s *Survey) networkOf(a netip.Addr) netip.Prefix {
	for p := range s.announced {
		if p.Contains(a) {
			return p
		}
	}
	bits := 24
	if a.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(a, bits).Masked()
}

// unite joins pairs of halves of an IPv4 network, repeatedly, up to the size of the private networks.
func unite(groups map[netip.Prefix]group) {
	for bits := 24; bits > 8; bits-- {
		for p, g := range groups {
			if !p.Addr().Is4() || p.Bits() != bits {
				continue
			}
			whole := netip.PrefixFrom(p.Addr(), bits-1).Masked()
			other := netip.PrefixFrom(flip(p.Addr(), bits-1), bits)
			o, ok := groups[other]
			if !ok || p.Addr().IsPrivate() != other.Addr().IsPrivate() {
				continue
			}
			delete(groups, p)
			delete(groups, other)
			groups[whole] = g.with(o)
		}
	}
}

// takeBlock joins the networks of a block if they are many.
func takeBlock(groups map[netip.Prefix]group, block netip.Prefix) {
	isInside := func(p netip.Prefix, _ group) bool { return block.Contains(p.Addr()) && p.Bits() >= block.Bits() }
	var sum group
	n := 0
	for p, g := range groups {
		if isInside(p, g) {
			sum = sum.with(g)
			n++
		}
	}
	if n < manyBlocks {
		return
	}
	maps.DeleteFunc(groups, isInside)
	groups[block] = sum
}

// flip inverts one bit of an IPv4 address, 0 being the first.
func flip(a netip.Addr, bit int) netip.Addr {
	b := a.As4()
	b[bit/8] ^= 0x80 >> (bit % 8)
	return netip.AddrFrom4(b)
}
