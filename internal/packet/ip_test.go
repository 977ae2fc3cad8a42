// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"bytes"
	"testing"
)

var ipSamples = []sample{
	{name: "IPv4 UDP", link: LinkRaw, frame: ip4(17, udp(5, 6, abc)), want: addr4 + "udp 5>6 @0,20,28-31 wire 31"},
	{name: "IPv4 options", link: LinkRaw, frame: ip4Options(raw("94040000 01010100"), 17, udp(5, 6, abc)),
		want: addr4 + "udp 5>6 @0,28,36-39 wire 39"},
	{name: "IPv4 options of full length", link: LinkRaw, frame: ip4Options(bytes.Repeat([]byte{1}, 40), 17, udp(5, 6)),
		want: addr4 + "udp 5>6 @0,60,68-68 wire 68"},
	{name: "IPv4 options cut", link: LinkRaw, frame: ip4Options(make([]byte, 8), 17)[:26], wireLen: 28,
		want: "@0,0,0-26 fault truncated"},
	{name: "IPv4 bytes after the packet", link: LinkRaw, frame: join(ip4(17, udp(5, 6, abc)), abc), want: addr4 +
		"udp 5>6 @0,20,28-31 wire 31"},
	{name: "IPv4 total length 0, segmentation offload", link: LinkEthernet,
		frame: ether(0x0800, with(ip4(6, tcp(abc)), 2, 0, 0)),
		want:  "mac 1>2 " + addr4 + "tcp " + seg + "@14,34,54-57 wire 43"},
	{name: "IPv4 total length 0, capture cut", link: LinkEthernet,
		frame: ether(0x0800, with(ip4(6, tcp(abc)), 2, 0, 0)), wireLen: 70014,
		want: "mac 1>2 " + addr4 + "tcp " + seg + "@14,34,54-57 wire 70000 payload 69960 truncated"},
	{name: "IPv4 cut by the capture", link: LinkRaw, frame: ip4(6, tcp(make([]byte, 100)))[:50], wireLen: 140,
		want: addr4 + "tcp " + seg + "@0,20,40-50 wire 140 payload 100 truncated"},
	{name: "IPv4 total length beyond the link's", link: LinkEthernet,
		frame: ether(0x0800, with(ip4(6, tcp(abc)), 2, 0xff, 0xff)),
		want:  "mac 1>2 " + addr4 + "tcp " + seg + "@14,34,54-57 wire 43 truncated"},
	{name: "IPv4 and UDP length beyond the link's, where a tool forgot the original length", link: LinkRaw,
		frame: ip4(17, udp(5, 6, abc, abc))[:31],
		want:  addr4 + "udp 5>6 @0,20,28-31 wire 31 truncated"},
	{name: "IPv6 payload length beyond the link's", link: LinkRaw, frame: with(ip6(6, tcp(abc)), 4, 0xff, 0xff),
		want: addr6 + "tcp " + seg + "@0,40,60-63 wire 63 truncated"},
	{name: "IPv4 total length below header length", link: LinkRaw, frame: with(ip4(6, tcp()), 2, 0, 19),
		want: "@0,0,0-40 fault ip-header"},
	{name: "IPv4 header length 4", link: LinkRaw, frame: with(ip4(6, tcp()), 0, 0x44),
		want: "@0,0,0-40 fault ip-header"},
	{name: "IPv4 of version 6", link: LinkEthernet, frame: ether(0x0800, ip6(17, udp(5, 6))),
		want: "mac 1>2 @14,14,14-62 fault ip-header"},
	{name: "IPv4 header cut", link: LinkRaw, frame: ip4(6)[:19], want: "@0,0,0-19 fault truncated"},
	{name: "IPv4 header alone", link: LinkRaw, frame: ip4(253), want: addr4 + "253 @0,20,20-20 wire 20"},

	{name: "IPv4 first fragment", link: LinkRaw, frame: fragment4(ip4(17, with(udp(5, 6, abc), 4, 4, 0)), 0, true),
		want: addr4 + "udp 5>6 fragment 1234+0 @0,20,28-31 wire 31"},
	{name: "IPv4 middle fragment", link: LinkRaw, frame: fragment4(ip4(17, udp(5, 6)), 185, true),
		want: addr4 + "udp fragment 1234+1480 later @0,20,20-28 wire 28"},
	{name: "IPv4 last fragment, farthest offset", link: LinkRaw, frame: fragment4(ip4(6, tcp()), 0x1fff, false),
		want: addr4 + "tcp fragment 1234+65528 later @0,20,20-40 wire 40"},
	{name: "IPv4 first fragment too small for its header", link: LinkRaw, frame: fragment4(ip4(6, tcp()[:8]), 0, true),
		want: addr4 + "tcp 1000>443 fragment 1234+0 @0,20,20-28 wire 28 fault transport"},

	{name: "IPv6 TCP", link: LinkRaw, frame: ip6(6, tcp(abc)), want: addr6 + "tcp " + seg + "@0,40,60-63 wire 63"},
	{name: "IPv6 all extension headers", link: LinkRaw,
		frame: ip6(0, extension(60), extension(43), extension(44), fragment6(60, 0, true), extension(135),
			extension(139), extension(140), extension(17), udp(5, 6, abc)),
		want: addr6 + "udp 5>6 fragment abcdef+0 @0,104,112-115 wire 115"},
	{name: "IPv6 extension header of 24 bytes", link: LinkRaw, frame: ip6(60, raw("11 02"), make([]byte, 22),
		udp(5, 6)),
		want: addr6 + "udp 5>6 @0,64,72-72 wire 72"},
	{name: "IPv6 twenty extension headers", link: LinkRaw, frame: ip6(60, bytes.Repeat(extension(60), 19),
		extension(17), udp(5, 6)),
		want: addr6 + "60 @0,104,104-208 wire 208 fault extensions"},
	{name: "IPv6 as many extension headers as are walked", link: LinkRaw,
		frame: ip6(60, bytes.Repeat(extension(60), MaxIPv6Extensions-1), extension(17), udp(5, 6)),
		want:  addr6 + "udp 5>6 @0,104,112-112 wire 112"},
	{name: "IPv6 extension header longer than the packet", link: LinkRaw, frame: ip6(60, with(extension(17), 1, 9)),
		want: addr6 + "60 @0,40,40-48 wire 48 fault ip-header"},
	{name: "IPv6 extension header cut by the capture", link: LinkRaw, frame: ip6(60, with(extension(17), 1, 9),
		make([]byte, 72))[:60], wireLen: 120,
		want: addr6 + "60 @0,40,40-60 wire 120 payload 80 truncated fault truncated"},
	{name: "IPv6 extension header announced after the end", link: LinkRaw, frame: ip6(60, extension(60)),
		want: addr6 + "60 @0,48,48-48 wire 48 fault ip-header"},
	{name: "IPv6 first fragment", link: LinkRaw, frame: ip6(44, fragment6(17, 0, true, with(udp(5, 6, abc), 4, 9, 0))),
		want: addr6 + "udp 5>6 fragment abcdef+0 @0,48,56-59 wire 59"},
	{name: "IPv6 later fragment", link: LinkRaw, frame: ip6(44, fragment6(17, 3, false, udp(5, 6, abc))),
		want: addr6 + "udp fragment abcdef+24 later @0,48,48-59 wire 59"},
	{name: "IPv6 later fragment whose first had destination options", link: LinkRaw,
		frame: ip6(44, fragment6(60, 3, false, extension(17))),
		want:  addr6 + "60 fragment abcdef+24 later @0,48,48-56 wire 56"},
	{name: "IPv6 atomic fragment", link: LinkRaw, frame: ip6(44, fragment6(17, 0, false, udp(5, 6, abc))),
		want: addr6 + "udp 5>6 @0,48,56-59 wire 59"},
	{name: "IPv6 no next header", link: LinkRaw, frame: ip6(59), want: addr6 + "59 @0,40,40-40 wire 40"},
	{name: "IPv6 mobility message", link: LinkRaw, frame: ip6(60, extension(135), extension(59)), want: addr6 +
		"135 @0,48,48-56 wire 56"},
	{name: "IPv6 payload length 0, segmentation offload", link: LinkRaw, frame: with(ip6(6, tcp(abc)), 4, 0, 0),
		wireLen: 100000,
		want:    addr6 + "tcp " + seg + "@0,40,60-63 wire 100000 payload 99940 truncated"},
	{name: "IPv6 padding", link: LinkEthernet, frame: ether(0x86dd, ip6(59), make([]byte, 6)), want: "mac 1>2 " +
		addr6 + "59 @14,54,54-54 wire 40"},
	{name: "IPv6 of version 4", link: LinkEthernet, frame: ether(0x86dd, ip4(6, tcp())),
		want: "mac 1>2 @14,14,14-54 fault ip-header"},
	{name: "IPv6 header cut", link: LinkRaw, frame: ip6(17)[:39], want: "@0,0,0-39 fault truncated"},

	{name: "AH in IPv4 is not looked behind", link: LinkRaw, frame: ip4(51, raw("06 04 0000 00000001 00000001"),
		make([]byte, 12), tcp()),
		want: addr4 + "ah @0,20,20-64 wire 64"},
	{name: "AH in IPv6 after an extension header", link: LinkRaw,
		frame: ip6(60, extension(51), raw("06 04 0000 00000001 00000001"), make([]byte, 12), tcp()),
		want:  addr6 + "ah @0,48,48-92 wire 92"},
}

