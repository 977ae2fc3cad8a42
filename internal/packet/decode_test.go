// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"bytes"
	"testing"
)

// sample is a frame and the expected result of Decode; wireLen 0 means the frame's length.
type sample struct {
	name    string
	link    LinkType
	frame   []byte
	wireLen int
	want    string
}

const (
	addr4 = "ip4 192.0.2.1>198.51.100.2 "
	addr6 = "ip6 2001:db8::1>2001:db8::2 "
	seg   = "1000>443 flags 18 seq 7 ack 9 win 1024 "
)

var linkSamples = []sample{
	{name: "ethernet II", link: LinkEthernet, frame: ether(0x0800, ip4(6, tcp(abc))),
		want: "mac 1>2 " + addr4 + "tcp " + seg + "@14,34,54-57 wire 43"},
	{name: "ethernet padding is no payload", link: LinkEthernet, frame: ether(0x0800, ip4(6, tcp()), make([]byte, 6)),
		want: "mac 1>2 " + addr4 + "tcp " + seg + "@14,34,54-54 wire 40"},
	{name: "802.3 with SNAP", link: LinkEthernet, frame: ether(8+28, snap(0x0800, ip4(17, udp(5, 6)))),
		want: "mac 1>2 " + addr4 + "udp 5>6 @22,42,50-50 wire 28"},
	{name: "802.3 with SNAP of 802.1H", link: LinkEthernet, frame: ether(8+28, with(snap(0x0800, ip4(17, udp(5, 6))), 5,
		0xf8)),
		want: "mac 1>2 " + addr4 + "udp 5>6 @22,42,50-50 wire 28"},
	{name: "802.3 with IP's own service access point", link: LinkEthernet, frame: ether(3+28, raw("060603"),
		ip4(17, udp(5, 6))),
		want: "mac 1>2 " + addr4 + "udp 5>6 @17,37,45-45 wire 28"},
	{name: "802.3 spanning tree", link: LinkEthernet, frame: ether(7, raw("424203 00000000")),
		want: "mac 1>2 @14,14,14-21 fault not-ip"},
	{name: "802.3 SNAP of another organisation", link: LinkEthernet, frame: ether(8, raw("aaaa03 00000c 2000")),
		want: "mac 1>2 @14,14,14-22 fault not-ip"},
	{name: "802.3 SNAP cut", link: LinkEthernet, frame: ether(8, raw("aaaa03 000000")),
		want: "mac 1>2 @14,14,14-20 fault truncated"},
	{name: "802.3 nested SNAP can't follow itself", link: LinkEthernet, frame: ether(8, snap(0x0005, snap(0x0800))),
		want: "mac 1>2 @14,14,14-30 fault not-ip"},
	{name: "ARP", link: LinkEthernet, frame: ether(0x0806, make([]byte, 28)),
		want: "mac 1>2 @14,14,14-42 fault not-ip"},
	{name: "ethernet header cut", link: LinkEthernet, frame: ether(0x0800)[:13], want: "@0,0,0-13 fault truncated"},
	{name: "ethernet header alone", link: LinkEthernet, frame: ether(0x0800),
		want: "mac 1>2 @14,14,14-14 fault truncated"},
	{name: "empty frame", link: LinkEthernet, frame: nil, want: "@0,0,0-0 fault truncated"},

	{name: "one tag", link: LinkEthernet, frame: ether(0x8100, vlan(0xe00a, 0x0800, ip4(6, tcp(abc)))),
		want: "mac 1>2 vlan [10] " + addr4 + "tcp " + seg + "@18,38,58-61 wire 43"},
	{name: "priority tag", link: LinkEthernet,
		frame: ether(0x8100, vlan(0xe000, 0x8100, vlan(10, 0x0800, ip4(17, udp(5, 6))))),
		want:  "mac 1>2 vlan [10] " + addr4 + "udp 5>6 @22,42,50-50 wire 28"},
	{name: "eight priority tags", link: LinkEthernet, frame: ether(0x8100, bytes.Repeat(vlan(0xe000, 0x8100), 7),
		vlan(0xe000, 0x0800, ip4(17))),
		want: "mac 1>2 @30,30,30-66 fault extensions"},
	{name: "tag before 802.3", link: LinkEthernet, frame: ether(0x8100, vlan(10, 36, snap(0x0800, ip4(17, udp(5, 6))))),
		want: "mac 1>2 vlan [10] " + addr4 + "udp 5>6 @26,46,54-54 wire 28"},
	{name: "stacked tags of three kinds", link: LinkEthernet,
		frame: ether(0x88a8, vlan(1, 0x9100, vlan(2, 0x8100, vlan(3, 0x86dd, ip6(6, tcp(abc)))))),
		want:  "mac 1>2 vlan [1 2 3] " + addr6 + "tcp " + seg + "@26,66,86-89 wire 63"},
	{name: "as many tags as are kept", link: LinkEthernet,
		frame: ether(0x8100, vlan(1, 0x8100, vlan(2, 0x8100, vlan(3, 0x8100, vlan(4, 0x0800, ip4(17, udp(5, 6))))))),
		want:  "mac 1>2 vlan [1 2 3 4] " + addr4 + "udp 5>6 @30,50,58-58 wire 28"},
	{name: "eight tags", link: LinkEthernet,
		frame: ether(0x8100, bytes.Repeat(vlan(7, 0x8100), 7), vlan(7, 0x0800, ip4(17, udp(5, 6)))),
		want:  "mac 1>2 vlan [7 7 7 7] @30,30,30-74 fault extensions"},
	{name: "tag cut", link: LinkEthernet, frame: ether(0x8100, raw("000a08")),
		want: "mac 1>2 @14,14,14-17 fault truncated"},
	{name: "tag around ARP", link: LinkEthernet, frame: ether(0x8100, vlan(10, 0x0806)),
		want: "mac 1>2 vlan [10] @18,18,18-18 fault not-ip"},

	{name: "MPLS IPv4", link: LinkEthernet, frame: ether(0x8847, label(16, false), label(17, true), ip4(17, udp(5, 6))),
		want: "mac 1>2 " + addr4 + "udp 5>6 @22,42,50-50 wire 28"},
	{name: "MPLS multicast IPv6", link: LinkEthernet, frame: ether(0x8848, label(16, true), ip6(17, udp(5, 6))),
		want: "mac 1>2 " + addr6 + "udp 5>6 @18,58,66-66 wire 48"},
	{name: "MPLS as many labels as are walked", link: LinkEthernet,
		frame: ether(0x8847, bytes.Repeat(label(16, false), MaxMPLSLabels-1), label(17, true), ip4(17, udp(5, 6))),
		want:  "mac 1>2 " + addr4 + "udp 5>6 @46,66,74-74 wire 28"},
	{name: "MPLS a label too many", link: LinkEthernet,
		frame: ether(0x8847, bytes.Repeat(label(16, false), MaxMPLSLabels), label(17, true), ip4(17, udp(5, 6))),
		want:  "mac 1>2 @46,46,46-78 fault extensions"},
	{name: "MPLS stack without bottom", link: LinkEthernet, frame: ether(0x8847, label(16, false), label(17, false)),
		want: "mac 1>2 @22,22,22-22 fault truncated"},
	{name: "MPLS pseudowire with control word", link: LinkEthernet,
		frame: ether(0x8847, label(16, true), raw("00000001"), ether(0x8100, vlan(9, 0x0800, ip4(17, udp(5, 6))))),
		want:  "mac 1>2 vlan [9] " + addr4 + "udp 5>6 @40,60,68-68 wire 28"},
	{name: "MPLS pseudowires within one another share the labels", link: LinkEthernet,
		frame: ether(0x8847, bytes.Repeat(join(label(16, true), raw("00000001"), ether(0x8847)), MaxMPLSLabels),
			label(16, true)),
		want: "mac 1>2 @190,190,190-194 fault extensions"},
	{name: "MPLS control word before nothing sane", link: LinkEthernet, frame: ether(0x8847, label(16, true),
		make([]byte, 40)),
		want: "mac 1>2 @18,18,18-58 fault not-ip"},
	{name: "MPLS above an unknown", link: LinkEthernet, frame: ether(0x8847, label(16, true), raw("10")),
		want: "mac 1>2 @18,18,18-19 fault not-ip"},
	{name: "MPLS bottom at the end", link: LinkEthernet, frame: ether(0x8847, label(16, true)),
		want: "mac 1>2 @18,18,18-18 fault truncated"},

	{name: "PPPoE session", link: LinkEthernet, frame: ether(0x8864, raw("11 00 0001 0026 0021"), ip4(17, udp(5, 6))),
		want: "mac 1>2 " + addr4 + "udp 5>6 @22,42,50-50 wire 28"},
	{name: "PPPoE in a tag, IPv6", link: LinkEthernet,
		frame: ether(0x8100, vlan(7, 0x8864, raw("11 00 0001 0032 0057"), ip6(17, udp(5, 6)))),
		want:  "mac 1>2 vlan [7] " + addr6 + "udp 5>6 @26,66,74-74 wire 48"},
	{name: "PPPoE with LCP", link: LinkEthernet, frame: ether(0x8864, raw("11 00 0001 0006 c021 0100")),
		want: "mac 1>2 @22,22,22-24 fault not-ip"},
	{name: "PPPoE of another version", link: LinkEthernet, frame: ether(0x8864, raw("21 00 0001 0006 0021"),
		ip4(17, udp(5, 6))),
		want: "mac 1>2 @14,14,14-50 fault not-ip"},
	{name: "PPPoE discovery", link: LinkEthernet, frame: ether(0x8863, raw("11 09 0000 0000")),
		want: "mac 1>2 @14,14,14-20 fault not-ip"},
	{name: "PPPoE cut", link: LinkEthernet, frame: ether(0x8864, raw("11 00 0001 00")),
		want: "mac 1>2 @14,14,14-19 fault truncated"},

	{name: "cooked", link: LinkLinuxSLL, frame: join(raw("0000 0001 0006 020000000007 0000 0800"), ip4(17, udp(5, 6))),
		want: "mac 7>0 " + addr4 + "udp 5>6 @16,36,44-44 wire 28"},
	{name: "cooked without an address", link: LinkLinuxSLL, frame: join(raw("0000 0304 0000 0000000000000000 86dd"),
		ip6(17, udp(5, 6))),
		want: addr6 + "udp 5>6 @16,56,64-64 wire 48"},
	{name: "cooked with tag", link: LinkLinuxSLL, frame: join(raw("0000 0001 0006 020000000007 0000 8100"),
		vlan(5, 0x0800, ip4(17, udp(5, 6)))),
		want: "mac 7>0 vlan [5] " + addr4 + "udp 5>6 @20,40,48-48 wire 28"},
	{name: "cooked 802.2", link: LinkLinuxSLL, frame: join(raw("0000 0001 0006 020000000007 0000 0004"),
		snap(0x0800, ip4(17, udp(5, 6)))),
		want: "mac 7>0 " + addr4 + "udp 5>6 @24,44,52-52 wire 28"},
	{name: "cooked 802.3 without LLC", link: LinkLinuxSLL, frame: join(raw("0000 0001 0006 020000000007 0000 0001"),
		ip4(17)),
		want: "mac 7>0 @16,16,16-36 fault not-ip"},
	{name: "cooked v2", link: LinkLinuxSLL2, frame: join(raw("0800 0000 00000003 0001 00 06 020000000007 0000"),
		ip4(17, udp(5, 6))),
		want: "mac 7>0 " + addr4 + "udp 5>6 @20,40,48-48 wire 28"},
	{name: "cooked v2 without an address", link: LinkLinuxSLL2,
		frame: join(raw("86dd 0000 00000003 0304 00 00 0000000000000000"), ip6(17, udp(5, 6))),
		want:  addr6 + "udp 5>6 @20,60,68-68 wire 48"},

	{name: "raw IPv4", link: LinkRaw, frame: ip4(17, udp(5, 6)), want: addr4 + "udp 5>6 @0,20,28-28 wire 28"},
	{name: "raw IPv6", link: LinkRaw, frame: ip6(17, udp(5, 6)), want: addr6 + "udp 5>6 @0,40,48-48 wire 48"},
	{name: "raw of BSD", link: LinkDLTRaw, frame: ip4(17, udp(5, 6)), want: addr4 + "udp 5>6 @0,20,28-28 wire 28"},
	{name: "raw of OpenBSD", link: LinkDLTRawOpenBSD, frame: ip4(17, udp(5, 6)), want: addr4 +
		"udp 5>6 @0,20,28-28 wire 28"},
	{name: "raw, IPv4 only", link: LinkIPv4, frame: ip4(17, udp(5, 6)), want: addr4 + "udp 5>6 @0,20,28-28 wire 28"},
	{name: "raw, IPv6 only", link: LinkIPv6, frame: ip6(17, udp(5, 6)), want: addr6 + "udp 5>6 @0,40,48-48 wire 48"},
	{name: "raw of neither version", link: LinkRaw, frame: raw("50"), want: "@0,0,0-1 fault ip-header"},

	{name: "BSD loopback, little-endian host", link: LinkNull, frame: join(raw("02000000"), ip4(17, udp(5, 6))),
		want: addr4 + "udp 5>6 @4,24,32-32 wire 28"},
	{name: "BSD loopback, big-endian host, Darwin's IPv6", link: LinkNull,
		frame: join(raw("0000001e"), ip6(17, udp(5, 6))),
		want:  addr6 + "udp 5>6 @4,44,52-52 wire 48"},
	{name: "BSD loopback of OpenBSD", link: LinkLoop, frame: join(raw("00000018"), ip6(17, udp(5, 6))),
		want: addr6 + "udp 5>6 @4,44,52-52 wire 48"},
	{name: "BSD loopback of OpenBSD in host order", link: LinkLoop, frame: join(raw("1c000000"), ip6(17, udp(5, 6))),
		want: addr6 + "udp 5>6 @4,44,52-52 wire 48"},
	{name: "BSD loopback of AppleTalk", link: LinkNull, frame: raw("10000000 45"), want: "@4,4,4-5 fault not-ip"},
	{name: "BSD loopback cut", link: LinkNull, frame: raw("020000"), want: "@0,0,0-3 fault truncated"},

	{name: "PPP with address and control", link: LinkPPP, frame: join(raw("ff03 0021"), ip4(17, udp(5, 6))),
		want: addr4 + "udp 5>6 @4,24,32-32 wire 28"},
	{name: "PPP without address and control", link: LinkPPP, frame: join(raw("0057"), ip6(17, udp(5, 6))),
		want: addr6 + "udp 5>6 @2,42,50-50 wire 48"},
	{name: "PPP with protocol compressed", link: LinkPPP, frame: join(raw("21"), ip4(17, udp(5, 6))),
		want: addr4 + "udp 5>6 @1,21,29-29 wire 28"},
	{name: "PPP with MPLS", link: LinkPPP, frame: join(raw("ff03 0281"), label(16, true), ip4(17, udp(5, 6))),
		want: addr4 + "udp 5>6 @8,28,36-36 wire 28"},
	{name: "PPP LCP", link: LinkPPP, frame: raw("ff03 c021 01"), want: "@4,4,4-5 fault not-ip"},
	{name: "PPP cut in the protocol", link: LinkPPP, frame: raw("ff03 00"), want: "@3,3,3-3 fault truncated"},
	{name: "PPP in HDLC", link: LinkPPPHDLC, frame: join(raw("ff03 0021"), ip4(17, udp(5, 6))),
		want: addr4 + "udp 5>6 @4,24,32-32 wire 28"},
	{name: "Cisco's framing where PPP is announced", link: LinkPPPHDLC,
		frame: join(raw("0f00 0800"), ip4(17, udp(5, 6))),
		want:  addr4 + "udp 5>6 @4,24,32-32 wire 28"},
	{name: "Cisco HDLC", link: LinkCHDLC, frame: join(raw("8f00 86dd"), ip6(17, udp(5, 6))),
		want: addr6 + "udp 5>6 @4,44,52-52 wire 48"},
	{name: "Cisco HDLC keep-alive", link: LinkCHDLC, frame: raw("8f00 8035 00000002"), want: "@4,4,4-8 fault not-ip"},
	{name: "Cisco HDLC of no EtherType", link: LinkCHDLC, frame: raw("0f00 0004 aaaa03"),
		want: "@0,0,0-7 fault not-ip"},

	{name: "PPI with Ethernet", link: LinkPPI, frame: join(raw("00 00 0c00 01000000 00000000"),
		ether(0x0800, ip4(17, udp(5, 6)))),
		want: "mac 1>2 " + addr4 + "udp 5>6 @26,46,54-54 wire 28"},
	{name: "PPI with 802.11", link: LinkPPI, frame: join(raw("00 00 0800 69000000"), wifiData4(0x08, 0x01)),
		want: "mac 2>3 " + addr4 + "udp 5>6 @40,60,68-68 wire 28"},
	{name: "PPI in PPI", link: LinkPPI, frame: join(raw("00 00 0800 c0000000"), raw("00 00 0800 01000000")),
		want: "@0,0,0-16 fault link-type"},
	{name: "PPI with our own link types", link: LinkPPI, frame: join(raw("00 00 0800 00000100"), label(16, true),
		ip4(17, udp(5, 6))),
		want: "@0,0,0-40 fault link-type"},
	{name: "PPI longer than the frame", link: LinkPPI, frame: raw("00 00 0900 01000000"),
		want: "@0,0,0-8 fault truncated"},
	{name: "PPI shorter than its header", link: LinkPPI, frame: raw("00 00 0700 01000000"),
		want: "@0,0,0-8 fault link-type"},

	{name: "unknown link", link: 147, frame: ip4(17, udp(5, 6)), want: "@0,0,0-28 fault link-type"},
	{name: "our own link types are no capture's", link: linkMPLS, frame: join(label(16, true), ip4(17, udp(5, 6))),
		want: "@0,0,0-32 fault link-type"},
}

