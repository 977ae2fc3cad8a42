// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
)

// row has frames of one kind, and the expected counts of the programs.
type row struct {
	name   string
	link   packet.LinkType
	frames [][]byte
	want   string
}

const (
	ethernet = packet.LinkEthernet
	rawLink  = packet.LinkRaw

	// The two ends of the builders' packets.
	tcp4 = "tcp 192.0.2.1 1000 198.51.100.2 443"
	udp4 = "udp 192.0.2.1 1000 198.51.100.2 53"
	tcp6 = "tcp 2001:db8::1 1000 2001:db8::2 443"
	udp6 = "udp 2001:db8::1 1000 2001:db8::2 53"

	odd = "odd 1"
)

var (
	plainTCP = ip4(6, tcp(abc))
	plainUDP = ip4(17, udp(1000, 53, abc))
)

func one(f []byte) [][]byte { return [][]byte{f} }

var rows = []row{
	{"TCP", ethernet, one(ether(0x0800, plainTCP)), tcp4 + " 1/43 0/0"},
	{"both ways", ethernet, [][]byte{ether(0x0800, plainTCP), ether(0x0800, back4(plainTCP, true))}, tcp4 +
		" 1/43 1/43"},
	{"Ethernet padding is no payload", ethernet, one(ether(0x0800, plainUDP, make([]byte, 15))), udp4 + " 1/31 0/0"},
	{"IP options", ethernet, one(ether(0x0800, ip4Options(raw("94040000 01010101"), 6, tcp(abc)))), tcp4 + " 1/51 0/0"},
	{"IP options, 40 bytes of them", ethernet,
		one(ether(0x0800, ip4Options(bytes.Repeat([]byte{1}, 40), 17, udp(1000, 53, abc)))),
		udp4 + " 1/71 0/0"},
	{"IPv6", ethernet, one(ether(0x86dd, ip6(6, tcp(abc)))), tcp6 + " 1/63 0/0"},
	{"hop by hop, routing, destination", ethernet,
		one(ether(0x86dd, ip6(0, extension(43, 0), extension(60, 2), extension(17, 1),
			udp(1000, 53, abc)))), udp6 + " 1/99 0/0"},
	{"mobility, HIP, shim6", ethernet,
		one(ether(0x86dd, ip6(135, extension(139, 0), extension(140, 0), extension(6, 0), tcp(abc)))),
		tcp6 + " 1/87 0/0"},
	{"mobility alone", ethernet, one(ether(0x86dd, ip6(135, extension(59, 0)))),
		"135 2001:db8::1 0 2001:db8::2 0 1/48 0/0"},
	{"8 extension headers", ethernet,
		one(ether(0x86dd, ip6(0, bytes.Repeat(extension(60, 0), 7), extension(6, 0), tcp(abc)))),
		tcp6 + " 1/127 0/0"},
	{"9 extension headers", ethernet,
		one(ether(0x86dd, ip6(0, bytes.Repeat(extension(60, 0), 8), extension(6, 0), tcp(abc)))),
		"60 2001:db8::1 0 2001:db8::2 0 1/135 0/0"},
	{"an extension header that goes on for 2 KiB", ethernet, one(ether(0x86dd, ip6(60, extension(6, 255), tcp(abc)))),
		tcp6 + " 1/2111 0/0"},
	{"an extension header past the end", ethernet, one(ether(0x86dd, ip6(60, extension(6, 0)[:7]))),
		"60 2001:db8::1 0 2001:db8::2 0 1/47 0/0"},
	{"no next header", ethernet, one(ether(0x86dd, ip6(59))), "59 2001:db8::1 0 2001:db8::2 0 1/40 0/0"},
	{"ESP ends the walk", ethernet, one(ether(0x86dd, ip6(0, extension(50, 0), raw("00000001 00000001")))),
		"esp 2001:db8::1 0 2001:db8::2 0 1/56 0/0"},

	{"fragments, v4", ethernet, [][]byte{
		ether(0x0800, fragment4(ip4(17, udp(1000, 53, make([]byte, 16))[:16]), 0, true)),
		ether(0x0800, fragment4(ip4(17, make([]byte, 8)), 2, true)),
		ether(0x0800, fragment4(ip4(17, abc), 3, false)),
	}, udp4 + " 3/87 0/0"},
	{"later fragments before the first, v4", ethernet, [][]byte{
		ether(0x0800, fragment4(ip4(17, abc), 3, false)),
		ether(0x0800, fragment4(ip4(17, make([]byte, 8)), 2, true)),
		ether(0x0800, fragment4(ip4(17, udp(1000, 53, make([]byte, 16))[:16]), 0, true)),
		ether(0x0800, fragment4(ip4(17, abc), 3, false)),
	}, udp4 + " 2/59 0/0"},
	{"a later fragment before the first, v6", ethernet, [][]byte{
		ether(0x86dd, ip6(44, fragment6(17, 2, false, abc))),
		ether(0x86dd, ip6(44, fragment6(17, 0, true, udp(1000, 53, make([]byte, 16))[:16]))),
	}, udp6 + " 1/64 0/0"},
	{"fragments, v6", ethernet, [][]byte{
		ether(0x86dd, ip6(44, fragment6(17, 0, true, udp(1000, 53, make([]byte, 16))[:16]))),
		ether(0x86dd, ip6(44, fragment6(17, 2, false, abc))),
	}, udp6 + " 2/115 0/0"},
	{"fragments with a header in the first", ethernet, [][]byte{
		ether(0x86dd, ip6(44, fragment6(60, 0, true, extension(6, 0), tcp(abc)[:16]))),
		ether(0x86dd, ip6(44, fragment6(60, 0, true, extension(6, 0), tcp(abc)))),
		ether(0x86dd, ip6(44, fragment6(60, 4, false, abc))),
	}, tcp6 + " 3/202 0/0"},
	{"an atomic fragment", ethernet, one(ether(0x86dd, ip6(44, fragment6(17, 0, false, udp(1000, 53, abc))))), udp6 +
		" 1/59 0/0"},

	{"802.1Q", ethernet, one(ether(0x8100, tag(0x6064, 0x0800, plainTCP))), tcp4 + " net 100 1/43 0/0"},
	{"priority tag", ethernet, one(ether(0x8100, tag(0xe000, 0x0800, plainTCP))), tcp4 + " 1/43 0/0"},
	{"QinQ", ethernet, one(ether(0x88a8, tag(100, 0x8100, tag(200, 0x86dd, ip6(6, tcp(abc)))))), tcp6 +
		" net 52804 1/63 0/0"},
	{"4 tags", ethernet, one(ether(0x9100, tag(1, 0x88a8, tag(2, 0x8100, tag(3, 0x8100, tag(4, 0x0800, plainTCP)))))),
		tcp4 + " net 15922 1/43 0/0"},
	{"5 tags", ethernet, one(ether(
		0x8100, tag(1, 0x8100, tag(2, 0x8100, tag(3, 0x8100, tag(4, 0x8100, tag(5, 0x0800, plainTCP))))))),
		"too-deep 1"},
	{"PPPoE", ethernet, one(ether(0x8864, pppoe(raw("0021"), plainTCP))), tcp4 + " 1/43 0/0"},
	{"PPPoE, compressed protocol field", ethernet, one(ether(0x8864, pppoe(raw("57"), ip6(17, udp(1000, 53, abc))))),
		udp6 + " 1/51 0/0"},
	{"PPPoE, address and control", ethernet, one(ether(0x8864, pppoe(raw("ff03 0021"), plainTCP))), tcp4 + " 1/43 0/0"},
	{"PPPoE with LCP", ethernet, one(ether(0x8864, pppoe(raw("c021 0901000800000000")))), "not-ip 1"},
	{"PPPoE with MPLS", ethernet, one(ether(0x8864, pppoe(raw("0281"), labels(1, plainTCP)))), tcp4 + " 1/43 0/0"},
	{"PPPoE discovery", ethernet, one(ether(0x8863, raw("1109000000000000"))), "not-ip 1"},
	{"QinQ, PPPoE", ethernet, one(ether(0x88a8, tag(7, 0x8100, tag(0, 0x8864, pppoe(raw("0021"), plainTCP))))), tcp4 +
		" net 7 1/43 0/0"},
	{"MPLS, 1 label", ethernet, one(ether(0x8847, labels(1, plainTCP))), tcp4 + " 1/43 0/0"},
	{"MPLS, 8 labels", ethernet, one(ether(0x8848, labels(8, ip6(6, tcp(abc))))), tcp6 + " 1/63 0/0"},
	{"MPLS, 9 labels", ethernet, one(ether(0x8847, labels(9, plainTCP))), "too-deep 1"},
	{"everything at once", ethernet, one(ether(0x88a8, tag(1, 0x8100, tag(1, 0x8100, tag(1, 0x8100, tag(1, 0x8864,
		pppoe(raw("0281"), labels(8, plainTCP)))))))), tcp4 + " net 4592 1/43 0/0"},
	{"pseudowire", ethernet, one(ether(0x8847, labels(1, raw("00000000"), ether(0x0800, plainTCP)))), odd},
	{"LLC with SNAP", ethernet, one(ether(8+len(plainTCP), raw("aaaa03 000000 0800"), plainTCP)), odd},
	{"spanning tree", ethernet, one(ether(38, raw("424203"), make([]byte, 35))), odd},
	{"batman-adv", ethernet, one(ether(0x4305, raw("400f 3201 020000000001"), ether(0x0800, plainTCP))), odd},
	{"802.1ah in a tag", ethernet, one(ether(0x88a8, tag(5, 0x88e7, raw("00000007"), ether(0x0800, plainTCP)))), odd},
	{"ARP", ethernet, one(ether(0x0806, make([]byte, 28))), "not-ip 1"},

	{"IP length shorter than the frame", ethernet, one(ether(0x0800, with(plainTCP, 2, 0, 41), make([]byte, 20))),
		tcp4 + " 1/41 0/0"},
	{"IP length longer than the frame", ethernet, one(ether(0x0800, with(plainTCP, 2, 0x10, 0))), tcp4 + " 1/43 0/0"},
	{"IP length shorter than its header", ethernet, one(ether(0x0800, with(plainTCP, 2, 0, 19))), "bad-header 1"},
	{"IP header length 16", ethernet, one(ether(0x0800, with(plainTCP, 0, 0x44))), "bad-header 1"},
	{"IP version 5", ethernet, one(ether(0x0800, with(plainTCP, 0, 0x55))), "bad-header 1"},
	{"IP length 0", ethernet, one(ether(0x0800, with(plainTCP, 2, 0, 0))), tcp4 + " 1/43 0/0"},
	{"IPv6 length 0", ethernet, one(ether(0x86dd, with(ip6(6, tcp(abc)), 4, 0, 0))), tcp6 + " 1/63 0/0"},
	{"IPv6 length longer than the frame", ethernet, one(ether(0x86dd, with(ip6(6, tcp(abc)), 4, 0xff, 0xff))), tcp6 +
		" 1/63 0/0"},
	{"TCP offset 4", ethernet, one(ether(0x0800, with(plainTCP, 32, 0x40))), tcp4 + " 1/43 0/0"},
	{"TCP offset past the end", ethernet, one(ether(0x0800, with(plainTCP, 32, 0xf0))), tcp4 + " 1/43 0/0"},
	{"TCP SYN with a wrong offset is no SYN", ethernet,
		one(ether(0x0800, with(ip4(6, tcpOf(1000, 443, 7, 2)), 32, 0xf0))), tcp4 + " 1/40 0/0"},
	{"TCP header cut", ethernet, one(ether(0x0800, ip4(6, tcp()[:5]))), tcp4 + " 1/25 0/0"},
	{"TCP ports cut", ethernet, one(ether(0x0800, ip4(6, tcp()[:3]))), "tcp 192.0.2.1 0 198.51.100.2 0 1/23 0/0"},
	{"UDP length too small", ethernet, one(ether(0x0800, ip4(17, with(udp(1000, 53, abc), 4, 0, 7)))), udp4 +
		" 1/31 0/0"},
	{"UDP length too great", ethernet, one(ether(0x0800, ip4(17, with(udp(1000, 53, abc), 4, 1, 0)))), udp4 +
		" 1/31 0/0"},
	{"UDP length 0", ethernet, one(ether(0x0800, ip4(17, with(udp(1000, 53, abc), 4, 0, 0)))), udp4 + " 1/31 0/0"},

	{"ping", ethernet, [][]byte{ether(0x0800, ip4(1, raw("0800 0000 0001 0001"))),
		ether(0x0800, back4(ip4(1, raw("0000 0000 0001 0001")), false))},
		"icmp 192.0.2.1 1 198.51.100.2 2048 type 8/0 1/28 1/28"},
	{"two pings", ethernet, [][]byte{
		ether(0x0800, ip4(1, raw("0800 0000 0001 0001"))), ether(0x0800, ip4(1, raw("0800 0000 0002 0001"))),
		ether(0x0800, back4(ip4(1, raw("0000 0000 0002 0001")), false)),
	}, "icmp 192.0.2.1 1 198.51.100.2 2048 type 8/0 1/28 0/0; icmp 192.0.2.1 2 198.51.100.2 2048 type 8/0 1/28 1/28"},
	{"each pings the other", ethernet, [][]byte{ether(0x0800, ip4(1, raw("0800 0000 0001 0001"))),
		ether(0x0800, back4(ip4(1, raw("0800 0000 0001 0001")), false))},
		"icmp 192.0.2.1 1 198.51.100.2 2048 type 8/0 1/28 0/0; icmp 192.0.2.1 2048 198.51.100.2 1 type 8/0 0/0 1/28"},
	{"timestamp", ethernet, [][]byte{ether(0x0800, ip4(1, raw("0d00 0000 0001 0001"), make([]byte, 12))),
		ether(0x0800, back4(ip4(1, raw("0e00 0000 0001 0001"), make([]byte, 12)), false))},
		"icmp 192.0.2.1 1 198.51.100.2 3328 type 13/0 1/40 1/40"},
	{"ping, IPv6, an identifier of 0", ethernet, one(ether(0x86dd, ip6(58, raw("8000 0000 0000 0001")))),
		"icmpv6 2001:db8::1 0 2001:db8::2 32768 type 128/0 1/48 0/0"},
	{"a long ping in fragments", ethernet, [][]byte{
		ether(0x0800, fragment4(ip4(1, raw("0800 0000 0001 0001")), 0, true)),
		ether(0x0800, fragment4(ip4(1, abc), 1, false)),
	}, "icmp 192.0.2.1 1 198.51.100.2 2048 type 8/0 2/51 0/0"},
	{"a ping's identifier cut", ethernet, one(ether(0x0800, ip4(1, raw("0800 0000 0001")))),
		"icmp 192.0.2.1 0 198.51.100.2 0 type 8/0 1/26 0/0"},
	{"unreachable", ethernet, one(ether(0x0800, ip4(1, raw("0303 0000 00000000")))),
		"icmp 192.0.2.1 0 198.51.100.2 0 type 3/3 1/28 0/0"},
	{"ICMPv6", ethernet, one(ether(0x86dd, ip6(0, extension(58, 0), raw("8f00 0000 0000 0000")))),
		"icmpv6 2001:db8::1 0 2001:db8::2 0 type 143/0 1/56 0/0"},
	{"IGMP has no code", ethernet, one(ether(0x0800, ip4(2, raw("1664 0000 e0000001")))),
		"igmp 192.0.2.1 0 198.51.100.2 0 type 22/0 1/28 0/0"},
	{"ICMP cut", ethernet, one(ether(0x0800, ip4(1, raw("080000")))), "icmp 192.0.2.1 0 198.51.100.2 0 1/23 0/0"},
	{"SCTP", ethernet, one(ether(0x0800, ip4(132, raw("1389 138a 00000001 00000000"), abc))),
		"sctp 192.0.2.1 5001 198.51.100.2 5002 1/35 0/0"},
	{"SCTP cut", ethernet, one(ether(0x0800, ip4(132, raw("1389 138a 00000001")))),
		"sctp 192.0.2.1 5001 198.51.100.2 5002 1/28 0/0"},
	{"UDP-Lite", ethernet, one(ether(0x0800, ip4(136, raw("03e8 0035 0008 0000"), abc))),
		"136 192.0.2.1 1000 198.51.100.2 53 1/31 0/0"},
	{"GRE", ethernet, one(ether(0x0800, ip4(47, raw("0000 0800"), plainTCP))),
		"gre 192.0.2.1 0 198.51.100.2 0 1/67 0/0"},
	{"EtherIP", ethernet, one(ether(0x0800, ip4(97, raw("3000"), ether(0x0800, plainTCP)))),
		"97 192.0.2.1 0 198.51.100.2 0 1/79 0/0"},
	{"ESP", ethernet, one(ether(0x0800, ip4(50, raw("00000001 00000001")))), "esp 192.0.2.1 0 198.51.100.2 0 1/28 0/0"},
	{"equal addresses, ports order", ethernet,
		one(ether(0x0800, with(back4(plainTCP, true), 12, 198, 51, 100, 2, 198, 51, 100, 2))),
		"tcp 198.51.100.2 443 198.51.100.2 1000 1/43 0/0"},

	{"raw, IPv4", rawLink, one(plainTCP), tcp4 + " 1/43 0/0"},
	{"raw, IPv4 with options", rawLink, one(ip4Options(raw("94040000"), 6, tcp(abc))), tcp4 + " 1/47 0/0"},
	{"raw, IPv6", rawLink, one(ip6(17, udp(1000, 53, abc))), udp6 + " 1/51 0/0"},
	{"raw, IPv6 with extension", rawLink, one(ip6(60, extension(6, 0), tcp(abc))), tcp6 + " 1/71 0/0"},
	{"raw, neither", rawLink, one(with(plainTCP, 0, 0x75)), "bad-header 1"},
	{"raw, cut", rawLink, one(plainTCP[:19]), "truncated 1"},
}

