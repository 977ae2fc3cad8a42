// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// Links that firewalls and switches put before what they show (https://www.tcpdump.org/linktypes.html has each).

// nflog reads LINKTYPE_NFLOG: family, version, group, then attributes as netlink has them, in the byte order of the
// host that captured. The last of them is the packet, from its network layer on (linux/netfilter/nfnetlink_log.h).
func (p *Packet) nflog(d []byte, off int) (uint16, int, Fault) {
	const (
		header, attribute                     = 4, 4
		packetHeader, hardwareAddress, packet = 1, 8, 9
		inet, inet6                           = 2, 10
	)
	if len(d)-off < header+attribute {
		return 0, off, FaultTruncated
	}
	family, version := d[off], d[off+1]
	if version != 0 {
		return 0, off, FaultLinkType
	}
	off += header
	order := nflogOrder(d[off:])
	etherType := uint16(0) // of a bridge's packet, which may be any
	for {
		if len(d)-off < attribute {
			return 0, off, FaultTruncated
		}
		length, kind := int(order.Uint16(d[off:])), order.Uint16(d[off+2:])
		if length < attribute {
			return 0, off, FaultLinkType
		}
		value := d[off+attribute : min(off+length, len(d))]
		switch {
		case kind == packet && (family == inet || family == inet6 || etherType == 0):
			return rawIP(d, off+attribute)
		case kind == packet:
			return etherType, off + attribute, FaultNone
		case kind == packetHeader && len(value) >= 2:
			etherType = binary.BigEndian.Uint16(value)
		case kind == hardwareAddress && len(value) >= 10 && binary.BigEndian.Uint16(value) == 6:
			p.SrcMAC, p.HasMAC = [6]byte(value[4:]), true
		}
		if off += (length + 3) &^ 3; off > len(d) {
			return 0, len(d), FaultTruncated
		}
	}
}

// nflogOrder tells the byte order by the first attribute: no kind goes beyond a byte.
func nflogOrder(b []byte) binary.ByteOrder {
	if b[3] == 0 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// pflog reads LINKTYPE_PFLOG: the header of OpenBSD's packet filter, and of the systems that took it over, begins
// with its length without padding; what follows it is a packet.
func pflog(d []byte, off int) (uint16, int, Fault) {
	const least = 45 // up to the direction, in the shortest that was ever in use
	if len(d) <= off {
		return 0, off, FaultTruncated
	}
	length := int(d[off])
	if length < least {
		return 0, off, FaultLinkType
	}
	length = (length + 3) &^ 3
	if len(d)-off < length {
		return 0, off, FaultTruncated
	}
	return rawIP(d, off+length)
}

// enc reads LINKTYPE_ENC, OpenBSD's view into IPsec: address family, SPI, flags, 4 bytes each; then a packet.
func enc(d []byte, off int) (uint16, int, Fault) {
	const header = 12
	if len(d)-off < header {
		return 0, off, FaultTruncated
	}
	return rawIP(d, off+header)
}

// switchTag reads an Ethernet header in which a switch has put a tag of its own behind the addresses. Marvell's
// (Linux, net/dsa/tag_dsa.c) stands in the place of the VLAN tag that the frame had on its link; with an EtherType
// before it or without.
func (p *Packet) switchTag(link LinkType, d []byte, off int) (uint16, int, Fault) {
	const macs, tag, etherTypeAndZero, tagged = 12, 4, 4, 0x20
	header := macs + tag + 2
	if link == LinkDSATagEDSA {
		header += etherTypeAndZero
	}
	if len(d)-off < header {
		return 0, off, FaultTruncated
	}
	h := d[off : off+header]
	p.DstMAC, p.SrcMAC, p.HasMAC = [6]byte(h), [6]byte(h[6:]), true
	if t := h[header-tag-2:]; link != LinkDSATagBRCM && t[0]&tagged != 0 {
		if id := binary.BigEndian.Uint16(t[2:]) & 0x0fff; id != 0 {
			p.VLANs[0], p.NVLAN = id, 1
		}
	}
	return binary.BigEndian.Uint16(h[header-2:]), off + header, FaultNone
}

// macInMac reads what stands between an Ethernet frame and the one that it carries, and the addresses of that one.
func (p *Packet) macInMac(etherType uint16, d []byte, off int) (uint16, int, Fault) {
	around, length, fault := TunnelPBB, 4, FaultNone
	if etherType == etherBatman {
		around = TunnelBatman
		length, fault = batman(d[off:])
	}
	switch {
	case fault != FaultNone:
		return 0, off, fault
	case len(d)-off < length+ethernetHeader:
		return 0, off, FaultTruncated
	}
	p.Network = 0
	if around == TunnelPBB {
		p.Network = binary.BigEndian.Uint32(d[off:])&0xffffff + 1 // IEEE 802.1Q §9.7: the I-SID
	}
	p.Around = around
	h := d[off+length : off+length+ethernetHeader]
	p.DstMAC, p.SrcMAC, p.HasMAC = [6]byte(h), [6]byte(h[6:]), true
	return binary.BigEndian.Uint16(h[12:]), off + length + ethernetHeader, FaultNone
}

// batman gives the length of a batman-adv header before an Ethernet frame: compatibility version 15, the packet types
// that have one (include/uapi/linux/batadv_packet.h of Linux). Fragments and network-coded packets can't be read by
// themselves.
func batman(h []byte) (length int, fault Fault) {
	const version, broadcast, multicast, unicast, unicast4 = 15, 0x01, 0x05, 0x40, 0x42
	if len(h) < 6 {
		return 0, FaultTruncated
	}
	if h[1] != version {
		return 0, FaultNotIP
	}
	switch h[0] {
	case broadcast: // TTL, reserved, sequence number, originator
		return 14, FaultNone
	case unicast: // TTL, translation table version, destination
		return 10, FaultNone
	case unicast4: // and source, subtype, reserved
		return 18, FaultNone
	case multicast: // TTL, reserved, and what the length says
		return 6 + int(binary.BigEndian.Uint16(h[4:])), FaultNone
	}
	return 0, FaultNotIP
}
