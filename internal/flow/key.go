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
// lower port, upper port, VLAN identifier, IP protocol, IP version. "Lower" is the end with the smaller (address, port).
type Key [40]byte

// Offsets into a Key.
const (
	keyLower, keyUpper         = 0, 16
	keyLowerPort, keyUpperPort = 32, 34
	keyVLAN                    = 36
	keyProto, keyVersion       = 38, 39
)

// NewKey makes the key of a decoded packet, and says whether its source is the lower end.
func NewKey(p *packet.Packet) (k Key, fromLower bool) {
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
	if p.NVLAN > 0 {
		binary.BigEndian.PutUint16(k[keyVLAN:], p.VLANs[p.NVLAN-1])
	}
	k[keyProto], k[keyVersion] = p.Proto, p.IPVersion
	return k, fromLower
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
// icmpType and icmpCode are those of the flow's first packet and stand in for ports where the protocol is ICMP or ICMPv6.
func (k *Key) AppendCommunityID(b []byte, icmpType, icmpCode uint8) []byte {
	var in [2 + 16 + 16 + 2 + 4]byte // seed, addresses, protocol and padding, ports
	lower, upper := k.addressBytes(keyLower), k.addressBytes(keyUpper)
	n := 2
	n += copy(in[n:], lower)
	n += copy(in[n:], upper)
	in[n] = k[keyProto]
	n += 2
	switch k[keyProto] {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
		n += copy(in[n:], k[keyLowerPort:keyLowerPort+4])
	case packet.ProtoICMP, packet.ProtoICMPv6:
		source, destination := icmpPorts(k[keyProto], icmpType, icmpCode)
		binary.BigEndian.PutUint16(in[n:], source)
		binary.BigEndian.PutUint16(in[n+2:], destination)
		n += 4
	}
	sum := sha1.Sum(in[:n]) //nolint:gosec // as above
	b = append(b, "1:"...)
	return base64.StdEncoding.AppendEncode(b, sum[:])
}

// icmpPorts maps an ICMP type to the pair that the Community ID uses as ports: request and reply types are each other's
// counterpart; for one-way types it is type and code.
func icmpPorts(proto, icmpType, icmpCode uint8) (source, destination uint16) {
	pairs := icmp4Counterparts
	if proto == packet.ProtoICMPv6 {
		pairs = icmp6Counterparts
	}
	for _, p := range pairs {
		if p[0] == icmpType {
			return uint16(min(p[0], p[1])), uint16(max(p[0], p[1]))
		}
		if p[1] == icmpType {
			return uint16(min(p[0], p[1])), uint16(max(p[0], p[1]))
		}
	}
	return uint16(icmpType), uint16(icmpCode)
}

// The types of ICMP (RFC 792, 950, 1256) and ICMPv6 (RFC 4443, 4861, 2710, 4620, 8335) that come in pairs.
var (
	icmp4Counterparts = [][2]uint8{{8, 0}, {13, 14}, {15, 16}, {10, 9}, {17, 18}}
	icmp6Counterparts = [][2]uint8{{128, 129}, {133, 134}, {135, 136}, {130, 131}, {144, 145}, {139, 140}}
)
