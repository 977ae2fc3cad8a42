// SPDX-License-Identifier: Apache-2.0

package packet

import "encoding/binary"

const (
	tcpHeader  = 20 // without options
	udpHeader  = 8
	sctpHeader = 12
)

// transport reads the header of p.Proto at d[off:]; d ends where the IP packet or the capture ends.
func (p *Packet) transport(d []byte, off int) {
	switch p.Proto {
	case ProtoTCP:
		p.tcp(d, off)
	case ProtoUDP:
		p.udp(d, off)
	default:
		p.otherTransport(d, off)
	}
}

// tcp reads a TCP header (RFC 9293 §3.1). Options cut by the capture are no fault.
func (p *Packet) tcp(d []byte, off int) {
	h := d[off:]
	if len(h) < tcpHeader {
		p.cutTransport(h, off)
		return
	}
	h = h[:tcpHeader]
	p.SrcPort = binary.BigEndian.Uint16(h[0:])
	p.DstPort = binary.BigEndian.Uint16(h[2:])
	length := int(h[12]>>4) * 4
	if length < tcpHeader || length > p.NetworkOffset+int(p.WireBytes)-off {
		p.broken(off, FaultTransport)
		return
	}
	p.Seq = binary.BigEndian.Uint32(h[4:])
	p.Ack = binary.BigEndian.Uint32(h[8:])
	p.TCPFlags = h[13]
	p.Window = binary.BigEndian.Uint16(h[14:])
	p.payload(off, off+length)
}

// cutTransport ends the decoding at an incomplete header with ports; the ports themselves may be complete.
func (p *Packet) cutTransport(h []byte, off int) {
	if len(h) >= 4 {
		p.SrcPort = binary.BigEndian.Uint16(h[0:])
		p.DstPort = binary.BigEndian.Uint16(h[2:])
	}
	p.broken(off, FaultTransport)
}

// udp reads a UDP header (RFC 768). Length 0 is a jumbogram's (RFC 2675 §4), or the network card fills it in later.
func (p *Packet) udp(d []byte, off int) {
	h := d[off:]
	if len(h) < udpHeader {
		p.cutTransport(h, off)
		return
	}
	h = h[:udpHeader]
	p.SrcPort = binary.BigEndian.Uint16(h[0:])
	p.DstPort = binary.BigEndian.Uint16(h[2:])
	length := int(binary.BigEndian.Uint16(h[4:]))
	wire := p.NetworkOffset + int(p.WireBytes) - off
	switch {
	case length == 0:
		length = wire
	case length < udpHeader, length > wire && !p.Fragment:
		p.broken(off, FaultTransport)
		return
	}
	if length < len(d)-off {
		p.End = off + length
	}
	p.TransportOffset = off
	p.PayloadOffset = off + udpHeader
	p.WirePayload = uint32(min(length, wire) - udpHeader)
	if tunnelPort(p.SrcPort) || tunnelPort(p.DstPort) {
		p.udpTunnel(length - udpHeader)
	}
}

// otherTransport reads the headers of all protocols but TCP and UDP.
func (p *Packet) otherTransport(d []byte, off int) {
	h := d[off:]
	switch p.Proto {
	case ProtoSCTP: // RFC 9260 §3.1
		if len(h) < sctpHeader {
			p.cutTransport(h, off)
			return
		}
		p.SrcPort = binary.BigEndian.Uint16(h[0:])
		p.DstPort = binary.BigEndian.Uint16(h[2:])
		p.payload(off, off+sctpHeader)
	case ProtoUDPLite:
		p.udpLite(h, off)
	case ProtoICMP, ProtoICMPv6, ProtoIGMP:
		p.control(h, off)
	case ProtoIPIP, ProtoIPv6, ProtoGRE, ProtoEtherIP, ProtoL2TP:
		p.payload(off, off)
		p.ipTunnel()
	default:
		p.payload(off, off)
	}
}

// udpLite reads a UDP-Lite header (RFC 3828 §3.1), whose length field is the checksum's coverage.
func (p *Packet) udpLite(h []byte, off int) {
	if len(h) < udpHeader {
		p.cutTransport(h, off)
		return
	}
	p.SrcPort = binary.BigEndian.Uint16(h[0:])
	p.DstPort = binary.BigEndian.Uint16(h[2:])
	coverage := int(binary.BigEndian.Uint16(h[4:]))
	if coverage != 0 && coverage < udpHeader || coverage > p.NetworkOffset+int(p.WireBytes)-off && !p.Fragment {
		p.broken(off, FaultTransport)
		return
	}
	p.payload(off, off+udpHeader)
}
