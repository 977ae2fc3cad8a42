// SPDX-License-Identifier: Apache-2.0

// Package packet decodes captured frames: link, network and transport headers, tunnels, fragments.
//
// The caller owns the result, a Packet, and reuses it for each frame. A Packet holds offsets into the frame and netip
// values, so decoding allocates nothing. Decoding never panics, whatever the bytes are.
package packet

import "net/netip"

// Limits on the headers of one frame. Each is far above real networks' use, and a test reaches each.
const (
	// MaxVLANs is how many VLAN tags Decode reads and keeps: 802.1ad uses two, a few carriers three.
	MaxVLANs = 4
	// MaxMPLSLabels bounds the label stack.
	MaxMPLSLabels = 8
	// MaxIPv6Extensions bounds the extension header chain: RFC 8200 §4.1 lists seven, Destination Options twice.
	MaxIPv6Extensions = 8
	// MaxTunnels bounds nested tunnels.
	MaxTunnels = 4
)

// Tunnel is a way to carry packets inside packets.
type Tunnel uint8

// Tunnels that Packet.Inner decodes. String returns the name in flow records.
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
	// TunnelL2TP: RFC 2661, UDP port 1701 (data messages with PPP); RFC 3931, IP protocol 115 too (data messages with
	// Ethernet).
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

// Fault is the reason why a frame, or a part of it, could not be decoded, and the cause it is counted under.
type Fault uint8

// Faults. A Packet with a Fault may still have a network layer (see Packet.IPVersion).
const (
	FaultNone       Fault = iota
	FaultLinkType         // a link type unknown to this package, or an invalid radiotap or PPI header
	FaultNotIP            // not IP: ARP, LLDP, STP, EAPOL, ...
	FaultTruncated        // the end of the frame cuts a header
	FaultIPHeader         // impossible version, header length or total length
	FaultExtensions       // more IPv6 extension headers, VLAN tags or labels than the limits allow
	FaultTransport        // the transport header contradicts itself or is cut; the ports are set if they are readable
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

// Packet is one decoded frame, or one packet inside a tunnel. The zero value is ready for use; Decode and Inner set
// every field that is valid for the packet, so that the next frame may reuse it. Its byte slices are views into the
// frame and live as long as the frame does.
type Packet struct {
	// Data is the frame as captured. All offsets count from its start.
	Data []byte
	// Src and Dst are the network addresses, valid if IPVersion is not 0. IPv4 addresses are never IPv6-mapped.
	Src, Dst netip.Addr

	// NetworkOffset is where the IP header begins, TransportOffset where the header of Proto begins, PayloadOffset and
	// End bound the payload: End respects the IP length, so Ethernet padding is never payload, and the captured length.
	// Only TCP, UDP, UDP-Lite and SCTP have a header before the payload; the payload of any other protocol (ICMP, GRE,
	// ESP, ...) begins with that protocol's own header, at TransportOffset. Always 0 <= NetworkOffset <=
	// TransportOffset <= PayloadOffset <= End <= len(Data). Without a network layer the first three are equal and mark
	// the end of the decoded link headers.
	NetworkOffset, TransportOffset, PayloadOffset, End int
	// WireBytes is the length of the IP packet on the wire, from the network header on: the IP length field, or the
	// length on the link if that field is 0 (segmentation offload) or greater (forged).
	WireBytes uint32
	// WirePayload is the length of the payload on the wire, which may exceed the captured length.
	WirePayload uint32

	Seq, Ack uint32 // TCP
	// FragmentID is the IPv4 or IPv6 identification, FragmentOffset in bytes. Both are valid if Fragment is true.
	FragmentID     uint32
	FragmentOffset uint16
	// SrcPort and DstPort are those of TCP, UDP, UDP-Lite, SCTP. In an ICMP query (an echo, say) the querier's is the
	// identifier, the responder's the request's type times 256. They are 0 in later fragments and all other protocols.
	SrcPort, DstPort uint16
	Window           uint16 // TCP
	// VLANs holds VLAN identifiers, the outermost first; NVLAN are valid. A priority tag (identifier 0) doesn't count.
	VLANs          [MaxVLANs]uint16
	SrcMAC, DstMAC [6]byte // valid where HasMAC; DstMAC is zero on Linux cooked links, which name only the sender
	IPVersion      uint8   // 4 or 6; 0: no network layer
	Proto          uint8   // the transport protocol, after extension headers; AH itself, whatever follows it
	TTL            uint8   // or hop limit
	TOS            uint8   // or traffic class
	TCPFlags       uint8   // FIN ... CWR
	HasMAC         bool
	ICMPType       uint8 // ICMP, ICMPv6, IGMP
	ICMPCode       uint8 // ICMP, ICMPv6
	NVLAN          uint8
	Fault          Fault
	Tunnel         Tunnel // the tunnel that this packet's payload belongs to, if any
	// Around is the frame type that carried this frame, which had no network layer of its own: the addresses are those
	// of the inner frame. Network distinguishes equal addresses there: the service identifier plus 1, valid if Around
	// is not TunnelNone.
	Around        Tunnel
	Network       uint32
	Fragment      bool // a fragment, the first or a later one; not an atomic one (RFC 6946)
	LaterFragment bool // FragmentOffset is not 0: the packet has no transport header
	// Truncated: the capture holds less than the IP length; in a tunnel, a later fragment of the outer packet may hold
	// the rest.
	Truncated bool

	msdu  int     // where the second frame of an A-MSDU begins
	inner innerAt // where the packet inside begins, if Tunnel is set
}

// Payload returns the bytes after the transport header, cut to the IP length: in a later fragment the fragment's data,
// without a network layer the link's payload.
func (p *Packet) Payload() []byte { return p.Data[p.PayloadOffset:p.End] }