// wifiData4 builds an 802.11 frame with the given frame control; its four addresses end in 1 ... 4.
func wifiData4(control, flags byte) []byte {
	b := join([]byte{control, flags}, raw("0000 020000000001 020000000002 020000000003 1000"))
	if flags&3 == 3 {
		b = join(b, raw("020000000004"))
	}
	if control&0x80 != 0 {
		b = join(b, raw("0000"))
		if flags&0x80 != 0 {
			b = join(b, raw("00000000"))
		}
	}
	return join(b, snap(0x0800, ip4(17, udp(5, 6))))
}

// amsdu builds a QoS frame that aggregates n frames, from MAC address 5 to 6.
func amsdu(n int) []byte {
	b := with(wifiData4(0x88, 0x01)[:26], 24, 0x80)
	for i := range n {
		for len(b)%4 != 26%4 {
			b = append(b, 0)
		}
		msdu := snap(0x0800, ip4(17, udp(5, 6, make([]byte, i))))
		b = join(b, raw("020000000006 020000000005"), be16(len(msdu)), msdu)
	}
	return b
}

// TestMSDUs: 802.3 frames follow the first frame of an aggregate, cut where the capture is.
func TestMSDUs(t *testing.T) {
	for _, link := range []LinkType{LinkIEEE80211, LinkIEEE80211Radiotap} {
		frame := amsdu(4)
		if link == LinkIEEE80211Radiotap {
			frame = join(raw("00 00 0800 00000000"), frame)
		}
		for cut := range 5 {
			n := 1
			for rest := LaterMSDUs(link, frame[:len(frame)-cut]); len(rest) > 0; n++ {
				var p Packet
				var msdu []byte
				var length int
				msdu, length, rest = NextMSDU(rest)
				p.Decode(LinkEthernet, msdu, length)
				if p.SrcMAC[5] != 5 || p.WireBytes != 28+uint32(n) || p.SrcPort != 5 ||
					p.Truncated != (n == 3 && cut > 0) {
					t.Errorf("link %d, %d bytes cut, frame %d: %s", link, cut, n, describe(&p))
				}
			}
			if n != 4 {
				t.Errorf("link %d, %d bytes cut: %d frames", link, cut, n)
			}
		}
	}
	for _, frame := range [][]byte{wifiData4(0x88, 0x01), amsdu(0), amsdu(1), amsdu(2)[:60], nil} {
		if rest := LaterMSDUs(LinkIEEE80211, frame); rest != nil {
			t.Errorf("%x follows in %x", rest, frame)
		}
	}
	if rest := LaterMSDUs(LinkEthernet, amsdu(2)); rest != nil {
		t.Error("frames in an Ethernet frame")
	}
}

