// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"encoding/binary"
	"net/netip"
)

// Most packets are TCP or UDP directly in IP directly in Ethernet, whole, without options or fragments. plain reads
// them in one pass, with one bounds check for each header, and leaves everything else to the general decoder. Both must
// give the same result: TestPlainIsTheGeneralWay and FuzzDecode compare them.

// plain decodes the Ethernet frame d if it has that plain form, and reports whether it did. The wire length plays no
// part: a plain packet is complete. Clearing p first would take a third of the time, so plain sets each field that is
// valid for such a packet; when it returns false, p holds garbage.
func (p *Packet) plain(d []byte) bool {
	const least = ethernetHeader + ipv4Header + tcpHeader
	if len(d) < least {
		return false
	}
	h := (*[least]byte)(d)
	switch binary.BigEndian.Uint16(h[12:]) {
	case etherIPv4:
		return p.plainIPv4(d, h)
	case etherIPv6:
		return p.plainIPv6(d)
	}
	return false
}

func (p *Packet) plainIPv4(d []byte, h *[ethernetHeader + ipv4Header + tcpHeader]byte) bool {
	const ip, transport = ethernetHeader, ethernetHeader + ipv4Header
	total := int(binary.BigEndian.Uint16(h[ip+2:]))
	end := ip + total
	const fragment = 0x3fff // offset and more-fragments flag
	if h[ip] != 0x45 || binary.BigEndian.Uint16(h[ip+6:])&fragment != 0 || end > len(d) {
		return false
	}
	var payload int
	if t := h[transport:]; h[ip+9] == ProtoTCP {
		header := int(t[12]>>4) * 4
		if payload = transport + header; header < tcpHeader || payload > end {
			return false
		}
		p.Seq, p.Ack = binary.BigEndian.Uint32(t[4:]), binary.BigEndian.Uint32(t[8:])
		p.TCPFlags, p.Window = t[13], binary.BigEndian.Uint16(t[14:])
		p.SrcPort, p.DstPort = binary.BigEndian.Uint16(t[0:]), binary.BigEndian.Uint16(t[2:])
	} else if payload = p.plainTransport((*[tcpHeader]byte)(t), h[ip+9], transport, end); payload == 0 {
		return false
	}
	p.Data, p.Src, p.Dst = d, netip.AddrFrom4([4]byte(h[ip+12:])), netip.AddrFrom4([4]byte(h[ip+16:]))
	p.NetworkOffset, p.TransportOffset, p.PayloadOffset, p.End = ip, transport, payload, end
	p.WireBytes, p.WirePayload = uint32(total), uint32(end-payload)
	p.DstMAC, p.SrcMAC = [6]byte(h[0:]), [6]byte(h[6:])
	p.IPVersion, p.Proto, p.TTL, p.TOS = 4, h[ip+9], h[ip+8], h[ip+1]
	p.setPlain()
	return true
}

func (p *Packet) plainIPv6(d []byte) bool {
	const ip, transport = ethernetHeader, ethernetHeader + ipv6Header
	if len(d) < transport+tcpHeader {
		return false
	}
	h := (*[transport + tcpHeader]byte)(d)
	length := int(binary.BigEndian.Uint16(h[ip+4:]))
	end := transport + length
	if h[ip]>>4 != 6 || length == 0 || end > len(d) {
		return false
	}
	payload := p.plainTransport((*[tcpHeader]byte)(h[transport:]), h[ip+6], transport, end)
	if payload == 0 {
		return false
	}
	p.Data, p.Src, p.Dst = d, netip.AddrFrom16([16]byte(h[ip+8:])), netip.AddrFrom16([16]byte(h[ip+24:]))
	p.NetworkOffset, p.TransportOffset, p.PayloadOffset, p.End = ip, transport, payload, end
	p.WireBytes, p.WirePayload = uint32(end-ip), uint32(end-payload)
	p.DstMAC, p.SrcMAC = [6]byte(h[0:]), [6]byte(h[6:])
	p.IPVersion, p.Proto, p.TTL, p.TOS = 6, h[ip+6], h[ip+7], h[ip]<<4|h[ip+1]>>4
	p.setPlain()
	return true
}

// setPlain sets the eight neighbouring bytes that mark an ordinary packet; the compiler makes them one store.
func (p *Packet) setPlain() {
	p.HasMAC = true
	p.ICMPType, p.ICMPCode, p.NVLAN, p.Fault = 0, 0, 0, FaultNone
	p.Tunnel, p.Around, p.Fragment, p.LaterFragment, p.Truncated = TunnelNone, TunnelNone, false, false, false
}

// plainTransport reads a TCP header, or the UDP header of a datagram that fills its packet and belongs to no tunnel,
// and returns where the payload begins; 0 if the header is neither.
func (p *Packet) plainTransport(h *[tcpHeader]byte, proto uint8, off, end int) (payload int) {
	src, dst := binary.BigEndian.Uint16(h[0:]), binary.BigEndian.Uint16(h[2:])
	switch proto {
	case ProtoTCP:
		header := int(h[12]>>4) * 4
		if header < tcpHeader || off+header > end {
			return 0
		}
		p.Seq, p.Ack = binary.BigEndian.Uint32(h[4:]), binary.BigEndian.Uint32(h[8:])
		p.TCPFlags, p.Window = h[13], binary.BigEndian.Uint16(h[14:])
		payload = off + header
	case ProtoUDP:
		if int(binary.BigEndian.Uint16(h[4:])) != end-off || tunnelPort(dst) || tunnelPort(src) {
			return 0
		}
		p.Seq, p.Ack, p.TCPFlags, p.Window = 0, 0, 0, 0
		payload = off + udpHeader
	default:
		return 0
	}
	p.SrcPort, p.DstPort = src, dst
	return payload
}
