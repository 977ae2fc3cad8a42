// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// UDP ports of tunnels (IANA service-names; 8472 is the port of Linux's VXLAN before RFC 7348, which container networks
// kept). The port alone names nothing: the tunnel's header must be sound.
const (
	portL2TP     = 1701
	portGTPU     = 2152
	portTeredo   = 3544
	portGRE      = 4754
	portVXLAN    = 4789
	portVXLANGPE = 4790
	portCAPWAP   = 5247
	portGeneve   = 6081
	portVXLANOld = 8472
	portTZSP     = 37008
)

// GRE protocol types that are no EtherTypes of a link.
const (
	greEthernet  = 0x6558 // transparent Ethernet bridging (RFC 1701)
	grePPP       = 0x880b // RFC 2637
	greERSPAN    = 0x88be // types I and II
	greERSPANIII = 0x22eb
)

// innerAt is the offset in Packet.Data, and the link type, of the packet inside a tunnel.
type innerAt struct {
	offset int
	link   LinkType
}

// Inner decodes the packet inside outer's payload into p, as Decode does. It returns false if outer is no tunnel (see
// Packet.Tunnel) or carries no IP packet; p is then undefined. p shares only Data with outer. p and outer may be the
// same. The caller bounds the depth: MaxTunnels.
func (p *Packet) Inner(outer *Packet) bool {
	if outer.Tunnel == TunnelNone {
		*p = Packet{Data: outer.Data}
		return false
	}
	data, end, at := outer.Data, outer.End, outer.inner
	wire := outer.PayloadOffset + int(outer.WirePayload)
	*p = Packet{Data: data}
	p.decode(at.link, data[:end], at.offset, wire)
	return p.IPVersion != 0
}

// carried describes a tunnel's inner packet: its link type and its offset in the payload. The zero value means no
// tunnel, or nothing readable inside.
type carried struct {
	offset int // never 0 in a UDP tunnel
	link   LinkType
	ok     bool
}

// ipTunnel sets Tunnel if the IP protocol announces a packet as payload, and the payload agrees.
func (p *Packet) ipTunnel() {
	b, wire := p.Payload(), int(p.WirePayload)
	if p.Fragment {
		wire = maxIPTotal // later fragments hold the rest
	}
	c, kind := carried{}, TunnelIPIP
	switch p.Proto {
	case ProtoGRE:
		c, kind = gre(b, wire), TunnelGRE
	case ProtoIPIP:
		c = carriedIP(b, 0, wire, 4)
		if p.IPVersion == 6 {
			kind = Tunnel4in6
		}
	case ProtoIPv6:
		c = carriedIP(b, 0, wire, 6)
		if p.IPVersion == 4 {
			kind = Tunnel6in4
		}
	case ProtoEtherIP:
		c, kind = etherIP(b, wire), TunnelEtherIP
	case ProtoL2TP:
		c, kind = l2tpv3(b, 0, wire), TunnelL2TP
	}
	p.setTunnel(kind, c)
}

func (p *Packet) setTunnel(kind Tunnel, c carried) {
	if c.ok {
		p.Tunnel = kind
		p.inner = innerAt{p.PayloadOffset + c.offset, c.link}
	}
}

// tunnelPort reports whether a UDP port may carry a tunnel.
func tunnelPort(port uint16) bool {
	switch port {
	case portL2TP, portGTPU, portTeredo, portGRE, portVXLAN, portVXLANGPE, portCAPWAP, portGeneve, portVXLANOld,
		portTZSP:
		return true
	}
	return false
}

// udpTunnel sets Tunnel if one of the ports belongs to a tunnel and the payload has its header. wire is the payload's
// length by the UDP header; the payload may be only the first fragment of it.
func (p *Packet) udpTunnel(wire int) {
	b := p.Payload()
	for _, port := range [...]uint16{p.DstPort, p.SrcPort} {
		kind, c := tunnelOn(port, b, wire)
		if p.setTunnel(kind, c); c.ok {
			return
		}
	}
}