// early has the rows whose first frame the agent counts.
var early = map[string]bool{
	"later fragments before the first, v4": true, "a later fragment before the first, v6": true,
}

// program is a program for frames of a link type, and its test run.
type program struct {
	name    string
	program *ebpf.Program
	prefix  int // bytes that the test run takes off: it gives a socket filter the frame from the network layer on
}

func (g *rig) programs(link packet.LinkType) []program {
	o := &g.objects
	if link == rawLink {
		return []program{{"ingress", o.WeirIngressRaw, 0}, {"egress", o.WeirEgressRaw, 0},
			{"shunt", o.WeirShuntRaw, 14}}
	}
	all := []program{{"ingress", o.WeirIngress, 0}, {"egress", o.WeirEgress, 0}, {"xdp", o.WeirXdp, 0},
		{"shunt", o.WeirShunt, 14}}
	return slices.DeleteFunc(all, func(p program) bool { return p.program == nil }) // XDP before Linux 5.18
}

// look runs p on a frame; a socket filter returns the number of bytes to copy. look returns false if a test run rejects
// the frame: newer kernels require the whole IP header in the skb of a TC program. The socket filter and the veth test
// these runts.
func (g *rig) look(p *program, frame []byte) bool {
	g.t.Helper()
	if p.prefix == 0 {
		if p.isShort(frame) {
			return false
		}
		g.run(p.program, frame)
		return true
	}
	answer, err := p.program.Run(&ebpf.RunOptions{Data: join(make([]byte, p.prefix), frame)})
	if err != nil || answer != 0 && int(answer) != SnapLength {
		g.t.Fatalf("the shunt answered %d, %v to %x", answer, err, frame)
	}
	return true
}

