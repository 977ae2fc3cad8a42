// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/binary"
	"net/netip"

	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/packet"
)

// sourceIsClient reports whether a flow's client sent its first packet. The client is the sender of the SYN, of an ICMP
// request, or of a datagram to a group; else the end that the message does not show to be the server; else the end
// whose port is not a service's; else the first speaker. sure means that the handshake shows it.
func sourceIsClient(p *packet.Packet) (is, sure bool) {
	if p.Proto == packet.ProtoTCP && p.TCPFlags&packet.SYN != 0 {
		return p.TCPFlags&packet.ACK == 0, true
	}
	if request, isReply := p.Query(); request != 0 {
		return !isReply, false
	}
	if p.Dst.IsMulticast() || p.Dst == broadcast || p.HasMAC && p.DstMAC == broadcastMAC {
		return true, false
	}
	if p.Proto == packet.ProtoUDP && !p.LaterFragment && isAnswer(p) {
		return false, false
	}
	if p.SrcPort == p.DstPort {
		return true, false
	}
	src, dst := isService(p.Proto, p.SrcPort), isService(p.Proto, p.DstPort)
	if src != dst {
		return dst, false
	}
	if src { // of two, the system port is the service's (RFC 6335 §6)
		return p.DstPort < 1024 || p.SrcPort >= 1024, false
	}
	return p.SrcPort >= 1024 || p.DstPort < 1024, false
}

var (
	broadcast    = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	broadcastMAC = [6]byte{255, 255, 255, 255, 255, 255}
)

// isService reports whether a port belongs to a service. An ephemeral port never counts as one, whatever service has
// it: its first speaker got it from the system.
func isService(proto uint8, port uint16) bool {
	return !isEphemeral(port) && classify.ProtocolByPort(proto, port) != ""
}

// firstEphemeral is the lowest ephemeral port: Linux's default range is 32768 to 60999, IANA's 49152 to 65535 (RFC 6335
// §6).
const firstEphemeral = 32768

func isEphemeral(port uint16) bool { return port >= firstEphemeral }

// isAnswer reports whether a datagram's contents show that a server sent it, for protocols whose two sides share a
// port.
func isAnswer(p *packet.Packet) bool {
	b := p.Payload()
	switch p.SrcPort {
	case 53, 137, 5353:
		// QR (RFC 1035 §4.1.1), R (RFC 1002 §4.2.1.1), and a valid opcode. Both sides of name services use the same
		// port.
		return p.DstPort == p.SrcPort && len(b) >= 12 && b[2]&0xf8 == 0x80
	case 67, 68: // op is BOOTREPLY, on Ethernet (RFC 2131 §2)
		return (p.DstPort == 67 || p.DstPort == 68) && len(b) >= 236 && b[0] == 2 && b[1] == 1
	case 123: // mode 4 is a server's, in versions 1 to 4 (RFC 5905 §7.3)
		return p.DstPort == 123 && len(b) >= 48 && b[0]&7 == 4 && b[0]>>3&7 >= 1 && b[0]>>3&7 <= 4
	case 500: // the flag R of IKE version 2 (RFC 7296 §3.1)
		return p.DstPort == 500 && len(b) >= 28 && b[17] == 0x20 && b[19]&0x20 != 0 &&
			binary.BigEndian.Uint64(b[8:]) != 0
	case 5060: // RFC 3261 §7.2
		return p.DstPort == 5060 && len(b) >= 8 && string(b[:8]) == "SIP/2.0 "
	case 547: // a client listens at 546 (RFC 8415 §7.2)
		return p.DstPort == 546
	}
	return false
}
