// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// LinkType is the type of header that a capture's frames begin with: a LINKTYPE_ value as in pcap files
// (https://www.tcpdump.org/linktypes.html), without the FCS bits in the upper half of the file header's field.
type LinkType uint32

// Link types that Decode knows. 12 and 14 are DLT_RAW of BSD systems; old captures hold them in place of LINKTYPE_RAW.
const (
	LinkNull              LinkType = 0
	LinkEthernet          LinkType = 1
	LinkPPP               LinkType = 9
	LinkDLTRaw            LinkType = 12
	LinkDLTRawOpenBSD     LinkType = 14
	LinkPPPHDLC           LinkType = 50
	LinkRaw               LinkType = 101
	LinkCHDLC             LinkType = 104
	LinkIEEE80211         LinkType = 105
	LinkLoop              LinkType = 108
	LinkENC               LinkType = 109
	LinkLinuxSLL          LinkType = 113
	LinkPFLog             LinkType = 117
	LinkIEEE80211Radiotap LinkType = 127
	LinkPPI               LinkType = 192
	LinkIPv4              LinkType = 228
	LinkIPv6              LinkType = 229
	LinkNFLog             LinkType = 239
	LinkLinuxSLL2         LinkType = 276
	LinkDSATagBRCM        LinkType = 281 // Broadcom's switches
	LinkDSATagBRCMPrepend LinkType = 282
	LinkDSATagDSA         LinkType = 284 // Marvell's switches
	LinkDSATagEDSA        LinkType = 285
)

// Internal link types, for packets that Inner decodes. They lie above every LINKTYPE_, which has 16 bits.
const (
	linkMPLS             LinkType = 1<<16 + iota // a label stack
	linkIEEE80211Swapped                         // 802.11 whose two frame control bytes changed places
)

// Known reports whether Decode understands frames of this link type.
func (l LinkType) Known() bool {
	switch l {
	case LinkNull, LinkEthernet, LinkPPP, LinkDLTRaw, LinkDLTRawOpenBSD, LinkPPPHDLC, LinkRaw, LinkCHDLC, LinkIEEE80211,
		LinkLoop, LinkLinuxSLL, LinkIEEE80211Radiotap, LinkPPI, LinkIPv4, LinkIPv6, LinkLinuxSLL2, LinkENC, LinkPFLog,
		LinkNFLog,
		LinkDSATagBRCM, LinkDSATagBRCMPrepend, LinkDSATagDSA, LinkDSATagEDSA:
		return true
	}
	return false
}

// EtherTypes (IANA ieee-802-numbers). The decoder translates every link's protocol field to one of them.
const (
	etherIPv4          = 0x0800
	etherARP           = 0x0806
	etherBatman        = 0x4305 // batman-adv
	etherVLAN          = 0x8100 // 802.1Q
	etherIPv6          = 0x86dd
	etherMPLS          = 0x8847
	etherMPLSMulticast = 0x8848
	etherPPPoE         = 0x8864 // session stage
	etherQinQ          = 0x88a8 // 802.1ad
	etherPBB           = 0x88e7 // 802.1ah
	etherQinQOld       = 0x9100 // before 802.1ad
	// Values below etherMin are the length of an 802.3 frame, whose payload begins with an LLC header.
	etherMin = 0x0600
	// etherLLC stands for "an LLC header follows" where a link says so without a length.
	etherLLC = 0
)

const (
	ethernetHeader = 14
	vlanTag        = 4
	mplsLabel      = 4
)

// Decode reads frame, which was captured from a link of the given type and had wireLen bytes on the wire; a wireLen
// below len(frame) counts as len(frame). Decode sets every field of p that is valid for the packet. It can't fail:
// Fault names the obstacle it met.
func (p *Packet) Decode(link LinkType, frame []byte, wireLen int) {
	if link == LinkEthernet && p.plain(frame) {
		return
	}
	*p = Packet{Data: frame}
	if link > 0xffff {
		p.stop(0, len(frame), FaultLinkType)
		return
	}
	p.decode(link, frame, 0, max(wireLen, len(frame)))
}