// isShort reports whether a test run rejects the frame.
func (p *program) isShort(frame []byte) bool {
	etherType := binary.BigEndian.Uint16(frame[12:])
	return p.name != "xdp" && (etherType == 0x0800 && len(frame) < 34 || etherType == 0x86dd && len(frame) < 54)
}

func TestPackets(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	for _, r := range rows {
		for _, p := range g.programs(r.link) {
			t.Run(r.name+"/"+p.name, func(t *testing.T) {
				before, m, want := g.causes(), newModel(&p), r.want
				if p.prefix != 0 && want == odd { // a socket filter cannot mark a frame for the agent to count
					want = "uncounted 1; " + odd
				}
				for _, f := range r.frames {
					g.look(&p, f)
					m.see(r.link, f)
				}
				if got := g.describe(before); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
				if difference := m.compare(g, before); difference != "" {
					t.Errorf("the Go twin differs: %s", difference)
				}
				checkRecords(t, g, &p, &r)
				g.reset()
			})
		}
	}
}

// TestEarlyFragments: the agent counts later fragments that arrive before the first one of their datagram, and gets the
// first one even after the end of the flow's budget. A flood of them takes only a part of the ring; the programs count
// the rest without ports.
func TestEarlyFragments(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64, RingBytes: 64 << 10}, PacketsOther: 1})
	before, ingress := g.causes(), g.objects.WeirIngress
	for range 3 {
		g.run(ingress, ether(0x0800, plainUDP))
	}
	later := ether(0x0800, fragment4(ip4(17, abc), 3, false))
	first := ether(0x0800, fragment4(ip4(17, udp(1000, 53, make([]byte, 16))), 0, true))
	for _, f := range [][]byte{later, first, later, first} {
		g.run(ingress, f)
	}
	var shown []string
	for _, r := range g.records() {
		shown = append(shown, fmt.Sprintf("%d %v", r.Length, r.Slot == ^uint32(0)))
	}
	if want := []string{"45 false", "37 true", "58 false"}; !slices.Equal(shown, want) {
		t.Errorf("records %q, want %q", shown, want)
	}
	if got, want := g.describe(before), udp4+" 6/204 0/0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	g.reset()
	const n = 1000
	for i := range n {
		g.run(ingress, with(later, 18, be16(i)...))
	}
	handed := 0
	for _, r := range g.records() {
		if r.Slot == ^uint32(0) {
			handed++
		}
	}
	if room := g.config.WakeupBytes / 256; handed != room {
		t.Errorf("%d records of %d fragments, there is room for %d", handed, n, room)
	}
	want := fmt.Sprintf("udp 192.0.2.1 0 198.51.100.2 0 %d/%d 0/0", n-handed, 23*(n-handed))
	if got := g.describe(before); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestFragmentsBySocketFilter: the only later fragments that the filter passes are those that arrive before the first