func tunnelOn(port uint16, b []byte, wire int) (Tunnel, carried) {
	switch port {
	case portL2TP:
		return TunnelL2TP, l2tp(b, wire)
	case portGTPU:
		return TunnelGTPU, gtpu(b, wire)
	case portTeredo:
		return TunnelTeredo, teredo(b, wire)
	case portGRE:
		return TunnelGREInUDP, gre(b, wire)
	case portVXLAN, portVXLANOld:
		return TunnelVXLAN, vxlan(b, wire)
	case portVXLANGPE:
		return TunnelVXLANGPE, vxlanGPE(b, wire)
	case portCAPWAP:
		return TunnelCAPWAP, capwap(b, wire)
	case portGeneve:
		return TunnelGeneve, geneve(b, wire)
	case portTZSP:
		return TunnelTZSP, tzsp(b, wire)
	}
	return TunnelNone, carried{}
}

// gre reads a GRE header: RFC 2784 with the fields of RFC 2890, or version 1 (RFC 2637 §4.1).
func gre(b []byte, wire int) carried {
	const checksum, key, sequence, acknowledgment, version = 0x8000, 0x2000, 0x1000, 0x0080, 0x0007
	if len(b) < 4 {
		return carried{}
	}
	flags, protocol := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	off := 4
	for _, field := range [...]uint16{checksum, key, sequence, acknowledgment} {
		if flags&field != 0 {
			off += 4
		}
	}
	if len(b) < off {
		return carried{}
	}
	switch flags & version {
	case 0:
		if flags&^(checksum|key|sequence) != 0 || flags&checksum != 0 && (b[6] != 0 || b[7] != 0) {
			return carried{}
		}
		return greCarries(protocol, b, off, wire, flags&sequence != 0)
	case 1:
		if flags&^(sequence|acknowledgment) != key|1 || protocol != grePPP || flags&sequence == 0 {
			return carried{} // a packet without a sequence number is a bare acknowledgment
		}
		if length := int(binary.BigEndian.Uint16(b[4:])); off+length <= wire {
			return carriedPPP(b, off, off+length)
		}
	}
	return carried{}
}

// greCarries reads the payload that a version 0 header announces at b[off:].
func greCarries(protocol uint16, b []byte, off, wire int, sequence bool) carried {
	switch protocol {
	case greERSPAN:
		if sequence { // type II: draft-foschiano-erspan §4.2; type I has neither sequence number nor header
			if len(b)-off < 8 || b[off]>>4 != 1 {
				return carried{}
			}
			off += 8
		}
		return carriedEthernet(b, off, wire)
	case greERSPANIII: // §4.3: the last bit of 12 bytes announces 8 more, the frame type must be Ethernet
		if len(b)-off < 12 || b[off]>>4 != 2 || b[off+10]&0x7c != 0 {
			return carried{}
		}
		off += 12 + int(b[off+11]&1)*8
		return carriedEthernet(b, off, wire)
	}
	return carriedEtherType(protocol, b, off, wire)
}

// gtpu reads the header of a T-PDU (3GPP TS 29.281 §5.1): version 1, protocol type GTP, and the extension headers.
func gtpu(b []byte, wire int) carried {
	const (
		versionMask, version1 = 0xf8, 0x30 // version, protocol type, spare bit
		optional, extension   = 0x07, 0x04
		messageTPDU           = 255
		header                = 8
	)
	if len(b) < header || b[0]&versionMask != version1 || b[1] != messageTPDU ||
		int(binary.BigEndian.Uint16(b[2:])) != wire-header {
		return carried{}
	}
	off := header
	if b[0]&optional != 0 {
		off += 4 // sequence number, N-PDU number, type of the next extension header
		if len(b) < off {
			return carried{}
		}
		// §5.2.1: each extension header begins with its length in units of 4 bytes and ends with the type of the next.
		for next := b[off-1]; b[0]&extension != 0 && next != 0; next = b[off-1] {
			if len(b) <= off || b[off] == 0 {
				return carried{}
			}
			if off += int(b[off]) * 4; len(b) < off {
				return carried{}
			}
		}
	}
	return carriedIP(b, off, wire, 0)
}

