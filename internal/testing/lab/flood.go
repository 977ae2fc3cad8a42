// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// FloodBytes is the length of a flood's datagrams, from the IP header on.
const FloodBytes = 46

// Flood sends n datagrams from the first client to the first server, each from or to another port: 50,000 source ports
// from 1024 on, and destination ports from port on. Connection tracking sees a connection in each. Only ICMP errors
// answer.
func (l *Lab) Flood(ctx context.Context, port, n int, rate float64) (Sent, error) {
	client, server := l.Clients[0], l.Servers[0]
	// The gateway has to know both neighbours: few packets wait for ARP.
	if said, err := client.Run(ctx, "ping", "-q", "-c1", "-W2", server.Addr4.String()); err != nil {
		return Sent{}, fmt.Errorf("reach the server: %w\n%s", err, said)
	}
	from, err := client.Link("eth0")
	if err != nil {
		return Sent{}, err
	}
	to, err := l.Gateway.Link("lan0")
	if err != nil {
		return Sent{}, err
	}
	const sources = 50_000
	link := append(append(append([]byte{}, to.HardwareAddr...), from.HardwareAddr...), 8, 0)
	frames := make([][]byte, n)
	for i := range frames {
		ip := make([]byte, FloodBytes)
		ip[0], ip[8], ip[9] = 0x45, 64, unix.IPPROTO_UDP
		binary.BigEndian.PutUint16(ip[2:], FloodBytes)
		src, dst := client.Addr4.As4(), server.Addr4.As4()
		copy(ip[12:], src[:])
		copy(ip[16:], dst[:])
		binary.BigEndian.PutUint16(ip[10:], headerChecksum(ip[:20]))
		binary.BigEndian.PutUint16(ip[20:], uint16(1024+i%sources))
		binary.BigEndian.PutUint16(ip[22:], uint16(port+i/sources))
		binary.BigEndian.PutUint16(ip[24:], FloodBytes-20)
		frames[i] = append(link[:len(link):len(link)], ip...)
	}
	return client.SendFrames(ctx, "eth0", frames, Sending{Rate: rate, Loops: 1})
}

// headerChecksum returns the checksum of an IPv4 header whose checksum field is 0 (RFC 1071).
func headerChecksum(header []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	return ^uint16(sum + sum>>16)
}
