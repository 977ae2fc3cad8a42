// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// The carried functions check whether a tunnel's payload can be the packet that its header announces. b is the captured
// payload, wire its length on the wire; off is where the announced packet begins, and may lie past the end of b.

// maxIPTotal is the greatest IP length (16 bits): the bound for a fragment, which doesn't know the datagram's length.
const maxIPTotal = 65535

// carriedIP accepts an IP packet of the given version, or of either version if version is 0.
func carriedIP(b []byte, off, wire int, version byte) carried {
	if len(b) <= off || version != 0 && b[off]>>4 != version || !saneIP(b[off:], wire-off) {
		return carried{}
	}
	return carried{off, LinkRaw, true}
}

// carriedEthernet accepts an Ethernet frame.
func carriedEthernet(b []byte, off, wire int) carried {
	if len(b) <= off || !saneEthernet(b[off:], wire-off) {
		return carried{}
	}
	return carried{off, LinkEthernet, true}
}

// carriedPPP accepts a PPP frame with an IP packet in it. Nothing can be read from other PPP payloads (LCP, compressed
// or encrypted data).
func carriedPPP(b []byte, off, wire int) carried {
	if len(b) <= off {
		return carried{}
	}
	etherType, off, fault := ppp(b, off)
	if fault != FaultNone {
		return carried{}
	}
	return carriedEtherType(etherType, b, off, wire)
}

// carriedWifi accepts an 802.11 data frame. Some CAPWAP controllers swap the two frame control bytes: the first byte
// then holds the DS bits in place of the version, which is always 0.
func carriedWifi(b []byte, off int) carried {
	switch {
	case len(b)-off < 24:
	case b[off]&wifiVersionType == wifiData:
		return carried{off, LinkIEEE80211, true}
	case b[off]&(wifiToDS|wifiFromDS) != 0 && b[off+1]&wifiVersionType == wifiData:
		return carried{off, linkIEEE80211Swapped, true}
	}
	return carried{}
}

// carriedEtherType accepts the payload that an EtherType (or GRE's bridging type) announces.
func carriedEtherType(etherType uint16, b []byte, off, wire int) carried {
	switch etherType {
	case etherIPv4:
		return carriedIP(b, off, wire, 4)
	case etherIPv6:
		return carriedIP(b, off, wire, 6)
	case etherMPLS, etherMPLSMulticast:
		below, at, _, fault := mpls(b, off, 0)
		if fault != FaultNone || (below == etherIPv4 || below == etherIPv6) && !saneIP(b[at:], wire-at) {
			return carried{}
		}
		return carried{off, linkMPLS, true}
	case greEthernet:
		return carriedEthernet(b, off, wire)
	}
	return carried{}
}

// saneIP reports whether b begins with an IP header whose lengths fit into wire bytes.
func saneIP(b []byte, wire int) bool {
	switch {
	case len(b) >= ipv4Header && b[0]>>4 == 4:
		header, total := int(b[0]&0x0f)*4, int(binary.BigEndian.Uint16(b[2:]))
		return header >= ipv4Header && total >= header && total <= wire
	case len(b) >= ipv6Header && b[0]>>4 == 6:
		return ipv6Header+int(binary.BigEndian.Uint16(b[4:])) <= wire
	}
	return false
}

// saneEthernet reports whether b begins with an Ethernet header whose type occurs in real networks and, for IP, whether
// an IP header follows.
func saneEthernet(b []byte, wire int) bool {
	if len(b) < ethernetHeader {
		return false
	}
	const (
		group       = 0x01 // in the first byte of an address; never set in a sender's address
		slow        = 0x8809
		pppoeOffer  = 0x8863
		eapol       = 0x888e
		lldp        = 0x88cc
		reverseARP  = 0x8035
		ieee1588PTP = 0x88f7
	)
	if b[6]&group != 0 {
		return false
	}
	rest := b[ethernetHeader:]
	switch etherType := binary.BigEndian.Uint16(b[12:]); etherType {
	case etherIPv4:
		return len(rest) > 0 && rest[0]>>4 == 4 && saneIP(rest, wire-ethernetHeader)
	case etherIPv6:
		return len(rest) > 0 && rest[0]>>4 == 6 && saneIP(rest, wire-ethernetHeader)
	case etherARP, reverseARP, etherVLAN, etherQinQ, etherQinQOld, etherMPLS, etherMPLSMulticast, pppoeOffer,
		etherPPPoE,
		etherBatman, etherPBB, eapol, lldp, slow, ieee1588PTP:
		return true
	default:
		// 802.3: the length fits, and an LLC header of spanning tree or SNAP follows.
		return etherType < etherMin && int(etherType) <= wire-ethernetHeader && len(rest) >= 3 && rest[2] == 0x03 &&
			rest[0] == rest[1] && (rest[0] == 0x42 || rest[0] == 0xaa)
	}
}

// exactEthernet reports whether b is an Ethernet frame with an IP packet that ends where the frame does, apart from the
// padding of the shortest frames. The check is strict enough to find where a frame begins.
func exactEthernet(b []byte, wire int) bool {
	const group, leastPayload = 0x01, 46
	if len(b) < ethernetHeader || b[6]&group != 0 {
		return false
	}
	off := ethernetHeader
	etherType := binary.BigEndian.Uint16(b[12:])
	for tags := 0; etherType == etherVLAN || etherType == etherQinQ || etherType == etherQinQOld; tags++ {
		if tags == MaxVLANs || len(b)-off < vlanTag {
			return false
		}
		etherType = binary.BigEndian.Uint16(b[off+2:])
		off += vlanTag
	}
	b, wire = b[off:], wire-off
	if !saneIP(b, wire) {
		return false
	}
	version, total := byte(6), ipv6Header
	switch etherType {
	case etherIPv4:
		version, total = 4, int(binary.BigEndian.Uint16(b[2:]))
	case etherIPv6:
		total += int(binary.BigEndian.Uint16(b[4:]))
	default:
		return false
	}
	return b[0]>>4 == version && (total == wire || wire <= leastPayload)
}
