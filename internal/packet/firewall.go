// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// Log interfaces of packet filters (https://www.tcpdump.org/linktypes.html describes each format).

// nflog reads LINKTYPE_NFLOG: family, version, group, then netlink attributes in the byte order of the capturing host.
// The last attribute holds the packet, from its network header on (linux/netfilter/nfnetlink_log.h).
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
	etherType := uint16(0) // set for a bridge's packet, which may be of any type
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

// nflogOrder infers the byte order from the first attribute: every attribute type fits into one byte.
func nflogOrder(b []byte) binary.ByteOrder {
	if b[3] == 0 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// pflog reads LINKTYPE_PFLOG, the packet filter log of OpenBSD and of the systems that adopted it: the header begins
// with its length without padding, and the packet follows the padding.
func pflog(d []byte, off int) (uint16, int, Fault) {
	const least = 45 // up to the direction, in the shortest version in use
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