// vxlan reads a VXLAN header: RFC 7348 §5 with all reserved bits 0, or with the group policy of
// draft-smith-vxlan-group-policy.
func vxlan(b []byte, wire int) carried {
	const (
		header      = 8
		flagVNI     = 0x08
		flagPolicy  = 0x80
		policyFlags = 0x48 // don't learn, policy applied
	)
	if len(b) < header || b[7] != 0 {
		return carried{}
	}
	plain := b[0] == flagVNI && b[1] == 0 && b[2] == 0 && b[3] == 0
	policy := b[0] == flagVNI|flagPolicy && b[1]&^policyFlags == 0
	if !plain && !policy {
		return carried{}
	}
	return carriedEthernet(b, header, wire)
}

// vxlanGPE reads a header of draft-ietf-nvo3-vxlan-gpe §3: version 0, no OAM packet, reserved bits 0, and the next
// protocol.
func vxlanGPE(b []byte, wire int) carried {
	const (
		header             = 8
		flagVNI            = 0x08
		flagNext           = 0x04
		flagBUM            = 0x02
		ip4, ip6, ethernet = 1, 2, 3
	)
	if len(b) < header || b[0]&^(flagVNI|flagNext|flagBUM) != 0 || b[0]&flagVNI == 0 || b[1] != 0 || b[2] != 0 ||
		b[7] != 0 {
		return carried{}
	}
	next := b[3]
	if b[0]&flagNext == 0 && next == 0 {
		next = ethernet
	}
	switch next {
	case ip4:
		return carriedIP(b, header, wire, 4)
	case ip6:
		return carriedIP(b, header, wire, 6)
	case ethernet:
		return carriedEthernet(b, header, wire)
	}
	return carried{}
}

// etherIP reads an EtherIP header (RFC 3378 §3): version 3, all other bits 0.
func etherIP(b []byte, wire int) carried {
	const header = 2
	if len(b) < header || b[0] != 0x30 || b[1] != 0 {
		return carried{}
	}
	return carriedEthernet(b, header, wire)
}

// geneve reads a Geneve header (RFC 8926 §3.4), except control packets, and walks its options, which must fill it.
func geneve(b []byte, wire int) carried {
	const (
		header         = 8
		critical       = 0x40 // the one flag allowed in a data packet
		optionsLenMask = 0x3f
	)
	if len(b) < header || b[0]&^optionsLenMask != 0 || b[1]&^critical != 0 || b[7] != 0 {
		return carried{}
	}
	end := header + int(b[0]&optionsLenMask)*4
	if len(b) < end {
		return carried{}
	}
	off := header
	for off < end {
		off += 4 + int(b[off+3]&0x1f)*4 // end - off is a multiple of 4 and not 0
	}
	if off != end {
		return carried{}
	}
	protocol := binary.BigEndian.Uint16(b[2:])
	return carriedEtherType(protocol, b, off, wire)
}

// teredo reads the indications before a Teredo packet (RFC 4380 §5.1.1) and the addresses in it: one address is
// Teredo's, or both are those of a router solicitation or advertisement.
func teredo(b []byte, wire int) carried {
	const authentication, origin = 1, 0
	off := 0
	if len(b) >= 4 && binary.BigEndian.Uint16(b) == authentication {
		off = 4 + int(b[2]) + int(b[3]) + 8 + 1 // identifier, value, nonce, confirmation
	}
	if len(b)-off >= 8 && binary.BigEndian.Uint16(b[off:]) == origin {
		off += 8
	}
	c := carriedIP(b, off, wire, 6)
	if !c.ok {
		return c
	}
	src, dst := binary.BigEndian.Uint32(b[off+8:]), binary.BigEndian.Uint32(b[off+24:])
	const teredoPrefix, linkLocal, linkLocalMask = 0x20010000, 0xfe800000, 0xffc00000
	c.ok = src == teredoPrefix || dst == teredoPrefix || src&linkLocalMask == linkLocal
	return c
}