// decode reads d[off:] as a frame of the given link. The frame ended at wire, counted from the start of d, before the
// capture cut it to len(d).
func (p *Packet) decode(link LinkType, d []byte, off, wire int) {
	if link == LinkEthernet && len(d)-off >= ethernetHeader {
		h := d[off : off+ethernetHeader]
		p.DstMAC, p.SrcMAC, p.HasMAC = [6]byte(h), [6]byte(h[6:]), true
		p.network(binary.BigEndian.Uint16(h[12:]), d, off+ethernetHeader, wire)
		return
	}
	etherType, off, fault := p.link(link, d, off)
	if fault != FaultNone {
		p.stop(off, len(d), fault)
		return
	}
	p.network(etherType, d, off, wire)
}

// stop ends the decoding before the network layer.
func (p *Packet) stop(off, end int, fault Fault) {
	p.NetworkOffset, p.TransportOffset, p.PayloadOffset, p.End = off, off, off, end
	p.WirePayload = uint32(end - off)
	p.Fault = fault
}

// link reads the header of a link at d[off:] and returns the EtherType of the next layer and where that layer begins.
func (p *Packet) link(link LinkType, d []byte, off int) (etherType uint16, next int, fault Fault) {
	if link == LinkPPI {
		if link, off, fault = ppi(d, off); fault != FaultNone {
			return 0, off, fault
		}
	}
	switch link {
	case LinkEthernet:
		if len(d)-off < ethernetHeader {
			return 0, off, FaultTruncated
		}
		h := d[off : off+ethernetHeader]
		p.DstMAC, p.SrcMAC, p.HasMAC = [6]byte(h), [6]byte(h[6:]), true
		return binary.BigEndian.Uint16(h[12:]), off + ethernetHeader, FaultNone
	case LinkRaw, LinkDLTRaw, LinkDLTRawOpenBSD, LinkIPv4, LinkIPv6:
		return rawIP(d, off)
	case LinkLinuxSLL:
		return p.linuxSLL(d, off)
	case LinkLinuxSLL2:
		return p.linuxSLL2(d, off)
	case LinkNull, LinkLoop:
		return bsdLoopback(d, off)
	case LinkPPP:
		return ppp(d, off)
	case LinkPPPHDLC:
		// The address byte distinguishes PPP in HDLC-like framing (RFC 1662) from Cisco HDLC.
		if len(d) > off && (d[off] == chdlcUnicast || d[off] == chdlcMulticast) {
			return chdlc(d, off)
		}
		return ppp(d, off)
	case LinkCHDLC:
		return chdlc(d, off)
	case LinkIEEE80211:
		return p.wifi(d, off, 0)
	case linkIEEE80211Swapped:
		return p.wifi(d, off, wifiSwapped)
	case LinkIEEE80211Radiotap:
		return p.radiotap(d, off)
	case linkMPLS:
		return etherMPLS, off, FaultNone
	case LinkNFLog:
		return p.nflog(d, off)
	case LinkPFLog:
		return pflog(d, off)
	case LinkENC:
		return enc(d, off)
	case LinkDSATagBRCM, LinkDSATagDSA, LinkDSATagEDSA:
		return p.switchTag(link, d, off)
	case LinkDSATagBRCMPrepend: // the tag, then the frame
		const tag = 4
		if len(d)-off < tag {
			return 0, off, FaultTruncated
		}
		return p.link(LinkEthernet, d, off+tag)
	}
	return 0, off, FaultLinkType
}

// rawIP infers the IP version from the first nibble: no other field gives it.
func rawIP(d []byte, off int) (uint16, int, Fault) {
	if len(d) <= off {
		return 0, off, FaultTruncated
	}
	switch d[off] >> 4 {
	case 4:
		return etherIPv4, off, FaultNone
	case 6:
		return etherIPv6, off, FaultNone
	}
	return 0, off, FaultIPHeader
}

// ppi reads the header of Per-Packet Information: version, flags, little-endian length, little-endian link type.
// The link type may be any but PPI itself.
func ppi(d []byte, off int) (LinkType, int, Fault) {
	h := d[off:]
	if len(h) < 8 {
		return 0, off, FaultTruncated
	}
	length := int(binary.LittleEndian.Uint16(h[2:]))
	link := LinkType(binary.LittleEndian.Uint32(h[4:]))
	if h[0] != 0 || length < 8 || link == LinkPPI || link > 0xffff {
		return 0, off, FaultLinkType
	}
	if length > len(h) {
		return 0, off, FaultTruncated
	}
	return link, off + length, FaultNone
}