// one of their datagram, so that the agent knows to count them.
func TestFragmentsBySocketFilter(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 1}, PacketsOther: 1})
	first, later := fragment4(ip4(17, udp(1000, 53, make([]byte, 16))), 0, true), fragment4(ip4(17, abc), 3, false)
	other := with(with(later, 4, 9, 9), 12, 7) // of another datagram between other addresses
	otherFirst := with(with(first, 4, 9, 9), 12, 7)
	before := g.causes()
	for i, c := range []struct {
		frame   []byte
		isShown bool
	}{
		{later, true}, {first, true}, {first, true}, {first, false}, {later, false},
		{other, true}, {otherFirst, true}, {other, false},
	} {
		answer, err := g.objects.WeirShunt.Run(&ebpf.RunOptions{Data: join(make([]byte, 14), ether(0x0800, c.frame))})
		if err != nil || (answer != 0) != c.isShown {
			t.Errorf("frame %d: the filter answered %d, %v; want %v", i, answer, err, c.isShown)
		}
	}
	want := udp4 + " 4/155 0/0; map-full 2; uncounted 2"
	if got := g.describe(before); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestIgnoreVLAN: with IgnoreVLAN the key has no tags.
func TestIgnoreVLAN(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, IgnoreVLAN: true})
	for _, p := range g.programs(ethernet) {
		before := g.causes()
		for _, f := range [][]byte{
			ether(0x8100, tag(10, 0x0800, plainTCP)), ether(0x8100, tag(20, 0x0800, back4(plainTCP, true))),
			ether(0x0800, plainTCP),
			ether(0x88a8, tag(1, 0x8100, tag(2, 0x0800, plainTCP))),
		} {
			g.look(&p, f)
		}
		if got, want := g.describe(before), tcp4+" 3/129 1/43"; got != want {
			t.Errorf("%s: got %s, want %s", p.name, got, want)
		}
		g.reset()
	}
}

