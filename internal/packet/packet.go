// SPDX-License-Identifier: Apache-2.0

// Package packet turns the bytes of a captured frame into headers: link, network, transport.
//
// The result is a struct that the caller owns and uses again for each frame. It holds offsets into the
// frame and netip values, so decoding allocates nothing; it never panics, whatever the bytes are.
package packet

import "net/netip"

// Limits on what one frame may stack. Each is far above what real networks use, and each has a test that reaches it.
const (
	// MaxVLANs is how many VLAN tags are peeled and kept: 802.1ad uses two, a few carriers three.
	MaxVLANs = 4
	// MaxMPLSLabels bounds the label stack that is walked.
	MaxMPLSLabels = 8
	// MaxIPv6Extensions bounds the extension header chain: RFC 8200 §4.1 lists seven, Destination Options twice.
	MaxIPv6Extensions = 8
	// MaxTunnels is how many tunnels within one another are peeled.
	MaxTunnels = 4
)

// Tunnel names a way in which packets travel inside packets.
type Tunnel uint8

// The tunnels that Packet.Inner peels. String gives the name that flow records use.
const (
	TunnelNone   Tunnel = iota
	Tunnel6in4          // RFC 4213: IPv4 protocol 41
	Tunnel4in6          // RFC 2473: IPv6 next header 4
	TunnelIPIP          // RFC 2003: IPv4 protocol 4; IPv6 in IPv6 (RFC 2473) as well
	TunnelGRE           // RFC 2784, RFC 2890, and version 1 of PPTP (RFC 2637)
	TunnelGTPU          // 3GPP TS 29.281, UDP port 2152
	TunnelVXLAN         // RFC 7348, UDP port 4789
	TunnelGeneve        // RFC 8926, UDP port 6081
	TunnelTeredo        // RFC 4380, UDP port 3544
	// RFC 2661, UDP port 1701 (data messages that carry PPP); RFC 3931, IP protocol 115 too (those that carry Ethernet)
	TunnelL2TP
	TunnelCAPWAP   // RFC 5415, UDP port 5247 (data channel)
	TunnelTZSP     // TaZmen Sniffer Protocol, UDP port 37008
	TunnelVXLANGPE // draft-ietf-nvo3-vxlan-gpe, UDP port 4790
	TunnelEtherIP  // RFC 3378: IP protocol 97
	TunnelGREInUDP // RFC 8086, UDP port 4754
	TunnelBatman   // batman-adv, EtherType 0x4305; see Packet.Around
	TunnelPBB      // IEEE 802.1ah, EtherType 0x88e7; see Packet.Around

	NumTunnels = iota
)

// Fault says why a frame, or a part of it, could not be decoded. Frames with a fault are counted by it.
type Fault uint8

// The faults. A Packet whose Fault is not FaultNone may still have a network layer (see Packet.IPVersion).
const (
	FaultNone       Fault = iota
	FaultLinkType         // a link type that this package does not know, or a radiotap or PPI header that can't be
	FaultNotIP            // not IP: ARP, LLDP, STP, EAPOL, ...
	FaultTruncated        // a header is cut by the end of the frame
	FaultIPHeader         // version, header length or total length can't be
	FaultExtensions       // more IPv6 extension headers, VLAN tags or labels than the limits allow
	FaultTransport        // the transport header contradicts itself or is cut; the ports are set if they could be read
	FaultEncrypted        // an 802.11 frame with the protected bit

	NumFaults = iota // for arrays of counters indexed by Fault
)