// Protocol values of Linux cooked headers outside the EtherType range (linux/if_ether.h).
const (
	linuxP8023 = 0x0001 // ETH_P_802_3: 802.3 without an LLC header: Novell's IPX
	linuxP8022 = 0x0004 // ETH_P_802_2: an LLC header follows
)

// linuxSLL reads LINKTYPE_LINUX_SLL: packet type, ARPHRD, address length (2 bytes each), address (8), protocol (2).
func (p *Packet) linuxSLL(d []byte, off int) (uint16, int, Fault) {
	const header = 16
	if len(d)-off < header {
		return 0, off, FaultTruncated
	}
	h := d[off : off+header]
	if binary.BigEndian.Uint16(h[4:]) == 6 {
		p.SrcMAC, p.HasMAC = [6]byte(h[6:]), true
	}
	return cooked(binary.BigEndian.Uint16(h[14:]), off+header)
}

// linuxSLL2 reads LINKTYPE_LINUX_SLL2: protocol (2), reserved (2), interface (4), ARPHRD (2), packet type (1),
// address length (1), address (8).
func (p *Packet) linuxSLL2(d []byte, off int) (uint16, int, Fault) {
	const header = 20
	if len(d)-off < header {
		return 0, off, FaultTruncated
	}
	h := d[off : off+header]
	if h[11] == 6 {
		p.SrcMAC, p.HasMAC = [6]byte(h[12:]), true
	}
	return cooked(binary.BigEndian.Uint16(h), off+header)
}

func cooked(protocol uint16, off int) (uint16, int, Fault) {
	switch {
	case protocol == linuxP8022:
		return etherLLC, off, FaultNone
	case protocol < etherMin:
		return 0, off, FaultNotIP
	}
	return protocol, off, FaultNone
}

// bsdLoopback reads the address family of LINKTYPE_NULL (byte order of the capturing host) or LINKTYPE_LOOP (network
// byte order, though not every writer follows that). AF_INET is 2 everywhere, AF_INET6 differs between systems.
func bsdLoopback(d []byte, off int) (uint16, int, Fault) {
	if len(d)-off < 4 {
		return 0, off, FaultTruncated
	}
	family := binary.BigEndian.Uint32(d[off:])
	if family > 0xffff {
		family = binary.LittleEndian.Uint32(d[off:])
	}
	switch family {
	case 2:
		return etherIPv4, off + 4, FaultNone
	case 10, 23, 24, 28, 30: // Linux, Windows, NetBSD and OpenBSD, FreeBSD, Darwin
		return etherIPv6, off + 4, FaultNone
	}
	return 0, off + 4, FaultNotIP
}

// PPP protocol numbers (IANA ppp-numbers).
const (
	pppIPv4          = 0x0021
	pppIPv6          = 0x0057
	pppMPLS          = 0x0281
	pppMPLSMulticast = 0x0283
)

// ppp reads a PPP header: address and control (RFC 1662 §3.1), unless compressed away, and a protocol field of two
// bytes or one (RFC 1661 §6.5): only its last byte is odd.
func ppp(d []byte, off int) (uint16, int, Fault) {
	if len(d)-off >= 2 && d[off] == 0xff && d[off+1] == 0x03 {
		off += 2
	}
	if len(d) <= off {
		return 0, off, FaultTruncated
	}
	protocol := uint16(d[off])
	off++
	if protocol&1 == 0 {
		if len(d) <= off {
			return 0, off, FaultTruncated
		}
		protocol = protocol<<8 | uint16(d[off])
		off++
	}
	switch protocol {
	case pppIPv4:
		return etherIPv4, off, FaultNone
	case pppIPv6:
		return etherIPv6, off, FaultNone
	case pppMPLS, pppMPLSMulticast:
		return etherMPLS, off, FaultNone
	}
	return 0, off, FaultNotIP
}

// First byte of a Cisco HDLC frame.
const (
	chdlcUnicast   = 0x0f
	chdlcMulticast = 0x8f
)

// chdlc reads a Cisco HDLC header: address, control, EtherType.
func chdlc(d []byte, off int) (uint16, int, Fault) {
	if len(d)-off < 4 {
		return 0, off, FaultTruncated
	}
	etherType := binary.BigEndian.Uint16(d[off+2:])
	if etherType < etherMin {
		return 0, off, FaultNotIP
	}
	return etherType, off + 4, FaultNone
}