// checkRecords wants a record of each row's first frame, and the whole frame if it has no slot because the agent counts
// it.
func checkRecords(t *testing.T, g *rig, p *program, r *row) {
	t.Helper()
	records := g.records()
	if p.prefix != 0 {
		if len(records) != 0 {
			t.Errorf("the shunt sent %d records", len(records))
		}
		return
	}
	slots := g.slots()
	if len(slots) == 0 && r.want != odd {
		if len(records) != 0 {
			t.Errorf("%d records", len(records))
		}
		return
	}
	if len(records) == 0 {
		t.Fatal("no record")
	}
	first := &records[0]
	if want := r.frames[0][:min(len(r.frames[0]), SnapLength)]; !bytes.Equal(first.frame, want) {
		t.Errorf("the record has %x, want %x", first.frame, want)
	}
	if int(first.Length) != len(r.frames[0]) || packet.LinkType(first.Link) != r.link || first.Segments != 1 {
		t.Errorf("the record says length %d, link %d, segments %d", first.Length, first.Link, first.Segments)
	}
	if r.want == odd || early[r.name] {
		if first.Slot != ^uint32(0) {
			t.Errorf("the record says slot %d", first.Slot)
		}
	} else if int(first.Slot) >= len(g.view.slots) || first.Born != g.view.slots[first.Slot].Born || first.Born == 0 {
		t.Errorf("the record says slot %d, born %d", first.Slot, first.Born)
	}
}

// reset empties flows, fragments and rings.
func (g *rig) reset() {
	g.t.Helper()
	g.free()
	g.records()
	var keys []bpf.WeirFragmentKey
	var k bpf.WeirFragmentKey
	var v bpf.WeirFragmentPorts
	for entries := g.objects.Fragments.Iterate(); entries.Next(&k, &v); {
		keys = append(keys, k)
	}
	for _, k := range keys {
		if err := g.objects.Fragments.Delete(k); err != nil {
			g.t.Fatal(err)
		}
	}
}

