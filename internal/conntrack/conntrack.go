// SPDX-License-Identifier: Apache-2.0

// Package conntrack follows the kernel's tracked connections: who began each, and how address translation (NAT) changes
// its ends.
//
// The privileged process calls Open: events and dumps need CAP_NET_ADMIN. The confined process reads from the same
// socket, so events and dumps arrive in the order in which the kernel made them.
package conntrack

import (
	"net/netip"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// Tuple holds the ends of a connection as one side sees them. For ICMP, packet.QueryPorts replaces the ports.
type Tuple struct {
	Src, Dst netip.AddrPort
	Proto    uint8
}

// Key returns the flow key of these ends, outside any VLAN; fromLower reports whether Src is the key's lower end.
func (t Tuple) Key() (key flow.Key, fromLower bool) {
	p := packet.Packet{
		Src: t.Src.Addr(), Dst: t.Dst.Addr(), SrcPort: t.Src.Port(), DstPort: t.Dst.Port(), Proto: t.Proto,
		IPVersion: 6,
	}
	if p.Src.Is4() {
		p.IPVersion = 4
	}
	return flow.NewKey(&p, 0)
}

// Connection is a tracked connection. Its client is Original.Src and its server Reply.Src, whatever the other end calls
// them.
type Connection struct {
	// Original holds the ends of the client's packets as they come in, Reply those of the server's.
	Original, Reply Tuple
	ID              uint32 // the kernel's; with the tuples it identifies a connection
	Mark            uint32
	Status          Status
	Zone            uint16
	// Packets and Bytes are the client's and the server's, from the network header on, if the kernel counts them
	// (net.netfilter.nf_conntrack_acct) and has reported them.
	Packets, Bytes [2]uint64
}

// Status holds the kernel's IPS_* bits (linux/netfilter/nf_conntrack_common.h).
type Status uint32

// Bits of Status.
const (
	SeenReply         Status = 1 << 1
	SourceNAT         Status = 1 << 4
	DestinationNAT    Status = 1 << 5
	Offloaded         Status = 1 << 14
	HardwareOffloaded Status = 1 << 15
)

// IsTranslated reports whether the two sides have different names for an end, even if only the port differs.
func (c *Connection) IsTranslated() bool {
	return c.Original.Src != c.Reply.Dst || c.Original.Dst != c.Reply.Src
}

// NAT returns the kind of the translation.
func (c *Connection) NAT() record.NATKind {
	source, destination := c.Original.Src != c.Reply.Dst, c.Original.Dst != c.Reply.Src
	switch {
	case source && destination:
		return record.SNATDNAT
	case source:
		return record.SNAT
	case destination:
		return record.DNAT
	}
	return record.NATNone
}
