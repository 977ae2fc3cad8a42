// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

// macInMac reads the header between an Ethernet frame and the frame inside it, and the addresses of the inner frame.
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

// batman returns the length of the batman-adv header before an Ethernet frame: compatibility version 15, the packet
// types that carry a frame (include/uapi/linux/batadv_packet.h of Linux). Fragments and network-coded packets can't be
// read on their own.
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
	case unicast4: // as unicast, then source, subtype, reserved
		return 18, FaultNone
	case multicast: // TTL, reserved, and as many bytes as the length field says
		return 6 + int(binary.BigEndian.Uint16(h[4:])), FaultNone
	}
	return 0, FaultNotIP
}