// model counts with the Go packages: the expected counts of a program.
type model struct {
	program   *program
	fragments *packet.Fragments
	flows     map[flow.Key]*[2]bpf.WeirDirection
	early     uint64 // later fragments before their first one: they are the agent's
	causes    [bpf.WeirCauseNUM_CAUSES]uint64
	traffic   packet.Traffic
}

func newModel(p *program) *model {
	return &model{program: p, fragments: packet.NewFragments(4096), flows: map[flow.Key]*[2]bpf.WeirDirection{}}
}

func (m *model) see(link packet.LinkType, frame []byte) {
	if link == ethernet && isOdd(frame) {
		m.traffic.Count(&packet.Packet{}, len(frame))
		m.causes[bpf.WeirCauseCAUSE_ODD]++
		if m.program.prefix != 0 {
			m.causes[bpf.WeirCauseCAUSE_UNCOUNTED]++
		}
		return
	}
	var p packet.Packet
	p.Decode(link, frame, len(frame))
	m.traffic.Count(&p, len(frame))
	if p.IPVersion == 0 {
		m.causes[map[packet.Fault]bpf.WeirCause{
			packet.FaultNotIP: bpf.WeirCauseCAUSE_NOT_IP, packet.FaultTruncated: bpf.WeirCauseCAUSE_TRUNCATED,
			packet.FaultIPHeader: bpf.WeirCauseCAUSE_BAD_HEADER, packet.FaultExtensions: bpf.WeirCauseCAUSE_TOO_DEEP,
		}[p.Fault]]++
		return
	}
	if !m.fragments.Resolve(&p, 0) {
		m.early++
		return
	}
	k, lower := flow.NewKey(&p, 0)
	f := m.flows[k]
	if f == nil {
		f = new([2]bpf.WeirDirection)
		m.flows[k] = f
	}
	d := &f[1]
	if lower {
		d = &f[0]
	}
	d.Packets++
	d.Bytes += uint64(p.WireBytes)
}

// isOdd reports whether the agent has to count a frame: after its tags and labels it has LLC, or labels without IP.
func isOdd(d []byte) bool {
	etherType, off := int(binary.BigEndian.Uint16(d[12:])), 14
	for tags, stack := 0, 0; tags <= packet.MaxVLANs && stack <= packet.MaxMPLSLabels; {
		rest := d[off:]
		switch {
		case etherType < 0x600, etherType == 0x4305, etherType == 0x88e7:
			return true
		case slices.Contains([]int{0x8100, 0x88a8, 0x9100}, etherType) && len(rest) >= 4:
			etherType, off = int(binary.BigEndian.Uint16(rest[2:])), off+4
			tags++
		case etherType == 0x8864 && len(rest) >= 6 && rest[0] == 0x11 && rest[1] == 0:
			n := 6
			if len(rest) >= 8 && rest[6] == 0xff && rest[7] == 3 {
				n += 2
			}
			if len(rest) < n+2 || binary.BigEndian.Uint16(rest[n:])&^2 != 0x0281 {
				return false
			}
			etherType, off = 0x8847, off+n+2
		case (etherType == 0x8847 || etherType == 0x8848) && len(rest) >= 5:
			off += 4
			if stack++; rest[2]&1 != 0 {
				return stack <= packet.MaxMPLSLabels && rest[4]>>4 != 4 && rest[4]>>4 != 6
			}
		default:
			return false
		}
	}
	return false
}

// compare describes the difference between the programs' counters and the model's; "" means none.
func (m *model) compare(g *rig, before [bpf.WeirCauseNUM_CAUSES]uint64) string {
	got := map[flow.Key]*[2]bpf.WeirDirection{}
	for _, s := range g.slots() { // a key may have several lives: SYN after SYN
		k := s.key()
		f := got[k]
		if f == nil {
			f = new([2]bpf.WeirDirection)
			got[k] = f
		}
		for i, d := range []*bpf.WeirDirection{&s.Lower, &s.Upper} {
			f[i].Packets += d.Packets
			f[i].Bytes += d.Bytes
		}
	}
	for k, want := range m.flows {
		if f := got[k]; f == nil {
			return fmt.Sprintf("no flow %x", k)
		} else if *f != *want {
			return fmt.Sprintf("flow %x: got %v, want %v", k, *f, *want)
		}
	}
	for k := range got {
		if m.flows[k] == nil {
			return fmt.Sprintf("flow %x", k)
		}
	}
	after := g.causes()
	for c := bpf.WeirCauseCAUSE_MAP_FULL; c < bpf.WeirCauseNUM_CAUSES; c++ {
		if n := after[c] - before[c]; n != m.causes[c] {
			return fmt.Sprintf("%s: got %d, want %d", causeNames[c], n, m.causes[c])
		}
	}
	return ""
}

// minRun is the shortest frame that a test run accepts.
const minRun = 14

// TestRunts cuts every row's frames at every byte.
func TestRunts(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 256}})
	for _, r := range rows {
		for _, p := range g.programs(r.link) {
			before, m := g.causes(), newModel(&p)
			last := r.frames[len(r.frames)-1]
			for n := minRun; n <= min(len(last), 200); n++ {
				if g.look(&p, last[:n]) {
					m.see(r.link, last[:n])
				}
			}
			if difference := m.compare(g, before); difference != "" {
				t.Errorf("%s, %s: %s", r.name, p.name, difference)
			}
			g.reset()
		}
	}
}