// TCP flags, RFC 9293 §3.1 (the low byte).
const (
	FIN uint8 = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// IP protocol numbers that this package and its users name (IANA protocol-numbers).
const (
	ProtoICMP    = 1
	ProtoIGMP    = 2
	ProtoIPIP    = 4
	ProtoTCP     = 6
	ProtoEGP     = 8
	ProtoUDP     = 17
	ProtoIPv6    = 41
	ProtoGRE     = 47
	ProtoESP     = 50
	ProtoAH      = 51
	ProtoICMPv6  = 58
	ProtoOSPF    = 89
	ProtoEtherIP = 97
	ProtoPIM     = 103
	ProtoVRRP    = 112
	ProtoL2TP    = 115
	ProtoSCTP    = 132
	ProtoUDPLite = 136
)

// Packet is one decoded frame, or one packet inside a tunnel. The zero value is ready for use; Decode and Inner
// set every field that is valid for the packet, so that a Packet may be used again for the next frame.
// The byte slices it gives are views into the frame and live as long as the frame does.
type Packet struct {
	// Data is the frame as captured. All offsets count from its start.
	Data []byte
	// Src and Dst are the network addresses; valid where IPVersion is not 0. IPv4 is never in its IPv6-mapped form.
	Src, Dst netip.Addr

	// NetworkOffset is where the IP header begins, TransportOffset where the header of Proto begins,
	// PayloadOffset and End bound the payload: End is cut to the IP length, so Ethernet padding is never payload,
	// and to what was captured. Only TCP, UDP, UDP-Lite and SCTP have a header before the payload; the payload of any
	// other protocol (ICMP, GRE, ESP, ...) begins with that protocol's own header, at TransportOffset.
	// Always 0 <= NetworkOffset <= TransportOffset <= PayloadOffset <= End <= len(Data). Without a network layer
	// the first three are equal and say how far the link layer was understood.
	NetworkOffset, TransportOffset, PayloadOffset, End int
	// WireBytes is the length of the IP packet as it was on the wire, from the network header on: the IP length field,
	// or, where that is 0 (segmentation offload) or more than the link carried (forged), what the link carried.
	WireBytes uint32
	// WirePayload is the length of the payload as it was on the wire, which may be more than was captured.
	WirePayload uint32

	Seq, Ack uint32 // TCP
	// FragmentID is the IPv4 or IPv6 identification, FragmentOffset in bytes. Valid where Fragment is true.
	FragmentID     uint32
	FragmentOffset uint16
	// SrcPort and DstPort are those of TCP, UDP, UDP-Lite, SCTP; of an ICMP query (an echo, say) the asking end's is
	// the identifier, the other's the request's type, times 256. They are 0 in later fragments and in all else.
	SrcPort, DstPort uint16
	Window           uint16 // TCP
	// VLAN identifiers, the outer first; NVLAN are valid. A priority tag (identifier 0) is none
	VLANs          [MaxVLANs]uint16
	SrcMAC, DstMAC [6]byte // valid where HasMAC; DstMAC is zero on Linux cooked links, which have only the sender's
	IPVersion      uint8   // 4 or 6; 0: no network layer was found
	Proto          uint8   // the transport's IP protocol number, after extension headers; AH is not looked behind
	TTL            uint8   // or hop limit
	TOS            uint8   // or traffic class
	TCPFlags       uint8   // FIN ... CWR
	HasMAC         bool
	ICMPType       uint8 // ICMP, ICMPv6, IGMP
	ICMPCode       uint8 // ICMP, ICMPv6
	NVLAN          uint8
	Fault          Fault
	Tunnel         Tunnel // the tunnel that this packet's payload is, if it is one
	// Around is how the frame was carried in another frame, which had no network layer of its own: its addresses are
	// those of the frame inside. Network tells equal addresses there apart: the service's identifier, plus 1; valid
	// where Around is not TunnelNone.
	Around        Tunnel
	Network       uint32
	Fragment      bool // a fragment, the first or a later one; not an atomic one (RFC 6946)
	LaterFragment bool // FragmentOffset is not 0: there is no transport header
	// less was captured than the IP length; in a tunnel, the rest may be in a later fragment of the outer packet
	Truncated bool

	msdu  int     // where the second frame of an A-MSDU begins
	inner innerAt // where the packet inside begins, if Tunnel says that there is one
}

// Payload is what follows the transport header, cut to the IP length. In a later fragment it is the fragment's data,
// and without a network layer what the link carries.
func (p *Packet) Payload() []byte { return p.Data[p.PayloadOffset:p.End] }
