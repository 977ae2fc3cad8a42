// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/weirnet/weir/internal/packet"
)

// frames returns TCP over IPv4 and UDP over IPv6, serialised by the peer's library.
func frames(b *testing.B) map[string][]byte {
	b.Helper()
	eth := layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6), EthernetType: layers.EthernetTypeIPv4}
	ip4 := layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolTCP, SrcIP: []byte{192, 0, 2, 1},
		DstIP: []byte{198, 51, 100, 1}}
	tcp := layers.TCP{SrcPort: 50000, DstPort: 443, ACK: true, Window: 1000}
	ip6 := layers.IPv6{Version: 6, HopLimit: 64, NextHeader: layers.IPProtocolUDP, SrcIP: make([]byte, 16),
		DstIP: make([]byte, 16)}
	udp := layers.UDP{SrcPort: 50000, DstPort: 443}
	payload := gopacket.Payload(make([]byte, 200))
	out := map[string][]byte{}
	for name, stack := range map[string][]gopacket.SerializableLayer{
		"ipv4-tcp": {&eth, &ip4, &tcp, payload},
		"ipv6-udp": {&layers.Ethernet{SrcMAC: make([]byte, 6), DstMAC: make([]byte, 6),
			EthernetType: layers.EthernetTypeIPv6}, &ip6, &udp, payload},
	} {
		buffer := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true}, stack...); err != nil {
			b.Fatal(err)
		}
		out[name] = buffer.Bytes()
	}
	return out
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"ipv4-tcp", "ipv6-udp"} {
		data := frames(b)[name]
		b.Run(name+"/weir", func(b *testing.B) {
			var p packet.Packet
			b.ReportAllocs()
			for b.Loop() {
				p.Decode(packet.LinkEthernet, data, len(data))
			}
			if p.Fault != packet.FaultNone || p.DstPort != 443 {
				b.Fatal("not decoded")
			}
		})
		b.Run(name+"/gopacket-DecodingLayerParser", func(b *testing.B) {
			var eth layers.Ethernet
			var ip4 layers.IPv4
			var ip6 layers.IPv6
			var tcp layers.TCP
			var udp layers.UDP
			parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &eth, &ip4, &ip6, &tcp, &udp)
			parser.IgnoreUnsupported = true
			var decoded []gopacket.LayerType
			b.ReportAllocs()
			for b.Loop() {
				if err := parser.DecodeLayers(data, &decoded); err != nil {
					b.Fatal(err)
				}
			}
			if len(decoded) != 3 {
				b.Fatal("not decoded")
			}
		})
		b.Run(name+"/gopacket-NewPacket", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true,
					NoCopy: true})
				if len(p.Layers()) < 4 {
					b.Fatal("not decoded")
				}
			}
		})
	}
}