// TestRandomPackets is check A8: the programs and the Go twin agree on random and mutated frames. WEIR_BPF_FRAMES is
// their number.
func TestRandomPackets(t *testing.T) {
	total := 100_000
	if s := os.Getenv("WEIR_BPF_FRAMES"); s != "" {
		var err error
		if total, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	const batch = 1000
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 2 * batch, RingBytes: 4 << 20, WakeupBytes: 4 << 20}})
	random := rand.New(rand.NewPCG(8, 8))
	begin, flows := time.Now(), 0
	for n := 0; n < total; n += batch {
		link := ethernet
		if random.IntN(8) == 0 {
			link = rawLink
		}
		programs := g.programs(link)
		p := programs[random.IntN(len(programs))]
		frames := make([][]byte, batch)
		for i := range frames {
			frames[i] = randomFrame(random, link)
		}
		before, m := g.causes(), newModel(&p)
		for _, f := range frames {
			if g.look(&p, f) {
				m.see(link, f)
			}
		}
		if difference := m.compare(g, before); difference != "" {
			g.reset()
			t.Fatalf("batch at %d, %s, link %d: %s\n%s", n, p.name, link, difference, g.culprit(&p, link, frames))
		}
		if p.prefix == 0 {
			checkOrder(t, g.records(), frames, m.causes[bpf.WeirCauseCAUSE_ODD]+m.early)
		}
		flows += len(m.flows)
		g.reset()
	}
	if flows < total/100 {
		t.Errorf("only %d flows in %d frames: too few for this test", flows, total)
	}
	if n := g.flowEntries(); n != 0 {
		t.Errorf("%d keys are left in the flow map", n)
	}
	t.Logf("%d frames, %d flows, %v a frame", total, flows, time.Since(begin)/time.Duration(total))
}

// checkOrder wants records of sent frames only, in their order, and one for each odd frame.
func checkOrder(t *testing.T, records []record, frames [][]byte, odd uint64) {
	t.Helper()
	i := 0
	for _, r := range records {
		if r.Slot == ^uint32(0) {
			odd--
		}
		for i < len(frames) && (len(frames[i]) != int(r.Length) || !bytes.HasPrefix(frames[i], r.frame)) {
			i++
		}
		if i == len(frames) {
			t.Fatalf("a record of an unsent frame: %x", r.frame)
		}
		i++
	}
	if odd != 0 {
		t.Fatalf("%d odd frames without a record", odd)
	}
}

// culprit finds the first frame of a batch after which the counters differ.
func (g *rig) culprit(p *program, link packet.LinkType, frames [][]byte) string {
	before, m := g.causes(), newModel(p)
	for i, f := range frames {
		if g.look(p, f) {
			m.see(link, f)
		}
		if difference := m.compare(g, before); difference != "" {
			return fmt.Sprintf("frame %d: %x\n%s", i, f, difference)
		}
	}
	return "not found when sent again"
}

// randomFrame returns a row's frame with some bytes changed, or random layers.
func randomFrame(random *rand.Rand, link packet.LinkType) []byte {
	interesting := []byte{0, 1, 4, 6, 8, 17, 41, 43, 44, 47, 58, 60, 132, 135, 136, 0x45, 0x60, 0x81, 0x86, 0x88, 0xff}
	var frame []byte
	for {
		r := &rows[random.IntN(len(rows))]
		if r.link == link {
			frame = slices.Clone(r.frames[random.IntN(len(r.frames))])
			break
		}
	}
	switch random.IntN(8) {
	case 0:
		frame = randomLayers(random)
		if link == rawLink {
			frame = frame[14:]
		}
	case 1:
		for i := range frame {
			if i < 12 || i > 13 {
				frame[i] = byte(random.Uint32())
			}
		}
	}
	for range random.IntN(5) {
		// Nearly all relevant bytes are among the first hundred.
		if i := random.IntN(min(len(frame), 100)); random.IntN(2) == 0 {
			frame[i] = interesting[random.IntN(len(interesting))]
		} else {
			frame[i] = byte(random.Uint32())
		}
	}
	switch {
	case random.IntN(4) == 0:
		frame = frame[:minRun+random.IntN(max(1, len(frame)-minRun+1))]
	case random.IntN(4) == 0:
		frame = append(frame, make([]byte, random.IntN(64))...)
	}
	for len(frame) < minRun {
		frame = append(frame, 0)
	}
	return frame
}

