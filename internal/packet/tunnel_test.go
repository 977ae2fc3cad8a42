// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"bytes"
	"testing"
)

// tunnelSample is an IP packet on LinkRaw that carries a tunnel, and the expected result of Inner; "" means that Inner
// returns false.
type tunnelSample struct {
	name   string
	frame  []byte
	tunnel Tunnel
	want   string
}

// in6 is the small packet inside most samples: 48 bytes of IPv6 with UDP.
var in6 = ip6(17, udp(5, 6))

// Sound headers, for rows to spoil.
var (
	vxlanHeader   = raw("08 000000 000007 00")
	geneveHeader  = raw("00 00 6558 000007 00")
	teredoIP      = with(in6, 8, 0x20, 0x01, 0, 0)
	l2tpHeader    = raw("0002 0001 0002")
	capwapHeader  = raw("00 10 02 00 00000000") // HLEN 2, WBID 1, 802.3
	capwapNative  = raw("00 10 03 00 00000000") // HLEN 2, WBID 1, 802.11
	tzspHeader    = raw("01 00 0001 01")
	greSequenced  = raw("1000 88be 00000001")
	erspanHeader  = raw("1001 0000 00000000")
	erspan3Header = raw("2001 0000 00000000 0000 0000")
	pptpHeader    = raw("3001 880b 0034 0007 00000001")
	pppIP6        = join(raw("ff03 0057"), in6)
	badEthernet   = ether(0x1234, make([]byte, 40))
)

func greIP(flags, protocol int, rest ...[]byte) []byte {
	return ip4(47, be16(flags), be16(protocol), join(rest...))
}

func onPort(port int, payload ...[]byte) []byte { return ip4(17, udp(40000, port, payload...)) }

