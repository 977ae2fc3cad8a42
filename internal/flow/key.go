// SPDX-License-Identifier: Apache-2.0

// Package flow keeps the flows: their keys, their counters and their lives, in a table of bounded size.
package flow

import (
	"crypto/sha1" //nolint:gosec // the Community ID specification says SHA-1
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/netip"

	"github.com/weirnet/weir/internal/packet"
)

// Key is what a flow is known by, the same for both directions: lower address (16 bytes, IPv4 in the first 4), upper address,
// lower port, upper port, network, IP protocol, IP version. "Lower" is the end with the smaller (address, port). The network
// tells equal addresses apart: it is the VLAN identifier, or a digest where there is more than one, or a tunnel's network.
type Key [40]byte

// Offsets into a Key.
const (
	keyLower, keyUpper         = 0, 16
	keyLowerPort, keyUpperPort = 32, 34
	keyNetwork                 = 36
	keyProto, keyVersion       = 38, 39
)

// NewKey makes the key of a decoded packet, and says whether its source is the lower end. network is that of the tunnel around
// it (a VXLAN or Geneve network identifier), 0 where there is none.
func NewKey(p *packet.Packet, network uint32) (k Key, fromLower bool) {
	var src, dst [16]byte
	if p.IPVersion == 4 {
		a, b := p.Src.As4(), p.Dst.As4()
		*(*[4]byte)(src[:]), *(*[4]byte)(dst[:]) = a, b
	} else {
		src, dst = p.Src.As16(), p.Dst.As16()
	}
	fromLower = less(&src, p.SrcPort, &dst, p.DstPort)
	if fromLower {
		*(*[16]byte)(k[keyLower:]), *(*[16]byte)(k[keyUpper:]) = src, dst
		binary.BigEndian.PutUint16(k[keyLowerPort:], p.SrcPort)
		binary.BigEndian.PutUint16(k[keyUpperPort:], p.DstPort)
	} else {
		*(*[16]byte)(k[keyLower:]), *(*[16]byte)(k[keyUpper:]) = dst, src
		binary.BigEndian.PutUint16(k[keyLowerPort:], p.DstPort)
		binary.BigEndian.PutUint16(k[keyUpperPort:], p.SrcPort)
	}
	if p.NVLAN > 0 || network != 0 {
		binary.BigEndian.PutUint16(k[keyNetwork:], networkDigest(p.VLANs[:p.NVLAN], network))
	}
	k[keyProto], k[keyVersion] = p.Proto, p.IPVersion
	return k, fromLower
}

// networkDigest is the VLAN identifier itself where there is nothing else.
func networkDigest(vlans []uint16, network uint32) uint16 {
	const factor = 40503 // 2^16 divided by the golden ratio
	digest := uint16(network) + uint16(network>>16)*factor
	for _, v := range vlans {
		digest = digest*factor + v
	}
	return digest
}

func less(a *[16]byte, aPort uint16, b *[16]byte, bPort uint16) bool {
	for i := 0; i < 16; i += 8 {
		x, y := binary.BigEndian.Uint64(a[i:]), binary.BigEndian.Uint64(b[i:])
		if x != y {
			return x < y
		}
	}
	return aPort <= bPort
}

// Proto is the IP protocol number.
func (k *Key) Proto() uint8 { return k[keyProto] }

// Version is 4 or 6.
func (k *Key) Version() uint8 { return k[keyVersion] }

// Lower is the end with the smaller address and port.
func (k *Key) Lower() netip.AddrPort { return k.end(keyLower, keyLowerPort) }

// Upper is the other end.
func (k *Key) Upper() netip.AddrPort { return k.end(keyUpper, keyUpperPort) }

func (k *Key) end(addr, port int) netip.AddrPort {
	p := binary.BigEndian.Uint16(k[port:])
	if k[keyVersion] == 4 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(k[addr:addr+4])), p)
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(k[addr:addr+16])), p)
}

// addressBytes are the bytes of the address at offset, 4 or 16 of them.
func (k *Key) addressBytes(addr int) []byte {
	if k[keyVersion] == 4 {
		return k[addr : addr+4]
	}
	return k[addr : addr+16]
}

// ID is the flow's stable identity: the first 16 bytes of SHA-256 over its key and its start in nanoseconds, as 32
// hexadecimal digits. Two agents that see the same first packet give the same id.
func (k *Key) ID(first int64) [32]byte {
	var b [len(Key{}) + 8]byte
	copy(b[:], k[:])
	binary.BigEndian.PutUint64(b[len(k):], uint64(first))
	sum := sha256.Sum256(b[:])
	var id [32]byte
	hex.Encode(id[:], sum[:16])
	return id
}

// AppendCommunityID appends the Community ID (version 1, seed 0; specification of corelight/community-id-spec) of the flow.
// For ICMP and ICMPv6 the type and code of the flow's first packet stand in for ports, and fromLower says whether the lower end
// sent it.
func (k *Key) AppendCommunityID(b []byte, icmpType, icmpCode uint8, fromLower bool) []byte {
	var in [2 + 16 + 16 + 2 + 4]byte // seed, addresses, protocol and padding, ports
	first, second := k.addressBytes(keyLower), k.addressBytes(keyUpper)
	ports, hasPorts := [4]byte(k[keyLowerPort:keyLowerPort+4]), true
	switch k[keyProto] {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
	case packet.ProtoICMP, packet.ProtoICMPv6:
		counterpart, oneWay := icmpCounterpart(k[keyProto], icmpType, icmpCode)
		ports = [4]byte{0, icmpType, 0, counterpart}
		switch {
		case oneWay && !fromLower: // such a flow keeps its direction
			first, second = second, first
		case !oneWay && !fromLower:
			ports = [4]byte{0, counterpart, 0, icmpType}
		}
	default:
		hasPorts = false
	}
	n := 2
	n += copy(in[n:], first)
	n += copy(in[n:], second)
	in[n] = k[keyProto]
	n += 2
	if hasPorts {
		n += copy(in[n:], ports[:])
	}
	sum := sha1.Sum(in[:n]) //nolint:gosec // as above
	b = append(b, "1:"...)
	return base64.StdEncoding.AppendEncode(b, sum[:])
}

// icmpCounterpart is the type with which a message of icmpType is answered; for types without an answer it is the code, and
// oneWay is true.
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
