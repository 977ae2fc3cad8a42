// SPDX-License-Identifier: Apache-2.0

package soak

import "encoding/binary"

// ipv4 returns an Ethernet frame with an IPv4 header and its checksum; to is the MAC address of the next hop.
func ipv4(to [6]byte, protocol byte, source, destination [4]byte, payload []byte) []byte {
	b := append(append(to[:], 0x02, 0, 0x5e, 0, 0, 1), 0x08, 0x00)
	h := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0}
	h = append(append(h, source[:]...), destination[:]...)
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(payload)))
	binary.BigEndian.PutUint16(h[10:], checksum(h))
	return append(append(b, h...), payload...)
}

func checksum(header []byte) uint16 {
	var sum uint32
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// datagram returns a UDP datagram with 8 bytes of payload and no checksum.
func datagram(source, destination [4]byte, from, to uint16) []byte {
	udp := make([]byte, 16)
	binary.BigEndian.PutUint16(udp, from)
	binary.BigEndian.PutUint16(udp[2:], to)
	binary.BigEndian.PutUint16(udp[4:], 16)
	return ipv4([6]byte{2, 0, 0x5e, 0, 0, 2}, 17, source, destination, udp)
}

// syn returns a TCP connection request; no host reads it, so it has no checksum.
func syn(via [6]byte, source, destination [4]byte, from, to uint16, sequence uint32) []byte {
	tcp := make([]byte, 20)
	binary.BigEndian.PutUint16(tcp, from)
	binary.BigEndian.PutUint16(tcp[2:], to)
	binary.BigEndian.PutUint32(tcp[4:], sequence)
	tcp[12], tcp[13] = 0x50, 0x02
	binary.BigEndian.PutUint16(tcp[14:], 64240)
	return ipv4(via, 6, source, destination, tcp)
}