var tunnelSamples = []tunnelSample{
	{"6in4", ip4(41, in6), Tunnel6in4, addr6 + "udp 5>6 @20,60,68-68 wire 48"},
	{"4in6", ip6(4, ip4(17, udp(5, 6))), Tunnel4in6, addr4 + "udp 5>6 @40,60,68-68 wire 28"},
	{"4in6 after destination options", ip6(60, extension(4), ip4(17, udp(5, 6))), Tunnel4in6, addr4 +
		"udp 5>6 @48,68,76-76 wire 28"},
	{"IPIP", ip4(4, ip4(17, udp(5, 6))), TunnelIPIP, addr4 + "udp 5>6 @20,40,48-48 wire 28"},
	{"IPv6 in IPv6", ip6(41, in6), TunnelIPIP, addr6 + "udp 5>6 @40,80,88-88 wire 48"},
	{"IPIP of IPv6", ip4(4, in6), TunnelNone, ""},
	{"6in4 of IPv4", ip4(41, ip4(17, udp(5, 6))), TunnelNone, ""},
	{"6in4 longer than its packet", ip4(41, with(in6, 4, 0, 9)), TunnelNone, ""},
	{"6in4 header cut", ip4(41, in6[:39]), TunnelNone, ""},
	{"6in4 without a byte", ip4(41), TunnelNone, ""},
	{"6in4 first fragment", fragment4(ip4(41, with(in6, 4, 4, 0)), 0, true), Tunnel6in4, addr6 +
		"udp 5>6 @20,60,68-68 wire 48 truncated"},
	{"6in4 later fragment", fragment4(ip4(41, in6), 5, false), TunnelNone, ""},
	{"IPIP of a broken header", ip4(4, with(ip4(17), 0, 0x44)), TunnelNone, ""},

	{"GRE IPv4", greIP(0, 0x0800, ip4(17, udp(5, 6))), TunnelGRE, addr4 + "udp 5>6 @24,44,52-52 wire 28"},
	{"GRE IPv6", greIP(0, 0x86dd, in6), TunnelGRE, addr6 + "udp 5>6 @24,64,72-72 wire 48"},
	{"GRE with checksum, key, sequence", greIP(0xb000, 0x86dd, raw("abcd 0000 00000001 00000002"), in6), TunnelGRE,
		addr6 + "udp 5>6 @36,76,84-84 wire 48"},
	{"GRE with a key", greIP(0x2000, 0x86dd, raw("00000001"), in6), TunnelGRE, addr6 + "udp 5>6 @28,68,76-76 wire 48"},
	{"GRE in IPv6", ip6(47, raw("0000 86dd"), in6), TunnelGRE, addr6 + "udp 5>6 @44,84,92-92 wire 48"},
	{"GRE with Ethernet", greIP(0, 0x6558, ether(0x86dd, in6)), TunnelGRE, "mac 1>2 " + addr6 +
		"udp 5>6 @38,78,86-86 wire 48"},
	{"GRE with MPLS", greIP(0, 0x8847, label(16, false), label(17, true), in6), TunnelGRE, addr6 +
		"udp 5>6 @32,72,80-80 wire 48"},
	{"GRE with MPLS above nonsense", greIP(0, 0x8847, label(16, true), raw("4f")), TunnelNone, ""},
	{"GRE ERSPAN II", ip4(47, greSequenced, erspanHeader, ether(0x86dd, in6)), TunnelGRE, "mac 1>2 " + addr6 +
		"udp 5>6 @50,90,98-98 wire 48"},
	{"GRE ERSPAN I", greIP(0, 0x88be, ether(0x86dd, in6)), TunnelGRE, "mac 1>2 " + addr6 +
		"udp 5>6 @38,78,86-86 wire 48"},
	{"GRE ERSPAN of another version", ip4(47, greSequenced, with(erspanHeader, 0, 0x20), ether(0x86dd, in6)),
		TunnelNone, ""},
	{"GRE ERSPAN III", greIP(0x1000, 0x22eb, raw("00000001"), erspan3Header, ether(0x86dd, in6)), TunnelGRE,
		"mac 1>2 " + addr6 + "udp 5>6 @54,94,102-102 wire 48"},
	{"GRE ERSPAN III with a platform field", greIP(0x1000, 0x22eb, raw("00000001"), with(erspan3Header, 11, 1),
		make([]byte, 8), ether(0x86dd, in6)), TunnelGRE,
		"mac 1>2 " + addr6 + "udp 5>6 @62,102,110-110 wire 48"},
	{"GRE ERSPAN III with an IP packet", greIP(0x1000, 0x22eb, raw("00000001"), with(erspan3Header, 10, 0x08),
		ether(0x86dd, in6)), TunnelNone, ""},
	{"GRE with ARP in Ethernet", greIP(0, 0x6558, ether(0x0806, make([]byte, 28))), TunnelGRE, ""},
	{"GRE source route of RFC 1701", greIP(0x4000, 0x86dd, raw("0000 0000 00000000"), in6), TunnelNone, ""},
	{"GRE reserved flag", greIP(0x0008, 0x86dd, in6), TunnelNone, ""},
	{"GRE reserved after the checksum", greIP(0x8000, 0x86dd, raw("abcd 0001"), in6), TunnelNone, ""},
	{"GRE version 2", greIP(2, 0x86dd, in6), TunnelNone, ""},
	{"GRE keep-alive", greIP(0, 0), TunnelNone, ""},
	{"GRE cut", ip4(47, raw("0000 86")), TunnelNone, ""},
	{"GRE optional fields cut", greIP(0xb000, 0x86dd, raw("abcd 0000")), TunnelNone, ""},
	{"PPTP", ip4(47, pptpHeader, pppIP6), TunnelGRE, addr6 + "udp 5>6 @36,76,84-84 wire 48"},
	{"PPTP with acknowledgment", ip4(47, raw("3081 880b 0034 0007 00000001 00000001"), pppIP6), TunnelGRE, addr6 +
		"udp 5>6 @40,80,88-88 wire 48"},
	{"PPTP with acknowledgment only", ip4(47, raw("2081 880b 0000 0007 00000001")), TunnelNone, ""},
	{"PPTP without key", greIP(0x1001, 0x880b, raw("00000001"), pppIP6), TunnelNone, ""},
	{"PPTP longer than its packet", ip4(47, with(pptpHeader, 5, 0x35), pppIP6), TunnelNone, ""},
	{"PPTP compressed", ip4(47, with(pptpHeader, 5, 8), raw("ff03 00fd 90010203")), TunnelNone, ""},

	{"GTP-U", onPort(2152, gtp(0x30, 255, in6)), TunnelGTPU, addr6 + "udp 5>6 @36,76,84-84 wire 48"},
	{"GTP-U from the port", ip4(17, udp(2152, 40000, gtp(0x30, 255, in6))), TunnelGTPU, addr6 +
		"udp 5>6 @36,76,84-84 wire 48"},
	{"GTP-U with sequence number", onPort(2152, gtp(0x32, 255, raw("0001 00 85"), in6)), TunnelGTPU, addr6 +
		"udp 5>6 @40,80,88-88 wire 48"},
	{"GTP-U with extension headers", onPort(2152, gtp(0x34, 255, raw("0000 00 85"), raw("01 0001 40"),
		raw("02 0001 02030405 00"), in6)), TunnelGTPU,
		addr6 + "udp 5>6 @52,92,100-100 wire 48"},
	{"GTP-U with an extension header of length 0", onPort(2152, gtp(0x34, 255, raw("0000 00 85"), raw("00 0001 00"),
		in6)), TunnelNone, ""},
	{"GTP-U with extension headers without end",
		onPort(2152, gtp(0x34, 255, raw("0000 00 85"), bytes.Repeat(raw("01 0001 85"), 40))), TunnelNone, ""},
	{"GTP-U extension header past the end", onPort(2152, gtp(0x34, 255, raw("0000 00 85"), raw("ff 0001 00"), in6)),
		TunnelNone, ""},
	{"GTP-U echo request", onPort(2152, gtp(0x32, 1, raw("0001 0000"))), TunnelNone, ""},
	{"GTP-U of GTP' or version 2", onPort(2152, gtp(0x50, 255, in6)), TunnelNone, ""},
	{"GTP-U shorter than the datagram", onPort(2152, gtp(0x30, 255, in6), abc), TunnelNone, ""},
	{"GTP-U with nonsense", onPort(2152, gtp(0x30, 255, make([]byte, 40))), TunnelNone, ""},

	{"VXLAN", onPort(4789, vxlanHeader, ether(0x86dd, in6)), TunnelVXLAN, "mac 1>2 " + addr6 +
		"udp 5>6 @50,90,98-98 wire 48"},
	{"VXLAN on Linux's old port", onPort(8472, vxlanHeader, ether(0x86dd, in6)), TunnelVXLAN, "mac 1>2 " + addr6 +
		"udp 5>6 @50,90,98-98 wire 48"},
	{"VXLAN with tag inside", onPort(4789, vxlanHeader, ether(0x8100, vlan(9, 0x86dd, in6))), TunnelVXLAN,
		"mac 1>2 vlan [9] " + addr6 + "udp 5>6 @54,94,102-102 wire 48"},
	{"VXLAN with group policy", onPort(4789, raw("88 08 0001 000007 00"), ether(0x86dd, in6)), TunnelVXLAN, "mac 1>2 " +
		addr6 + "udp 5>6 @50,90,98-98 wire 48"},
	{"VXLAN with ARP", onPort(4789, vxlanHeader, ether(0x0806, make([]byte, 28))), TunnelVXLAN, ""},
	{"VXLAN with spanning tree", onPort(4789, vxlanHeader, ether(7, raw("424203 00000000"))), TunnelVXLAN, ""},
	{"VXLAN without identifier", onPort(4789, with(vxlanHeader, 0, 0), ether(0x86dd, in6)), TunnelNone, ""},
	{"VXLAN reserved bits", onPort(4789, with(vxlanHeader, 3, 1), ether(0x86dd, in6)), TunnelNone, ""},
	{"VXLAN reserved last byte", onPort(4789, with(vxlanHeader, 7, 1), ether(0x86dd, in6)), TunnelNone, ""},
	{"VXLAN from a group address", onPort(4789, vxlanHeader, with(ether(0x86dd, in6), 6, 1)), TunnelNone, ""},
	{"VXLAN with an unknown EtherType", onPort(4789, vxlanHeader, badEthernet), TunnelNone, ""},
	{"VXLAN with IPv4 announced and IPv6 there", onPort(4789, vxlanHeader, ether(0x0800, in6)), TunnelNone, ""},
	{"VXLAN on another port", onPort(4788, vxlanHeader, ether(0x86dd, in6)), TunnelNone, ""},
	{"VXLAN header alone", onPort(4789, vxlanHeader), TunnelNone, ""},

	{"Geneve", onPort(6081, geneveHeader, ether(0x86dd, in6)), TunnelGeneve, "mac 1>2 " + addr6 +
		"udp 5>6 @50,90,98-98 wire 48"},
	{"Geneve with options", onPort(6081, raw("04 40 86dd 000007 00  0102 80 01 00000000  0102 01 01 00000000"), in6),
		TunnelGeneve, addr6 + "udp 5>6 @52,92,100-100 wire 48"},
	{"Geneve with options longer than announced", onPort(6081, raw("01 00 86dd 000007 00  0102 80 01"), in6),
		TunnelNone, ""},
	{"Geneve with options past the end", onPort(6081, raw("3f 00 86dd 000007 00"), in6), TunnelNone, ""},
	{"Geneve control packet", onPort(6081, with(geneveHeader, 1, 0x80), ether(0x86dd, in6)), TunnelNone, ""},
	{"Geneve version 1", onPort(6081, with(geneveHeader, 0, 0x40), ether(0x86dd, in6)), TunnelNone, ""},
	{"Geneve reserved bits", onPort(6081, with(geneveHeader, 1, 0x01), ether(0x86dd, in6)), TunnelNone, ""},
	{"Geneve with an unknown protocol", onPort(6081, with(geneveHeader, 2, 0x12, 0x34), in6), TunnelNone, ""},

	{"Teredo", onPort(3544, teredoIP), TunnelTeredo, "ip6 2001::1>2001:db8::2 udp 5>6 @28,68,76-76 wire 48"},
	{"Teredo with authentication and origin", onPort(3544, raw("0001 01 02 aa bbbb 0102030405060708 00"),
		raw("0000 1234 c0000201"), teredoIP), TunnelTeredo,
		"ip6 2001::1>2001:db8::2 udp 5>6 @52,92,100-100 wire 48"},
	{"Teredo bubble to the port", onPort(3544, raw("0000 1234 c0000201"), with(ip6(59), 24, 0x20, 0x01, 0, 0)),
		TunnelTeredo, "ip6 2001:db8::1>2001::2 59 @36,76,76-76 wire 40"},
	{"Teredo router solicitation", onPort(3544, with(ip6(58, raw("85 00 0000 00000000")), 8, 0xfe, 0x80, 0, 0)),
		TunnelTeredo,
		"ip6 fe80::1>2001:db8::2 icmpv6 type 133/0 @28,68,68-76 wire 48"},
	{"Teredo between addresses that are none of Teredo's", onPort(3544, in6), TunnelNone, ""},
	{"Teredo authentication past the end", onPort(3544, raw("0001 ff ff"), teredoIP), TunnelNone, ""},

	{"L2TP", onPort(1701, l2tpHeader, pppIP6), TunnelL2TP, addr6 + "udp 5>6 @38,78,86-86 wire 48"},
	{"L2TP with all optional fields", onPort(1701, raw("4b02 0046 0001 0002 00030004 0004 00000000"), pppIP6),
		TunnelL2TP, addr6 + "udp 5>6 @50,90,98-98 wire 48"},
	{"L2TP with compressed PPP header", onPort(1701, l2tpHeader, raw("57"), in6), TunnelL2TP, addr6 +
		"udp 5>6 @35,75,83-83 wire 48"},
	{"L2TP control message", onPort(1701, raw("c802 0014 0001 0000 0000 0000 8008 0000 0000 0006")), TunnelNone, ""},
	{"L2TP version 3", onPort(1701, with(l2tpHeader, 1, 3), pppIP6), TunnelNone, ""},
	{"L2TP reserved bits", onPort(1701, with(l2tpHeader, 0, 0x10), pppIP6), TunnelNone, ""},
	{"L2TP session 0", onPort(1701, with(l2tpHeader, 5, 0), pppIP6), TunnelNone, ""},
	{"L2TP of another length", onPort(1701, raw("4002 0041 0001 0002"), pppIP6), TunnelNone, ""},
	{"L2TP offset past the end", onPort(1701, raw("0202 0001 0002 ffff"), pppIP6), TunnelNone, ""},
	{"L2TP with LCP", onPort(1701, l2tpHeader, raw("ff03 c021 0101 0004")), TunnelNone, ""},

	{"L2TPv3", ip4(115, raw("00000001"), ether(0x0800, ip4(17, udp(5, 6, make([]byte, 30))))), TunnelL2TP,
		"mac 1>2 " + addr4 + "udp 5>6 @38,58,66-96 wire 58"},
	{"L2TPv3 with a cookie and a sublayer", ip4(115, raw("00000001 0123456789abcdef 40000001"), ether(0x86dd, in6)),
		TunnelL2TP,
		"mac 1>2 " + addr6 + "udp 5>6 @50,90,98-98 wire 48"},
	{"L2TPv3 with a short cookie", ip4(115, raw("00000001 01234567"), ether(0x8100, vlan(7, 0x86dd, in6))), TunnelL2TP,
		"mac 1>2 vlan [7] " + addr6 + "udp 5>6 @46,86,94-94 wire 48"},
	{"L2TPv3 with a padded frame", ip4(115, raw("00000001"), ether(0x0800, ip4(17, udp(5, 6)), make([]byte, 18))),
		TunnelL2TP,
		"mac 1>2 " + addr4 + "udp 5>6 @38,58,66-66 wire 28"},
	{"L2TPv3 over UDP", onPort(1701, raw("0003 0000 00000001"), ether(0x86dd, in6)), TunnelL2TP, "mac 1>2 " + addr6 +
		"udp 5>6 @50,90,98-98 wire 48"},
	{"L2TPv3 control message", ip4(115, raw("00000000 c803 0014 00000001 0000 0000"), ether(0x86dd, in6)), TunnelNone,
		""},
	{"L2TPv3 with a frame that ends sooner", ip4(115, raw("00000001"), ether(0x86dd, in6, abc)), TunnelNone, ""},
	{"L2TPv3 with a frame of a group", ip4(115, raw("00000001"), with(ether(0x86dd, in6), 6, 0x03)), TunnelNone, ""},
	{"L2TPv3 with something else", ip4(115, raw("00000001"), make([]byte, 80)), TunnelNone, ""},
	{"L2TPv3 with three tags",
		ip4(115, raw("00000001"), ether(0x8100, vlan(1, 0x8100, vlan(2, 0x8100, vlan(3, 0x86dd, in6))))), TunnelL2TP,
		"mac 1>2 vlan [1 2 3] " + addr6 + "udp 5>6 @50,90,98-98 wire 48"},
	{"EtherIP", ip4(97, raw("3000"), ether(0x86dd, in6)), TunnelEtherIP, "mac 1>2 " + addr6 +
		"udp 5>6 @36,76,84-84 wire 48"},
	{"EtherIP with a reserved bit", ip4(97, raw("3001"), ether(0x86dd, in6)), TunnelNone, ""},
	{"EtherIP of another version", ip4(97, raw("4000"), ether(0x86dd, in6)), TunnelNone, ""},
	{"EtherIP with something else", ip4(97, raw("3000"), badEthernet), TunnelNone, ""},
	{"GRE in UDP", onPort(4754, raw("0000 86dd"), in6), TunnelGREInUDP, addr6 + "udp 5>6 @32,72,80-80 wire 48"},
	{"GRE in UDP with Ethernet", onPort(4754, raw("2000 6558 00000007"), ether(0x86dd, in6)), TunnelGREInUDP,
		"mac 1>2 " + addr6 + "udp 5>6 @50,90,98-98 wire 48"},
	{"GRE in UDP with something else", onPort(4754, raw("0000 1234"), in6), TunnelNone, ""},
	{"VXLAN-GPE IPv4", onPort(4790, raw("0c 0000 01 000007 00"), ip4(17, udp(5, 6))), TunnelVXLANGPE, addr4 +
		"udp 5>6 @36,56,64-64 wire 28"},
	{"VXLAN-GPE IPv6", onPort(4790, raw("0c 0000 02 000007 00"), in6), TunnelVXLANGPE, addr6 +
		"udp 5>6 @36,76,84-84 wire 48"},
	{"VXLAN-GPE Ethernet", onPort(4790, raw("0e 0000 03 000007 00"), ether(0x86dd, in6)), TunnelVXLANGPE,
		"mac 1>2 " + addr6 + "udp 5>6 @50,90,98-98 wire 48"},
	{"VXLAN-GPE without a next protocol", onPort(4790, vxlanHeader, ether(0x86dd, in6)), TunnelVXLANGPE,
		"mac 1>2 " + addr6 + "udp 5>6 @50,90,98-98 wire 48"},
	{"VXLAN-GPE OAM", onPort(4790, raw("0d 0000 01 000007 00"), ip4(17, udp(5, 6))), TunnelNone, ""},
	{"VXLAN-GPE of version 1", onPort(4790, raw("1c 0000 01 000007 00"), ip4(17, udp(5, 6))), TunnelNone, ""},
	{"VXLAN-GPE with NSH", onPort(4790, raw("0c 0000 04 000007 00"), in6), TunnelNone, ""},

	{"CAPWAP 802.3", onPort(5247, capwapHeader, ether(0x86dd, in6)), TunnelCAPWAP, "mac 1>2 " + addr6 +
		"udp 5>6 @50,90,98-98 wire 48"},
	{"CAPWAP 802.11", onPort(5247, capwapNative, wifiData4(0x88, 0x01)), TunnelCAPWAP, "mac 2>3 " + addr4 +
		"udp 5>6 @70,90,98-98 wire 28"},
	{"CAPWAP 802.11 with frame control swapped", onPort(5247, capwapNative, wifiSwappedControl()), TunnelCAPWAP,
		"mac 2>3 " + addr4 + "udp 5>6 @68,88,96-96 wire 28"},
	{"CAPWAP with radio address and wireless information", onPort(5247, raw("00 30 03 30 00000000  06 020000000009 "+
		"00  04 01020304 000000"), wifiData4(0x08, 0x02)), TunnelCAPWAP,
		"mac 3>1 " + addr4 + "udp 5>6 @84,104,112-112 wire 28"},
	{"CAPWAP first fragment", onPort(5247, with(capwapHeader, 3, 0x80), ether(0x86dd, with(in6, 4, 4, 0))),
		TunnelCAPWAP,
		"mac 1>2 " + addr6 + "udp 5>6 @50,90,98-98 wire 48 truncated"},
	{"CAPWAP later fragment", onPort(5247, with(capwapHeader, 3, 0x80, 0, 1, 0, 8), ether(0x86dd, in6)), TunnelNone,
		""},
	{"CAPWAP encrypted", onPort(5247, with(capwapHeader, 0, 1), ether(0x86dd, in6)), TunnelNone, ""},
	{"CAPWAP keep-alive", onPort(5247, with(capwapHeader, 3, 8), ether(0x86dd, in6)), TunnelNone, ""},
	{"CAPWAP of another binding", onPort(5247, with(capwapHeader, 2, 6), ether(0x86dd, in6)), TunnelNone, ""},
	{"CAPWAP radio address past the header", onPort(5247, with(capwapHeader, 3, 0x10), ether(0x86dd, in6)), TunnelNone,
		""},
	{"CAPWAP header shorter than itself", onPort(5247, with(capwapHeader, 1, 8), ether(0x86dd, in6)), TunnelNone, ""},
	{"CAPWAP protected 802.11", onPort(5247, capwapNative, wifiData4(0x08, 0x41)), TunnelCAPWAP, ""},

	{"TZSP Ethernet", onPort(37008, tzspHeader, ether(0x86dd, in6)), TunnelTZSP, "mac 1>2 " + addr6 +
		"udp 5>6 @47,87,95-95 wire 48"},
	{"TZSP with tags and padding", onPort(37008, raw("01 01 0001 00 0a01b5 00 2802ffff 01"), ether(0x86dd, in6)),
		TunnelTZSP, "mac 1>2 " + addr6 + "udp 5>6 @56,96,104-104 wire 48"},
	{"TZSP 802.11", onPort(37008, with(tzspHeader, 3, 18), wifiData4(0x08, 0x01)), TunnelTZSP, "mac 2>3 " + addr4 +
		"udp 5>6 @65,85,93-93 wire 28"},
	{"TZSP without end of tags", onPort(37008, raw("01 00 0001"), make([]byte, 64)), TunnelNone, ""},
	{"TZSP tag past the end", onPort(37008, raw("01 00 0001 0aff"), make([]byte, 64)), TunnelNone, ""},
	{"TZSP version 2", onPort(37008, with(tzspHeader, 0, 2), ether(0x86dd, in6)), TunnelNone, ""},
	{"TZSP keep-alive", onPort(37008, with(tzspHeader, 1, 4), ether(0x86dd, in6)), TunnelNone, ""},
	{"TZSP of another kind", onPort(37008, with(tzspHeader, 3, 119), ether(0x86dd, in6)), TunnelNone, ""},

	{"a first UDP fragment", fragment4(
		ip4(17, with(udp(40000, 2152, with(gtp(0x30, 255, with(in6, 4, 4, 0)), 2, 4, 40)), 4, 4, 56)), 0, true),
		TunnelGTPU,
		addr6 + "udp 5>6 @36,76,84-84 wire 48 truncated"},
}