var wifiSamples = []sample{
	{name: "to the access point", link: LinkIEEE80211, frame: wifiData4(0x08, 0x01), want: "mac 2>3 " + addr4 +
		"udp 5>6 @32,52,60-60 wire 28"},
	{name: "from the access point", link: LinkIEEE80211, frame: wifiData4(0x08, 0x02), want: "mac 3>1 " + addr4 +
		"udp 5>6 @32,52,60-60 wire 28"},
	{name: "ad hoc", link: LinkIEEE80211, frame: wifiData4(0x08, 0x00), want: "mac 2>1 " + addr4 +
		"udp 5>6 @32,52,60-60 wire 28"},
	{name: "four addresses", link: LinkIEEE80211, frame: wifiData4(0x08, 0x03), want: "mac 4>3 " + addr4 +
		"udp 5>6 @38,58,66-66 wire 28"},
	{name: "QoS", link: LinkIEEE80211, frame: wifiData4(0x88, 0x01), want: "mac 2>3 " + addr4 +
		"udp 5>6 @34,54,62-62 wire 28"},
	{name: "QoS with HT control and four addresses", link: LinkIEEE80211, frame: wifiData4(0x88, 0x83),
		want: "mac 4>3 " + addr4 + "udp 5>6 @44,64,72-72 wire 28"},
	{name: "order bit without QoS", link: LinkIEEE80211, frame: wifiData4(0x08, 0x81), want: "mac 2>3 " + addr4 +
		"udp 5>6 @32,52,60-60 wire 28"},
	{name: "protected", link: LinkIEEE80211, frame: wifiData4(0x08, 0x41),
		want: "mac 2>3 @24,24,24-60 fault encrypted"},
	{name: "aggregate", link: LinkIEEE80211, frame: amsdu(2), want: "mac 5>6 " + addr4 +
		"udp 5>6 @48,68,76-76 wire 28"},
	{name: "aggregate without a subframe", link: LinkIEEE80211, frame: amsdu(0), want: "@26,26,26-26 fault truncated"},
	{name: "later fragment", link: LinkIEEE80211, frame: with(wifiData4(0x08, 0x01), 22, 0x11),
		want: "mac 2>3 @24,24,24-60 fault not-ip"},
	{name: "null frame", link: LinkIEEE80211, frame: wifiData4(0x48, 0x01), want: "@0,0,0-60 fault not-ip"},
	{name: "beacon", link: LinkIEEE80211, frame: wifiData4(0x80, 0x00), want: "@0,0,0-62 fault not-ip"},
	{name: "acknowledgment", link: LinkIEEE80211, frame: raw("d400 0000 020000000001"), want: "@0,0,0-10 fault not-ip"},
	{name: "EAPOL", link: LinkIEEE80211, frame: join(wifiData4(0x08, 0x01)[:24], snap(0x888e, raw("0103"))),
		want: "mac 2>3 @32,32,32-34 fault not-ip"},
	{name: "header cut", link: LinkIEEE80211, frame: wifiData4(0x88, 0x01)[:25], want: "@0,0,0-25 fault truncated"},

	{name: "radiotap", link: LinkIEEE80211Radiotap, frame: join(raw("00 00 0800 00000000"), wifiData4(0x08, 0x01)),
		want: "mac 2>3 " + addr4 + "udp 5>6 @40,60,68-68 wire 28"},
	{name: "radiotap with time, flags and frame check sequence", link: LinkIEEE80211Radiotap,
		frame: join(raw("00 00 1100 03000000 0000000000000000 10"), wifiData4(0x08, 0x01), raw("deadbeef")),
		want:  "mac 2>3 " + addr4 + "udp 5>6 @49,69,77-77 wire 28"},
	{name: "radiotap with padding between header and data", link: LinkIEEE80211Radiotap,
		frame: join(raw("00 00 0900 02000000 20"), wifiData4(0x88, 0x01)[:26], raw("0000"), wifiData4(0x88, 0x01)[26:]),
		want:  "mac 2>3 " + addr4 + "udp 5>6 @45,65,73-73 wire 28"},
	{name: "radiotap with more presence words and aligned time", link: LinkIEEE80211Radiotap,
		frame: join(raw("00 00 1900 03000080 00000000 00000000 0000000000000000 20"), wifiData4(0x08, 0x01)),
		want:  "mac 2>3 " + addr4 + "udp 5>6 @57,77,85-85 wire 28"},
	{name: "radiotap presence words without end", link: LinkIEEE80211Radiotap,
		frame: join(raw("00 00 0c00 ffffffff ffffffff"), wifiData4(0x08, 0x01)),
		want:  "mac 2>3 " + addr4 + "udp 5>6 @44,64,72-72 wire 28"},
	{name: "radiotap longer than the frame", link: LinkIEEE80211Radiotap, frame: raw("00 00 0900 00000000"),
		want: "@0,0,0-8 fault truncated"},
	{name: "radiotap shorter than its header", link: LinkIEEE80211Radiotap, frame: raw("00 00 0700 00000000"),
		want: "@0,0,0-8 fault link-type"},
}

func TestLinks(t *testing.T) { runSamples(t, linkSamples) }
func TestWifi(t *testing.T)  { runSamples(t, wifiSamples) }

func runSamples(t *testing.T, samples []sample) {
	t.Helper()
	var p Packet // reused, so that each row also shows that Decode leaves nothing of the row before
	for _, s := range samples {
		p.Decode(s.link, s.frame, s.wireLen)
		if got := describe(&p); got != s.want {
			t.Errorf("%s:\n got %s\nwant %s", s.name, got, s.want)
		}
		if why := brokenInvariant(&p); why != "" {
			t.Errorf("%s: %s: %s", s.name, why, describe(&p))
		}
	}
}

func TestKnownLinks(t *testing.T) {
	for link := range LinkType(400) {
		var p Packet
		p.Decode(link, nil, 0)
		if unknown := p.Fault == FaultLinkType; unknown == link.Known() {
			t.Errorf("link type %d: known %v, but the fault is %v", link, link.Known(), p.Fault)
		}
	}
	if linkMPLS.Known() || linkIEEE80211Swapped.Known() {
		t.Error("Known accepts a link type that no capture file holds")
	}
}
