// SPDX-License-Identifier: Apache-2.0

package packet

// Traffic is what passed an interface one way.
type Traffic struct {
	IPv4, IPv6            Volume
	NotIP                 uint64 // packets without an IP header, or with a broken one
	TCP, UDP, ICMP, Other uint64 // packets of IP by their protocol; ICMP of both versions
	Fragments             uint64 // packets of IP among these
	// Largest is the length of the longest frame on the wire in bytes, tags included. It alone is no count since the
	// beginning of the watch, but the latest.
	Largest uint64
}

// Volume counts packets on the wire, and their bytes from the IP header on.
type Volume struct{ Packets, Bytes uint64 }

// Count counts one packet, as the kernel's programs do; length is its frame's. Call it before Fragments.Resolve.
func (t *Traffic) Count(p *Packet, length int) {
	t.Largest = max(t.Largest, uint64(length))
	version := &t.IPv6
	switch p.IPVersion {
	case 0:
		t.NotIP++
		return
	case 4:
		version = &t.IPv4
	}
	version.Packets++
	version.Bytes += uint64(p.WireBytes)
	if p.Fragment {
		t.Fragments++
	}
	switch {
	case p.Proto == ProtoTCP:
		t.TCP++
	case p.Proto == ProtoUDP:
		t.UDP++
	case p.Proto == ProtoICMP && p.IPVersion == 4, p.Proto == ProtoICMPv6 && p.IPVersion == 6:
		t.ICMP++
	default:
		t.Other++
	}
}

// Add adds the traffic of another time or place.
func (t *Traffic) Add(o *Traffic) {
	t.IPv4.Packets += o.IPv4.Packets
	t.IPv4.Bytes += o.IPv4.Bytes
	t.IPv6.Packets += o.IPv6.Packets
	t.IPv6.Bytes += o.IPv6.Bytes
	t.NotIP += o.NotIP
	t.TCP += o.TCP
	t.UDP += o.UDP
	t.ICMP += o.ICMP
	t.Other += o.Other
	t.Fragments += o.Fragments
	t.Largest = max(t.Largest, o.Largest)
}