func wifiSwappedControl() []byte {
	b := wifiData4(0x08, 0x01)
	b[0], b[1] = b[1], b[0]
	return b
}

func TestTunnels(t *testing.T) {
	for _, s := range tunnelSamples {
		var outer, inner Packet
		outer.Decode(LinkRaw, s.frame, 0)
		if outer.Tunnel != s.tunnel {
			t.Errorf("%s: tunnel %v, want %v: %s", s.name, outer.Tunnel, s.tunnel, describe(&outer))
		}
		got := ""
		if inner.Inner(&outer) {
			got = describe(&inner)
		}
		if got != s.want {
			t.Errorf("%s:\n got %s\nwant %s", s.name, got, s.want)
		}
		for _, p := range []*Packet{&outer, &inner} {
			if why := brokenInvariant(p); why != "" && (p == &outer || s.want != "") {
				t.Errorf("%s: %s: %s", s.name, why, describe(p))
			}
		}
	}
}

func TestInnerKeepsTheCutOfTheCapture(t *testing.T) {
	frame := onPort(4789, vxlanHeader, ether(0x0800, ip4(6, tcp(make([]byte, 1000)))))
	var p Packet
	p.Decode(LinkRaw, frame[:100], len(frame))
	if !p.Inner(&p) {
		t.Fatal("no packet inside")
	}
	want := "mac 1>2 " + addr4 + "tcp " + seg + "@50,70,90-100 wire 1040 payload 1000 truncated"
	if got := describe(&p); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestInnerStopsAtTheOuterPacket(t *testing.T) {
	// The bytes after the outer packet would complete the inner one, but belong to neither.
	var p Packet
	p.Decode(LinkRaw, join(fragment4(ip4(4, ip4(17, udp(5, 6, abc))[:29]), 0, true), abc), 0)
	if !p.Inner(&p) {
		t.Fatal("no packet inside")
	}
	want := addr4 + "udp 5>6 @20,40,48-49 wire 29 truncated"
	if got := describe(&p); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestDeepTunnels(t *testing.T) {
	const depth = 5
	packet := ip4(17, udp(5, 6))
	for range depth {
		packet = ip4(4, packet)
	}
	var p Packet
	p.Decode(LinkRaw, packet, 0)
	met := 0
	for p.Tunnel != TunnelNone && met < MaxTunnels {
		if !p.Inner(&p) {
			t.Fatal("no packet inside")
		}
		met++
	}
	if met != MaxTunnels || p.Tunnel != TunnelIPIP || p.NetworkOffset != MaxTunnels*ipv4Header {
		t.Errorf("after %d tunnels: %s", met, describe(&p))
	}
	if !p.Inner(&p) || p.Tunnel != TunnelNone || p.SrcPort != 5 {
		t.Errorf("the innermost: %s", describe(&p))
	}
	if p.Inner(&p) {
		t.Error("a packet inside the innermost")
	}
}
