// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"crypto/sha1" //nolint:gosec // the specification's hash
	"encoding/base64"
	"net/netip"
)

// AppendCommunityID appends a Community ID (version 1, seed 0; specification of corelight/community-id-spec) of
// addresses of 4 or 16 bytes, in the specification's order, and of what it takes as their ports; nil for a protocol
// that has none.
func AppendCommunityID(b []byte, proto uint8, first, second, ports []byte) []byte {
	var in [2 + 16 + 16 + 2 + 4]byte // seed, addresses, protocol and padding, ports
	n := 2
	n += copy(in[n:2+16], first)
	n += copy(in[n:2+16+16], second)
	in[n] = proto
	n += 2
	n += copy(in[n:], ports)
	sum := sha1.Sum(in[:n]) //nolint:gosec // as above
	b = append(b, "1:"...)
	return base64.StdEncoding.AppendEncode(b, sum[:])
}

// AppendPortsCommunityID appends the Community ID of a flow between two ends with ports; nothing for a protocol other
// than TCP, UDP and SCTP.
func AppendPortsCommunityID(b []byte, proto uint8, one, other netip.AddrPort) []byte {
	if proto != ProtoTCP && proto != ProtoUDP && proto != ProtoSCTP {
		return b
	}
	if other.Compare(one) < 0 {
		one, other = other, one
	}
	ports := [...]byte{byte(one.Port() >> 8), byte(one.Port()), byte(other.Port() >> 8), byte(other.Port())}
	return AppendCommunityID(b, proto, one.Addr().AsSlice(), other.Addr().AsSlice(), ports[:])
}