// l2tp reads the header of an L2TPv2 data message (RFC 2661 §3.1), whose reserved bits must be 0.
func l2tp(b []byte, wire int) carried {
	const (
		length, sequence, offset, priority = 0x4000, 0x0800, 0x0200, 0x0100
		version2, version3                 = 2, 3
	)
	if len(b) < 6 {
		return carried{}
	}
	flags := binary.BigEndian.Uint16(b)
	if flags == version3 && b[2] == 0 && b[3] == 0 {
		return l2tpv3(b, 4, wire)
	}
	if flags&^(length|sequence|offset|priority) != version2 {
		return carried{}
	}
	off := 2
	if flags&length != 0 {
		if int(binary.BigEndian.Uint16(b[off:])) != wire {
			return carried{}
		}
		off += 2
	}
	if len(b)-off < 4 || binary.BigEndian.Uint16(b[off:]) == 0 || binary.BigEndian.Uint16(b[off+2:]) == 0 {
		return carried{} // tunnel and session, never 0 in data messages
	}
	off += 4
	if flags&sequence != 0 {
		off += 4
	}
	if flags&offset != 0 {
		if len(b)-off < 2 {
			return carried{}
		}
		off += 2 + int(binary.BigEndian.Uint16(b[off:]))
	}
	return carriedPPP(b, off, wire)
}

// l2tpv3 reads an L2TPv3 data message (RFC 3931 §4.1) from its session identifier on, which is 0 in control messages.
// Only the two ends know the cookie's length and whether a 4-byte sublayer follows: the frame (RFC 4719) must fit
// exactly.
func l2tpv3(b []byte, off, wire int) carried {
	const session, longestCookie, sublayer = 4, 8, 4
	if len(b)-off < session || binary.BigEndian.Uint32(b[off:]) == 0 {
		return carried{}
	}
	off += session
	for end := off + longestCookie + sublayer; off <= end && off < len(b); off += 4 {
		if exactEthernet(b[off:], wire-off) {
			return carried{off, LinkEthernet, true}
		}
	}
	return carried{}
}

// capwap reads a CAPWAP data header (RFC 5415 §4.3), except encrypted packets and later fragments.
func capwap(b []byte, wire int) carried {
	const (
		native, isFragment, wirelessInfo, radioMAC, keepAlive, reserved = 0x100, 0x80, 0x20, 0x10, 0x08, 0x07
		binding80211                                                    = 1
	)
	if len(b) < 8 {
		return carried{}
	}
	word, fragment := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	header := int(word>>19&0x1f) * 4
	if word>>24 != 0 || word>>9&0x1f != binding80211 || word&(keepAlive|reserved) != 0 || fragment&7 != 0 ||
		word&isFragment != 0 && fragment&0xfff8 != 0 || len(b) < header {
		return carried{}
	}
	off := 8
	for _, field := range [...]uint32{radioMAC, wirelessInfo} { // each: length, data, padding to 4 bytes
		if word&field == 0 {
			continue
		}
		if len(b) <= off {
			return carried{}
		}
		off += (1 + int(b[off]) + 3) &^ 3
	}
	if off > header {
		return carried{}
	}
	if word&isFragment != 0 {
		wire = maxIPTotal
	}
	if word&native != 0 {
		return carriedWifi(b, header)
	}
	return carriedEthernet(b, header, wire)
}

// tzsp reads a TZSP header: version 1, a type that carries a packet, the encapsulated protocol, and tagged fields up to
// an end tag.
func tzsp(b []byte, wire int) carried {
	const (
		received, transmit       = 0, 1
		ethernet, ieee80211      = 1, 18
		tagPadding, tagEnd  byte = 0, 1
	)
	if len(b) < 4 || b[0] != 1 || b[1] != received && b[1] != transmit {
		return carried{}
	}
	off := 4
	for {
		if len(b)-off < 2 {
			return carried{}
		}
		tag := b[off]
		if off++; tag == tagEnd {
			break
		}
		if tag != tagPadding {
			off += 1 + int(b[off])
		}
	}
	switch binary.BigEndian.Uint16(b[2:]) {
	case ethernet:
		return carriedEthernet(b, off, wire)
	case ieee80211:
		return carriedWifi(b, off)
	}
	return carried{}
}
