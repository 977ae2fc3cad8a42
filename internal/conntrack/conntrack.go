// SPDX-License-Identifier: Apache-2.0

// Package conntrack knows the kernel's tracked connections: who began each, and what address translation (NAT) makes of
// its ends.
//
// Open is for the privileged process: to hear of events, and to ask for the list of connections, takes CAP_NET_ADMIN.
// What comes is read by the confined one, from the same socket. So events and list are in the order in which the kernel
// made them.
package conntrack

import (
	"net/netip"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// Tuple are the ends of a connection as one side sees them. ICMP has no ports; what its queries have for them
// packet.QueryPorts says.
type Tuple struct {
	Src, Dst netip.AddrPort
	Proto    uint8
}

// Key is the key of the flow with these ends, outside any VLAN; fromLower says whether Src is its lower end.
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

// Connection is one tracked connection. Its client is Original.Src, and its server Reply.Src, whatever they call each
// other.
type Connection struct {
	// Original are the ends as the client's packets have them when they come in, Reply as the server's answers have
	// them.
	Original, Reply Tuple
	ID              uint32 // of the kernel: together with the tuples it tells connections apart
	Mark            uint32
	Status          Status
	Zone            uint16
	// Packets and Bytes are those of the client and of the server, from the network header on, where the kernel counts
	// (net.netfilter.nf_conntrack_acct) and told.
	Packets, Bytes [2]uint64
}

// Status are the kernel's IPS_* bits (linux/netfilter/nf_conntrack_common.h).
type Status uint32

// Bits of Status.
const (
	SeenReply         Status = 1 << 1
	SourceNAT         Status = 1 << 4
	DestinationNAT    Status = 1 << 5
	Offloaded         Status = 1 << 14
	HardwareOffloaded Status = 1 << 15
)

// IsTranslated says whether the two sides have different names for an end, be it only by its port.
func (c *Connection) IsTranslated() bool {
	return c.Original.Src != c.Reply.Dst || c.Original.Dst != c.Reply.Src
}

// NAT is the kind of the translation.
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
