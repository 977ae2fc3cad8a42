// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// network decodes the layer that an EtherType announces at d[off:].
func (p *Packet) network(etherType uint16, d []byte, off, wire int) {
	switch etherType {
	case etherIPv4:
		p.ipv4(d, off, wire)
	case etherIPv6:
		p.ipv6(d, off, wire)
	default:
		p.peel(etherType, d, off, wire)
	}
}

// peel reads the headers between the link and the network layer: LLC, VLAN tags, MPLS labels, PPPoE, frames around the
// frame. Each turn of its loop consumes a tag, a label, a frame or a header that can't repeat, so MaxVLANs,
// MaxMPLSLabels and MaxTunnels bound it.
func (p *Packet) peel(etherType uint16, d []byte, off, wire int) {
	tags, labels, frames := int(p.NVLAN), 0, 0 // the link's switch tag may have set a VLAN
	fault := FaultNone
	for fault == FaultNone {
		switch etherType {
		case etherIPv4:
			p.ipv4(d, off, wire)
			return
		case etherIPv6:
			p.ipv6(d, off, wire)
			return
		case etherVLAN, etherQinQ, etherQinQOld:
			if tags++; tags > MaxVLANs {
				fault = FaultExtensions
				break
			}
			etherType, off, fault = p.vlan(d, off)
		case etherMPLS, etherMPLSMulticast:
			etherType, off, labels, fault = mpls(d, off, labels)
		case etherPPPoE:
			etherType, off, fault = pppoe(d, off)
		case etherBatman, etherPBB:
			if frames++; frames > MaxTunnels {
				fault = FaultExtensions
				break
			}
			etherType, off, fault = p.macInMac(etherType, d, off)
		default:
			if etherType >= etherMin {
				fault = FaultNotIP
				break
			}
			etherType, off, fault = llc(d, off)
		}
	}
	p.stop(off, len(d), fault)
}

// vlan reads an IEEE 802.1Q §9.3 tag: priority and identifier, then the next EtherType. Identifier 0 is the null VLAN:
// the tag carries a priority only, and the frame belongs to the same VLAN as without it.
func (p *Packet) vlan(d []byte, off int) (uint16, int, Fault) {
	if len(d)-off < vlanTag {
		return 0, off, FaultTruncated
	}
	if id := binary.BigEndian.Uint16(d[off:]) & 0x0fff; id != 0 { // peel counts the tags
		p.VLANs[p.NVLAN] = id
		p.NVLAN++
	}
	return binary.BigEndian.Uint16(d[off+2:]), off + vlanTag, FaultNone
}

// llc reads an 802.2 LLC header with a SNAP extension (RFC 1042), or with IP's own service access point.
func llc(d []byte, off int) (uint16, int, Fault) {
	h := d[off:]
	if len(h) < 3 {
		return 0, off, FaultTruncated
	}
	switch {
	case h[0] == 0x06 && h[1] == 0x06 && h[2] == 0x03:
		return etherIPv4, off + 3, FaultNone
	case h[0] != 0xaa || h[1] != 0xaa || h[2] != 0x03:
		return 0, off, FaultNotIP
	case len(h) < 8:
		return 0, off, FaultTruncated
	}
	// SNAP's OUI is 0 before an EtherType, and 0x0000f8 in 802.1H bridge tunnel encapsulation.
	etherType := binary.BigEndian.Uint16(h[6:])
	if h[3] != 0 || h[4] != 0 || h[5] != 0 && h[5] != 0xf8 || etherType < etherMin {
		return 0, off, FaultNotIP
	}
	return etherType, off + 8, FaultNone
}

// pppoe reads a PPPoE session header (RFC 2516 §4) and the PPP header in it.
func pppoe(d []byte, off int) (uint16, int, Fault) {
	h := d[off:]
	if len(h) < 6 {
		return 0, off, FaultTruncated
	}
	if h[0] != 0x11 || h[1] != 0 { // version 1, type 1, code 0: session data
		return 0, off, FaultNotIP
	}
	return ppp(d, off+6)
}

// mpls walks a label stack (RFC 3032 §2.1); labels counts those that the frame had before. The stack doesn't announce
// the layer below it; the first nibble does (RFC 4928): 4 and 6 for IP, 0 for a pseudowire's control word (RFC 4385
// §3).
func mpls(d []byte, off, labels int) (uint16, int, int, Fault) {
	for bottom := false; !bottom; off += mplsLabel {
		if len(d)-off < mplsLabel {
			return 0, off, labels, FaultTruncated
		}
		if labels == MaxMPLSLabels {
			return 0, off, labels, FaultExtensions
		}
		labels++
		bottom = d[off+2]&1 != 0
	}
	if len(d) <= off {
		return 0, off, labels, FaultTruncated
	}
	switch d[off] >> 4 {
	case 4:
		return etherIPv4, off, labels, FaultNone
	case 6:
		return etherIPv6, off, labels, FaultNone
	case 0:
		// An Ethernet pseudowire: control word, then a frame (RFC 4448 §4.6). Its addresses belong to another link.
		const controlWord = 4
		if off += controlWord; len(d) >= off && saneEthernet(d[off:], len(d)-off) {
			return binary.BigEndian.Uint16(d[off+12:]), off + ethernetHeader, labels, FaultNone
		}
		off -= controlWord
	}
	return 0, off, labels, FaultNotIP
}