var transportSamples = []sample{
	{name: "TCP options", link: LinkRaw, frame: ip4(6, with(tcp(raw("020405b4")), 12, 0x60, 0x02)),
		want: addr4 + "tcp 1000>443 flags 02 seq 7 ack 9 win 1024 @0,20,44-44 wire 44"},
	{name: "TCP options cut by the capture", link: LinkRaw, frame: ip4(6, with(tcp(make([]byte, 12)), 12, 0x80),
		abc)[:44], wireLen: 55,
		want: addr4 + "tcp " + seg + "@0,20,44-44 wire 55 payload 3 truncated"},
	{name: "TCP data offset below 5", link: LinkRaw, frame: ip4(6, with(tcp(abc), 12, 0x40)), want: addr4 +
		"tcp 1000>443 @0,20,20-43 wire 43 fault transport"},
	{name: "TCP data offset past the packet", link: LinkRaw, frame: ip4(6, with(tcp(abc), 12, 0x60)), want: addr4 +
		"tcp 1000>443 @0,20,20-43 wire 43 fault transport"},
	{name: "TCP data offset into padding", link: LinkRaw, frame: join(ip4(6, with(tcp(), 12, 0x60)), make([]byte, 20)),
		want: addr4 + "tcp 1000>443 @0,20,20-40 wire 40 fault transport"},
	{name: "TCP header cut", link: LinkRaw, frame: ip4(6, tcp()[:19]), want: addr4 +
		"tcp 1000>443 @0,20,20-39 wire 39 fault transport"},
	{name: "TCP cut in the ports", link: LinkRaw, frame: ip4(6, tcp()[:3]), want: addr4 +
		"tcp @0,20,20-23 wire 23 fault transport"},
	{name: "TCP without a byte", link: LinkRaw, frame: ip4(6), want: addr4 + "tcp @0,20,20-20 wire 20 fault transport"},

	{name: "UDP shorter than the packet", link: LinkRaw, frame: ip4(17, with(udp(5, 6, abc, abc), 4, 0, 11)),
		want: addr4 + "udp 5>6 @0,20,28-31 wire 34"},
	{name: "UDP length 0", link: LinkRaw, frame: ip4(17, with(udp(5, 6, abc), 4, 0, 0)), want: addr4 +
		"udp 5>6 @0,20,28-31 wire 31"},
	{name: "UDP length below its header", link: LinkRaw, frame: ip4(17, with(udp(5, 6, abc), 4, 0, 7)), want: addr4 +
		"udp 5>6 @0,20,20-31 wire 31 fault transport"},
	{name: "UDP length past the packet", link: LinkRaw, frame: ip4(17, with(udp(5, 6, abc), 4, 0, 12)), want: addr4 +
		"udp 5>6 @0,20,20-31 wire 31 fault transport"},
	{name: "UDP cut by the capture", link: LinkRaw, frame: ip4(17, udp(5, 6, abc))[:29], wireLen: 31, want: addr4 +
		"udp 5>6 @0,20,28-29 wire 31 payload 3 truncated"},
	{name: "UDP shorter than the packet and cut", link: LinkRaw,
		frame: ip4(17, with(udp(5, 6, abc, abc), 4, 0, 11))[:30], wireLen: 34,
		want: addr4 + "udp 5>6 @0,20,28-30 wire 34 payload 3 truncated"},
	{name: "UDP header cut", link: LinkRaw, frame: ip4(17, udp(5, 6)[:7]), want: addr4 +
		"udp 5>6 @0,20,20-27 wire 27 fault transport"},

	{name: "UDP-Lite with part of the data covered", link: LinkRaw, frame: ip4(136, with(udp(5, 6, abc), 4, 0, 9)),
		want: addr4 + "136 5>6 @0,20,28-31 wire 31"},
	{name: "UDP-Lite with all covered", link: LinkRaw, frame: ip4(136, with(udp(5, 6, abc), 4, 0, 0)), want: addr4 +
		"136 5>6 @0,20,28-31 wire 31"},
	{name: "UDP-Lite coverage below its header", link: LinkRaw, frame: ip4(136, with(udp(5, 6, abc), 4, 0, 7)),
		want: addr4 + "136 5>6 @0,20,20-31 wire 31 fault transport"},
	{name: "UDP-Lite coverage past the packet", link: LinkRaw, frame: ip4(136, with(udp(5, 6, abc), 4, 0, 12)),
		want: addr4 + "136 5>6 @0,20,20-31 wire 31 fault transport"},
	{name: "UDP-Lite header cut", link: LinkRaw, frame: ip4(136, udp(5, 6)[:5]), want: addr4 +
		"136 5>6 @0,20,20-25 wire 25 fault transport"},

	{name: "SCTP", link: LinkRaw, frame: ip6(132, raw("0005 0006 00000001 00000000"), abc), want: addr6 +
		"sctp 5>6 @0,40,52-55 wire 55"},
	{name: "SCTP header cut", link: LinkRaw, frame: ip6(132, raw("0005 0006 00000001 000000")), want: addr6 +
		"sctp 5>6 @0,40,40-51 wire 51 fault transport"},

	{name: "ICMP", link: LinkRaw, frame: ip4(1, raw("03 01 0000 00000000"), ip4(17, udp(5, 6))), want: addr4 +
		"icmp type 3/1 @0,20,20-56 wire 56"},
	{name: "ICMP echo", link: LinkRaw, frame: ip4(1, raw("08 00 0000 002a 0001")), want: addr4 +
		"icmp 42>2048 type 8/0 @0,20,20-28 wire 28"},
	{name: "ICMP echo reply", link: LinkRaw, frame: ip4(1, raw("00 00 0000 002a 0001")), want: addr4 +
		"icmp 2048>42 @0,20,20-28 wire 28"},
	{name: "ICMP address mask reply", link: LinkRaw, frame: ip4(1, raw("12 00 0000 002a 0001 ffffff00")),
		want: addr4 + "icmp 4352>42 type 18/0 @0,20,20-32 wire 32"},
	{name: "ICMP extended echo reply", link: LinkRaw, frame: ip4(1, raw("2b 00 0000 002a 0100")),
		want: addr4 + "icmp 10752>42 type 43/0 @0,20,20-28 wire 28"},
	{name: "ICMP echo, identifier cut", link: LinkRaw, frame: ip4(1, raw("08 00 0000 002a")), want: addr4 +
		"icmp type 8/0 @0,20,20-26 wire 26"},
	{name: "ICMPv6 echo", link: LinkRaw, frame: ip6(58, raw("80 00 0000 002a 0001")), want: addr6 +
		"icmpv6 42>32768 type 128/0 @0,40,40-48 wire 48"},
	{name: "ICMPv6 echo reply", link: LinkRaw, frame: ip6(58, raw("81 00 0000 002a 0001")),
		want: addr6 + "icmpv6 32768>42 type 129/0 @0,40,40-48 wire 48"},
	{name: "ICMPv6 extended echo reply", link: LinkRaw, frame: ip6(58, raw("a1 00 0000 002a 0100")),
		want: addr6 + "icmpv6 40960>42 type 161/0 @0,40,40-48 wire 48"},
	{name: "ICMPv4's echo in ICMPv6 is none", link: LinkRaw, frame: ip6(58, raw("08 00 0000 002a 0001")), want: addr6 +
		"icmpv6 type 8/0 @0,40,40-48 wire 48"},
	{name: "ICMP header cut", link: LinkRaw, frame: ip4(1, raw("03 01 00")), want: addr4 +
		"icmp @0,20,20-23 wire 23 fault transport"},
	{name: "ICMPv6", link: LinkRaw, frame: ip6(58, raw("87 00 0000 00000000"), make([]byte, 16)), want: addr6 +
		"icmpv6 type 135/0 @0,40,40-64 wire 64"},
	{name: "MLD after hop-by-hop", link: LinkRaw, frame: ip6(0, extension(58), raw("8f 00 0000 00000000")),
		want: addr6 + "icmpv6 type 143/0 @0,48,48-56 wire 56"},
	{name: "IGMP", link: LinkRaw, frame: ip4Options(raw("94040000"), 2, raw("16 64 0000 ef010101")), want: addr4 +
		"igmp type 22/0 @0,24,24-32 wire 32"},
	{name: "ESP", link: LinkRaw, frame: ip4(50, raw("00000001 00000001")), want: addr4 + "esp @0,20,20-28 wire 28"},
	{name: "OSPF", link: LinkRaw, frame: ip4(89, raw("0201 002c")), want: addr4 + "ospf @0,20,20-24 wire 24"},
	{name: "EGP", link: LinkRaw, frame: ip4(8, raw("0201")), want: addr4 + "8 @0,20,20-22 wire 22"},
}

func TestIP(t *testing.T)        { runSamples(t, ipSamples) }
func TestTransport(t *testing.T) { runSamples(t, transportSamples) }

func TestHeaderFields(t *testing.T) {
	var p Packet
	p.Decode(LinkRaw, ip4(17, udp(5, 6)), 0)
	if p.TOS != 0x10 || p.TTL != 0x40 {
		t.Errorf("IPv4: TOS %#x, TTL %#x", p.TOS, p.TTL)
	}
	p.Decode(LinkRaw, ip6(17, udp(5, 6)), 0)
	if p.TOS != 0x12 || p.TTL != 0x3f {
		t.Errorf("IPv6: traffic class %#x, hop limit %#x", p.TOS, p.TTL)
	}
}
