// SPDX-License-Identifier: Apache-2.0

// Package flow keeps the flows: their keys, their counters and their lives, in a table of bounded size.
package flow

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"net/netip"

	"github.com/weirnet/weir/internal/packet"
)

// Key identifies a flow, in both directions: lower address (two words, an IPv4 address in the second), upper address,
// and in the last word, from its top: lower port, upper port, network (16 bits each), IP protocol, IP version (8 each).
// "Lower" is the end with the smaller (address, port). The network separates equal addresses: it is the VLAN
// identifier, or a digest if the packet has several, or a tunnel's network. It consists of words because every packet's
// key is made, hashed and compared.
type Key [5]uint64

// NewKey returns the key of a decoded packet, and whether its source is the lower end. network is that of the tunnel
// around it (a VXLAN or Geneve network identifier), or 0.
func NewKey(p *packet.Packet, network uint32) (k Key, fromLower bool) {
	var srcHigh, srcLow, dstHigh, dstLow uint64
	if p.IPVersion == 4 {
		src, dst := p.Src.As4(), p.Dst.As4()
		srcLow, dstLow = uint64(binary.BigEndian.Uint32(src[:])), uint64(binary.BigEndian.Uint32(dst[:]))
	} else {
		src, dst := p.Src.As16(), p.Dst.As16()
		srcHigh, srcLow = binary.BigEndian.Uint64(src[:]), binary.BigEndian.Uint64(src[8:])
		dstHigh, dstLow = binary.BigEndian.Uint64(dst[:]), binary.BigEndian.Uint64(dst[8:])
	}
	rest := uint64(p.Proto)<<8 | uint64(p.IPVersion)
	if p.NVLAN > 0 || network != 0 {
		rest |= uint64(networkDigest(p.VLANs[:p.NVLAN], network)) << 16
	}
	srcPort, dstPort := uint64(p.SrcPort), uint64(p.DstPort)
	fromLower = srcHigh < dstHigh || srcHigh == dstHigh && (srcLow < dstLow || srcLow == dstLow && srcPort <= dstPort)
	if fromLower {
		return Key{srcHigh, srcLow, dstHigh, dstLow, srcPort<<48 | dstPort<<32 | rest}, true
	}
	return Key{dstHigh, dstLow, srcHigh, srcLow, dstPort<<48 | srcPort<<32 | rest}, false
}

// networkDigest returns a single VLAN identifier unchanged.
func networkDigest(vlans []uint16, network uint32) uint16 {
	const factor = 40503 // 2^16 divided by the golden ratio
	digest := uint16(network) + uint16(network>>16)*factor
	for _, v := range vlans {
		digest = digest*factor + v
	}
	return digest
}

// Proto returns the IP protocol number.
func (k *Key) Proto() uint8 { return uint8(k[4] >> 8) }

// Version returns 4 or 6.
func (k *Key) Version() uint8 { return uint8(k[4]) }

// Lower returns the end with the smaller address and port.
func (k *Key) Lower() netip.AddrPort { return k.end(0, uint16(k[4]>>48)) }

// Upper returns the other end.
func (k *Key) Upper() netip.AddrPort { return k.end(2, uint16(k[4]>>32)) }

func (k *Key) end(word int, port uint16) netip.AddrPort {
	var b [16]byte
	k.putAddress(&b, word)
	if k.Version() == 4 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:])), port)
	}
	return netip.AddrPortFrom(netip.AddrFrom16(b), port)
}

// putAddress writes the address whose words begin at word; an IPv4 address fills the last 4 bytes.
func (k *Key) putAddress(b *[16]byte, word int) {
	binary.BigEndian.PutUint64(b[:], k[word])
	binary.BigEndian.PutUint64(b[8:], k[word+1])
}

// secret is a table's hash seed: 512 random bits for each table, so that nobody can choose keys that collide.
type secret [8]uint64

func newSecret() (s secret) {
	var b [len(secret{}) * 8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return s
}

// hash multiplies the key's words, each masked by a part of the secret, pair by pair (NMH, after Wegman and Carter),
// and mixes the products twice more: one mix leaves the low bits of keys that differ only in ports too similar.
func (s *secret) hash(k *Key) uint64 {
	h := fold(k[0]^s[0], k[1]^s[1]) ^ fold(k[2]^s[2], k[3]^s[3])
	h = fold(h^s[4], k[4]^s[5])
	return fold(h^s[6], h>>32^s[7])
}

// fold returns the product of two words, with its halves combined.
func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

// ID returns the flow's stable identity: the first 16 bytes of SHA-256 over its key and its start in nanoseconds, as 32
// hexadecimal digits. Each replay of a capture file gives the same ids; live, each agent has its own times, and so its
// own ids.
func (k *Key) ID(first int64) [32]byte {
	var b [8*len(Key{}) + 8]byte
	for i, word := range k {
		binary.BigEndian.PutUint64(b[8*i:], word)
	}
	binary.BigEndian.PutUint64(b[8*len(k):], uint64(first))
	sum := sha256.Sum256(b[:])
	var id [32]byte
	hex.Encode(id[:], sum[:16])
	return id
}

// AppendCommunityID appends the flow's Community ID (version 1, seed 0; specification of corelight/community-id-spec).
// For ICMP and ICMPv6 the type and code of the flow's first packet replace ports, and fromLower reports whether the
// lower end sent it.
func (k *Key) AppendCommunityID(b []byte, icmpType, icmpCode uint8, fromLower bool) []byte {
	var lower, upper [16]byte
	k.putAddress(&lower, 0)
	k.putAddress(&upper, 2)
	first, second := lower[:], upper[:]
	if k.Version() == 4 {
		first, second = lower[12:], upper[12:]
	}
	var ports [4]byte
	binary.BigEndian.PutUint32(ports[:], uint32(k[4]>>32))
	hasPorts := true
	switch k.Proto() {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
	case packet.ProtoICMP, packet.ProtoICMPv6:
		counterpart, oneWay := icmpCounterpart(k.Proto(), icmpType, icmpCode)
		ports = [4]byte{0, icmpType, 0, counterpart}
		switch {
		case oneWay && !fromLower: // a one-way flow keeps its direction
			first, second = second, first
		case !oneWay && !fromLower:
			ports = [4]byte{0, counterpart, 0, icmpType}
		}
	default:
		hasPorts = false
	}
	if !hasPorts {
		return packet.AppendCommunityID(b, k.Proto(), first, second, nil)
	}
	return packet.AppendCommunityID(b, k.Proto(), first, second, ports[:])
}

// icmpCounterpart returns the type that answers a message of icmpType; for types without an answer it returns the code,
// and oneWay.
func icmpCounterpart(proto, icmpType, icmpCode uint8) (counterpart uint8, oneWay bool) {
	pairs := icmp4Counterparts
	if proto == packet.ProtoICMPv6 {
		pairs = icmp6Counterparts
	}
	for _, p := range pairs {
		switch icmpType {
		case p[0]:
			return p[1], false
		case p[1]:
			return p[0], false
		}
	}
	return icmpCode, true
}

// The types of ICMP (RFC 792, 950, 1256) and ICMPv6 (RFC 4443, 4861, 2710, 4620, 8335) that come in pairs.
var (
	icmp4Counterparts = [][2]uint8{{8, 0}, {13, 14}, {15, 16}, {10, 9}, {17, 18}}
	icmp6Counterparts = [][2]uint8{{128, 129}, {133, 134}, {135, 136}, {130, 131}, {144, 145}, {139, 140}}
)
