// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"encoding/binary"
	"testing"
)

func BenchmarkDecode(b *testing.B) {
	ip4tcp := make([]byte, 14+20+32+200)
	binary.BigEndian.PutUint16(ip4tcp[12:], 0x800)
	ip4tcp[14] = 0x45
	ip4tcp[17] = 252
	ip4tcp[23] = 6
	ip4tcp[34+12] = 0x80
	ip6udp := make([]byte, 14+40+8+200)
	binary.BigEndian.PutUint16(ip6udp[12:], 0x86dd)
	ip6udp[14] = 0x60
	ip6udp[19] = 208
	ip6udp[20] = 17
	ip6udp[54+5] = 208
	for _, c := range []struct {
		name  string
		frame []byte
	}{{"EthernetIPv4TCP", ip4tcp}, {"EthernetIPv6UDP", ip6udp}} {
		b.Run(c.name, func(b *testing.B) {
			var p Packet
			b.ReportAllocs()
			for b.Loop() {
				p.Decode(LinkEthernet, c.frame, len(c.frame))
			}
			if p.Fault != FaultNone || len(p.Payload()) != 200 {
				b.Fatal(p)
			}
		})
	}
}
