// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"bytes"
	"testing"
)

// pflogHeader is FreeBSD's: 61 bytes and padding. OpenBSD's is longer; of the fields read here only its first byte
// differs.
var pflogHeader = join(raw("3d 02 00 00"), []byte("em0"), make([]byte, 57))

const carried4 = addr4 + "udp 5>6 "

var (
	inFrame       = ether(0x0800, ip4(17, udp(5, 6)))
	batmanHeader  = raw("40 0f 32 01 020000000009")
	batmanForward = func(frame ...[]byte) []byte { return ether(0x4305, batmanHeader, join(frame...)) }
)

var gatewaySamples = []sample{
	{name: "NFLOG", link: LinkNFLog, frame: join(raw("02 00 0005  0800 0100 08000100  2000 0900"), ip4(17, udp(5, 6))),
		want: carried4 + "@16,36,44-44 wire 28"},
	{name: "NFLOG with a sender, big-endian", link: LinkNFLog,
		frame: join(raw("0a 00 0005  0010 0008 0006 0000 020000000007 0000  0007 000a 616200 00  0034 0009"),
			ip6(17, udp(5, 6))),
		want: "mac 7>0 " + addr6 + "udp 5>6 @32,72,80-80 wire 48"},
	{name: "NFLOG of a bridge", link: LinkNFLog, frame: join(raw("07 00 0005  0800 0100 81000000  2400 0900"),
		vlan(9, 0x0800, ip4(17, udp(5, 6)))),
		want: "vlan [9] " + carried4 + "@20,40,48-48 wire 28"},
	{name: "NFLOG of a bridge's ARP", link: LinkNFLog, frame: join(raw("07 00 0005  0800 0100 08060000  2000 0900"),
		make([]byte, 28)),
		want: "@16,16,16-44 fault not-ip"},
	{name: "NFLOG without a packet", link: LinkNFLog, frame: raw("02 00 0005  0800 0100 08000100"),
		want: "@12,12,12-12 fault truncated"},
	{name: "NFLOG attribute shorter than itself", link: LinkNFLog, frame: raw("02 00 0005  0300 0100 08000100"),
		want: "@4,4,4-12 fault link-type"},
	{name: "NFLOG attribute past the end", link: LinkNFLog, frame: raw("02 00 0005  ff00 0100 08000100"),
		want: "@12,12,12-12 fault truncated"},
	{name: "NFLOG of another version", link: LinkNFLog, frame: raw("02 01 0005  0800 0100 08000100"),
		want: "@0,0,0-12 fault link-type"},
	{name: "PFLOG", link: LinkPFLog, frame: join(pflogHeader, ip4(17, udp(5, 6))), want: carried4 +
		"@64,84,92-92 wire 28"},
	{name: "PFLOG, OpenBSD's length", link: LinkPFLog, frame: join(with(pflogHeader, 0, 100), make([]byte, 36),
		ip6(17, udp(5, 6))),
		want: addr6 + "udp 5>6 @100,140,148-148 wire 48"},
	{name: "PFLOG shorter than any", link: LinkPFLog, frame: join(with(pflogHeader, 0, 44), ip4(17)),
		want: "@0,0,0-84 fault link-type"},
	{name: "PFLOG cut", link: LinkPFLog, frame: pflogHeader[:63], want: "@0,0,0-63 fault truncated"},
	{name: "ENC", link: LinkENC, frame: join(raw("02000000 00000001 00000003"), ip4(17, udp(5, 6))), want: carried4 +
		"@12,32,40-40 wire 28"},
	{name: "ENC cut", link: LinkENC, frame: raw("02000000 00000001 000000"), want: "@0,0,0-11 fault truncated"},

	{name: "Broadcom's tag", link: LinkDSATagBRCM, frame: join(inFrame[:12], raw("20000001"), inFrame[12:]),
		want: "mac 1>2 " + carried4 + "@18,38,46-46 wire 28"},
	{name: "Broadcom's tag before the frame", link: LinkDSATagBRCMPrepend, frame: join(raw("20000001"), inFrame),
		want: "mac 1>2 " + carried4 + "@18,38,46-46 wire 28"},
	{name: "Broadcom's tag alone", link: LinkDSATagBRCMPrepend, frame: raw("200000"), want: "@0,0,0-3 fault truncated"},
	{name: "Marvell's tag", link: LinkDSATagDSA, frame: join(inFrame[:12], raw("c0080001"), inFrame[12:]),
		want: "mac 1>2 " + carried4 + "@18,38,46-46 wire 28"},
	{name: "Marvell's tag in place of a VLAN tag", link: LinkDSATagDSA, frame: join(inFrame[:12], raw("e0080064"),
		inFrame[12:]),
		want: "mac 1>2 vlan [100] " + carried4 + "@18,38,46-46 wire 28"},
	{name: "Marvell's tag and as many VLAN tags as are kept", link: LinkDSATagDSA,
		frame: join(inFrame[:12], raw("e0080064"), be16(0x8100),
			vlan(1, 0x8100, vlan(2, 0x8100, vlan(3, 0x0800, ip4(17, udp(5, 6)))))),
		want: "mac 1>2 vlan [100 1 2 3] " + carried4 + "@30,50,58-58 wire 28"},
	{name: "Marvell's tag and a VLAN tag too many", link: LinkDSATagDSA,
		frame: join(inFrame[:12], raw("e0080064"), be16(0x8100), bytes.Repeat(vlan(7, 0x8100), 3),
			vlan(7, 0x0800, ip4(17))),
		want: "mac 1>2 vlan [100 7 7 7] @30,30,30-54 fault extensions"},
	{name: "Marvell's tag with an EtherType", link: LinkDSATagEDSA, frame: join(inFrame[:12], raw("dada 0000 e0080064"),
		inFrame[12:]),
		want: "mac 1>2 vlan [100] " + carried4 + "@22,42,50-50 wire 28"},
	{name: "Marvell's tag with an EtherType, cut", link: LinkDSATagEDSA,
		frame: join(inFrame[:12], raw("dada 0000 e0080064 08")), want: "@0,0,0-21 fault truncated"},

	{name: "batman-adv unicast", link: LinkEthernet, frame: batmanForward(inFrame), want: "mac 1>2 in batman-adv 0 " +
		carried4 + "@38,58,66-66 wire 28"},
	{name: "batman-adv unicast with both addresses", link: LinkEthernet,
		frame: ether(0x4305, raw("42 0f 32 01 020000000009 02000000000a 01 00"),
			ether(0x8100, vlan(3, 0x86dd, ip6(17, udp(5, 6))))),
		want: "mac 1>2 vlan [3] in batman-adv 0 " + addr6 + "udp 5>6 @50,90,98-98 wire 48"},
	{name: "batman-adv broadcast", link: LinkEthernet, frame: ether(0x4305, raw("01 0f 32 00 00000001 020000000009"),
		with(inFrame, 11, 7)),
		want: "mac 7>2 in batman-adv 0 " + carried4 + "@42,62,70-70 wire 28"},
	{name: "batman-adv multicast", link: LinkEthernet, frame: ether(0x4305, raw("05 0f 32 00 0004 01020304"), inFrame),
		want: "mac 1>2 in batman-adv 0 " + carried4 + "@38,58,66-66 wire 28"},
	{name: "batman-adv originator message", link: LinkEthernet, frame: ether(0x4305, raw("00 0f 32 00"),
		make([]byte, 20)), want: "mac 1>2 @14,14,14-38 fault not-ip"},
	{name: "batman-adv of another version", link: LinkEthernet, frame: ether(0x4305, with(batmanHeader, 1, 14),
		inFrame), want: "mac 1>2 @14,14,14-66 fault not-ip"},
	{name: "batman-adv multicast past the end", link: LinkEthernet, frame: ether(0x4305, raw("05 0f 32 00 ffff"),
		inFrame), want: "mac 1>2 @14,14,14-62 fault truncated"},
	{name: "batman-adv in itself", link: LinkEthernet, frame: batmanForward(batmanForward(inFrame)),
		want: "mac 1>2 in batman-adv 0 " + carried4 + "@62,82,90-90 wire 28"},
	{name: "batman-adv in itself without end", link: LinkEthernet, frame: join(bytes.Repeat(batmanForward(), 5),
		inFrame),
		want: "mac 1>2 in batman-adv 0 @110,110,110-162 fault extensions"},
	{name: "802.1ah", link: LinkEthernet, frame: ether(0x88a8, vlan(5, 0x88e7, raw("00000007"), with(inFrame, 11, 7))),
		want: "mac 7>2 vlan [5] in pbb 8 " + carried4 + "@36,56,64-64 wire 28"},
	{name: "802.1ah cut", link: LinkEthernet, frame: ether(0x88e7, raw("00000007"), inFrame[:13]),
		want: "mac 1>2 @14,14,14-31 fault truncated"},
}

func TestGatewayLinks(t *testing.T) { runSamples(t, gatewaySamples) }