// randomLayers returns random link, tags and labels, network, extension headers, transport.
func randomLayers(random *rand.Rand) []byte {
	pick := func(of ...int) int { return of[random.IntN(len(of))] }
	proto := pick(1, 2, 4, 6, 17, 41, 47, 50, 58, 97, 115, 59, 132, 136, 0, 43, 44, 60, 135, 139, 140)
	payload := make([]byte, random.IntN(80))
	for i := range payload {
		payload[i] = byte(random.Uint32())
	}
	switch proto {
	case 6:
		payload = join(tcpOf(random.IntN(4), 443, uint32(random.IntN(3)), byte(random.Uint32())), payload)
	case 17:
		payload = udp(random.IntN(4), pick(53, 1701, 2152, 4754, 4789, 4790, 6081), payload)
	}
	var packet []byte
	etherType := 0x0800
	if random.IntN(2) == 0 {
		packet = ip4Options(make([]byte, 4*random.IntN(11)), proto, payload)
		if random.IntN(3) == 0 {
			packet = fragment4(packet, pick(0, 0, 1, 5), random.IntN(2) == 0)
		}
	} else {
		etherType = 0x86dd
		next := proto
		for range pick(0, 0, 1, 2, 3, 7, 8, 9) {
			if kind := pick(0, 43, 60, 44, 135, 139, 140); kind == 44 {
				payload, next = fragment6(next, pick(0, 0, 2), random.IntN(2) == 0, payload), kind
			} else {
				payload, next = join(extension(next, pick(0, 0, 1, 4)), payload), kind
			}
		}
		packet = ip6(next, payload)
	}
	for range pick(0, 0, 0, 1, 2, 4, 5) {
		switch pick(0, 0, 0, 1, 2) {
		case 0:
			packet, etherType = tag(pick(0, 1, 4095, 0xe001), etherType, packet), pick(0x8100, 0x88a8, 0x9100)
		case 1:
			packet, etherType = labels(pick(1, 2, 8, 9), packet), pick(0x8847, 0x8848)
		case 2:
			packet, etherType = pppoe(be16(pick(0x21, 0x57, 0x281, 0x283, 0xc021)), packet), 0x8864
		}
	}
	return ether(etherType, packet)
}

// TestSegments: super-packets of GRO and GSO count as their packets on the wire.
func TestSegments(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	big := ether(0x0800, ip4(6, tcp(make([]byte, 2500))))
	tagged := ether(0x8100, tag(5, 0x86dd, ip6(6, tcp(make([]byte, 2500)))))
	for _, r := range []struct {
		name                 string
		frame                []byte
		segments, size       uint32
		want                 string
		segmentsOfTheRecords uint16
	}{
		{"3 segments", big, 3, 1000, tcp4 + " 3/2620 0/0", 3},
		{"from a guest, which does not say how many", big, 0, 1000, tcp4 + " 3/2620 0/0", 3},
		{"no super-packet", big, 0, 0, tcp4 + " 1/2540 0/0", 1},
		{"exactly two", big, 0, 1250, tcp4 + " 2/2580 0/0", 2},
		{"tagged", tagged, 3, 1000, tcp6 + " net 5 3/2680 0/0", 3},
		{"UDP", ether(0x0800, ip4(17, udp(1000, 53, make([]byte, 2500)))), 3, 1000, udp4 + " 3/2584 0/0", 3},
	} {
		for _, p := range g.programs(ethernet)[:2] {
			before := g.causes()
			g.runWith(p.program, &ebpf.RunOptions{Data: r.frame, Context: skbContext(0, 1, r.segments, r.size)})
			if got := g.describe(before); got != r.want {
				t.Errorf("%s: got %s, want %s", r.name, got, r.want)
			}
			if records := g.records(); len(records) != 1 || records[0].Segments != r.segmentsOfTheRecords {
				t.Errorf("%s: records %v", r.name, records)
			}
			g.reset()
		}
	}
}

// TestTunnelsAreShownWithoutEnd sends many packets of possible tunnels: the agent gets all, to count the inner packets.
func TestTunnelsAreShownWithoutEnd(t *testing.T) {
	const n = 50
	tunnels := map[string][]byte{
		"GRE": ip4(47, raw("0000 0800"), plainTCP), "IPIP": ip4(4, plainTCP), "6in4": ip4(41, ip6(6, tcp(abc))),
	}
	for _, port := range []int{1701, 2152, 3544, 4789, 5247, 6081, 8472, 37008} {
		tunnels[fmt.Sprintf("UDP %d", port)] = ip4(17, udp(1000, port, abc))
		tunnels[fmt.Sprintf("UDP from %d", port)] = ip4(17, udp(port, 1000, abc))
	}
	for _, keep := range []bool{false, true} {
		g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, KeepTunnels: keep})
		want := n
		if keep {
			want = g.config.PacketsOther
		}
		for _, name := range slices.Sorted(maps.Keys(tunnels)) {
			for range n {
				g.run(g.objects.WeirIngress, ether(0x0800, tunnels[name]))
			}
			if got := len(g.records()); got != want {
				t.Errorf("%s, closed %v: %d of %d packets shown, want %d", name, keep, got, n, want)
			}
			g.reset()
		}
	}
}

// TestBrokenPacketsAreNotShown: no dissector reads what follows a broken header. At a tunnel's port, whose budget has
// no end, a sender of such packets could otherwise fill the ring.
func TestBrokenPacketsAreNotShown(t *testing.T) {
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	g.run(g.objects.WeirIngress, ether(0x0800, ip4(17, udp(1000, 4789, abc))))
	broken := udp(1000, 4789, abc)
	broken[4] = 0x7f // it says that it is longer than the packet
	for range 50 {
		g.run(g.objects.WeirIngress, ether(0x0800, ip4(17, broken)))
	}
	if n := len(g.records()); n != 1 {
		t.Errorf("%d records, want one of the first packet", n)
	}
	if s := g.slots(); len(s) != 1 || s[0].Lower.Packets+s[0].Upper.Packets != 51 {
		t.Errorf("not all counted: %v", s)
	}
}
