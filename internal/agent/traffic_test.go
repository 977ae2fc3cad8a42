// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// mixed returns frames of each kind that an interface's traffic tells apart.
func mixed() (frames [][]byte) {
	macs := []byte{0, 0, 0x5e, 0, 0x53, 2, 0, 0, 0x5e, 0, 0x53, 1}
	frame := func(etherType uint16, parts ...[]byte) []byte {
		return slices.Concat(append([][]byte{macs, binary.BigEndian.AppendUint16(nil, etherType)}, parts...)...)
	}
	ip4 := func(proto byte, fragment uint16, payload []byte) []byte {
		b := make([]byte, 20, 20+len(payload))
		b[0], b[8], b[9] = 0x45, 64, proto
		binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
		binary.BigEndian.PutUint16(b[6:], fragment)
		copy(b[12:], []byte{192, 0, 2, 1, 198, 51, 100, 1})
		return append(b, payload...)
	}
	ip6 := func(next byte, payload []byte) []byte {
		b := make([]byte, 40, 40+len(payload))
		b[0], b[6], b[7], b[8], b[23], b[24], b[39] = 0x60, next, 64, 0x20, 1, 0x20, 2
		binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
		return append(b, payload...)
	}
	udp := func(n int) []byte {
		b := make([]byte, 8+n)
		b[1], b[3] = 7, 9
		binary.BigEndian.PutUint16(b[4:], uint16(8+n))
		return b
	}
	tcp := make([]byte, 20)
	tcp[1], tcp[3], tcp[12], tcp[13] = 7, 9, 5<<4, 0x10
	echo := []byte{8, 0, 0, 0, 0, 1, 0, 1}
	return [][]byte{
		frame(unix.ETH_P_IP, ip4(unix.IPPROTO_UDP, 0, udp(100))),
		frame(unix.ETH_P_IP, ip4(unix.IPPROTO_UDP, 0, udp(8000))),
		frame(unix.ETH_P_8021Q, []byte{0, 5, 8, 0}, ip4(unix.IPPROTO_UDP, 0, udp(8020))), // the longest
		frame(unix.ETH_P_8021Q, []byte{0, 5, 8, 0}, ip4(unix.IPPROTO_UDP, 0, udp(30))),
		frame(unix.ETH_P_IP, ip4(unix.IPPROTO_TCP, 0, tcp)),
		frame(unix.ETH_P_IP, ip4(unix.IPPROTO_ICMP, 0, echo)),
		frame(unix.ETH_P_IP, ip4(unix.IPPROTO_SCTP, 0, make([]byte, 12))),
		frame(unix.ETH_P_IP, ip4(unix.IPPROTO_UDP, 0x2000, udp(40))), // more fragments follow
		frame(unix.ETH_P_IP, ip4(unix.IPPROTO_UDP, 6, make([]byte, 30))),
		frame(unix.ETH_P_IPV6, ip6(unix.IPPROTO_UDP, udp(60))),
		frame(unix.ETH_P_IPV6, ip6(unix.IPPROTO_TCP, tcp)),
		frame(unix.ETH_P_IPV6, ip6(unix.IPPROTO_ICMPV6, []byte{128, 0, 0, 0, 0, 1, 0, 1})),
		frame(unix.ETH_P_IPV6, ip6(unix.IPPROTO_SCTP, make([]byte, 12))),
		frame(unix.ETH_P_ARP, make([]byte, 28)),
		frame(unix.ETH_P_LLDP, make([]byte, 50)),
	}
}

// trafficOf counts frames as their sender knows them.
func trafficOf(frames [][]byte, times uint64) (t packet.Traffic) {
	for _, f := range frames {
		var p packet.Packet
		p.Decode(packet.LinkEthernet, f, len(f))
		for range times {
			t.Count(&p, len(f))
		}
	}
	return t
}

// interfaceTraffic adds up what the reports say of an interface; nil where no report says anything.
func interfaceTraffic(t *testing.T, reports, name string) (received, sent *packet.Traffic, networks []string) {
	t.Helper()
	in := report.NewReader(strings.NewReader(reports[:strings.LastIndexByte(reports, '\n')+1]))
	for {
		r, err := in.Next()
		if errors.Is(err, io.EOF) {
			return received, sent, networks
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range r.Interfaces {
			if l.Name == name {
				networks = l.Networks
				received, sent = plus(received, l.Received.Traffic), plus(sent, l.Sent.Traffic)
			}
		}
	}
}

func plus(sum *packet.Traffic, r *report.TrafficReading) *packet.Traffic {
	if r == nil {
		return sum
	}
	if sum == nil {
		sum = &packet.Traffic{}
	}
	sum.Add(&packet.Traffic{IPv4: packet.Volume(r.IPv4), IPv6: packet.Volume(r.IPv6), NotIP: r.NotIP, TCP: r.TCP,
		UDP: r.UDP, ICMP: r.ICMP, Other: r.Other, Fragments: r.Fragments, Largest: r.Largest})
	return sum
}

func packetsOf(t *packet.Traffic) uint64 {
	if t == nil {
		return 0
	}
	return t.IPv4.Packets + t.IPv6.Packets + t.NotIP
}

// TestInterfaceTraffic: the reports tell of each packet that passed the interface, each way, by kind; or of none where
// the mode can't know.
func TestInterfaceTraffic(t *testing.T) {
	weir(t)
	schema := reportSchema(t)
	for _, x := range []struct {
		name           string
		flags          []string
		received, sent bool
	}{
		{"ebpf", nil, true, true},
		{"ebpf", []string{"--hook", "clsact"}, true, true},
		{"ebpf", []string{"--hook", "xdp"}, true, false},
		{"afpacket", nil, true, true},
		{"afpacket", []string{"--hook", "plain"}, true, false},
		{"libpcap", nil, false, false},
	} {
		t.Run(x.name+strings.Join(x.flags, ""), func(t *testing.T) {
			if x.name == "libpcap" {
				needLibpcap(t)
			}
			h := quietHost(t, 1)
			if err := h.AddAddress("in0", netip.MustParsePrefix("192.0.2.77/25")); err != nil {
				t.Fatal(err)
			}
			r := launch(t, h, append([]string{weir(t), "run", "--output", "report", "--report-every", "1s",
				"--interface", "in0", "--mode", x.name}, x.flags...)...)
			r.Await("watching")
			r.Await("WAN: ")
			const times = 20
			in, out := mixed(), mixed()[:9]
			wantIn, wantOut := trafficOf(in, times), trafficOf(out, times)
			before, err := h.Counters("in0")
			if err != nil {
				t.Fatal(err)
			}
			for link, frames := range map[string][][]byte{"out0": in, "in0": out} {
				_, err := h.SendFrames(context.Background(), link, frames, lab.Sending{Rate: 2000, Loops: times})
				if err != nil {
					t.Fatal(err)
				}
			}
			after, err := h.Counters("in0")
			if err != nil || after.RxPackets-before.RxPackets != packetsOf(&wantIn) {
				t.Fatalf("%d packets came in of %d, %v", after.RxPackets-before.RxPackets, packetsOf(&wantIn), err)
			}
			if x.received {
				wait.Until(t, "the reports have all packets", func() bool {
					received, sent, _ := interfaceTraffic(t, r.Stdout.String()+"\n", "in0")
					return packetsOf(received) >= packetsOf(&wantIn) &&
						(!x.sent || packetsOf(sent) >= packetsOf(&wantOut))
				})
			}
			r.end()
			reports(t, schema, r.Stdout.String())
			received, sent, networks := interfaceTraffic(t, r.Stdout.String(), "in0")
			for _, way := range []struct {
				name      string
				got, want *packet.Traffic
				isKnown   bool
			}{{"received", received, &wantIn, x.received}, {"sent", sent, &wantOut, x.sent}} {
				switch {
				case way.isKnown != (way.got != nil):
					t.Errorf("%s: known %v", way.name, way.got != nil)
				case way.isKnown && *way.got != *way.want:
					t.Errorf("%s: got  %+v\nwant %+v", way.name, *way.got, *way.want)
				}
			}
			if !slices.Equal(networks, []string{"192.0.2.0/25"}) {
				t.Errorf("networks %q", networks)
			}
		})
	}
}

// TestForwardedTraffic: a forwarded packet counts on the interface where it comes in, and on that where it goes out.
func TestForwardedTraffic(t *testing.T) {
	weir(t)
	for _, mode := range []string{"ebpf", "afpacket"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, lab.Options{})
			r := launch(t, l.Gateway, weir(t), "run", "--output", "report", "--report-every", "1s", "--mode", mode,
				"-i", "lan0", "-i", "wan0")
			r.Await("watching")
			r.Await("WAN: ")
			const count, size = 200, 100
			for _, isIPv6 := range []bool{false, true} {
				d := lab.Datagrams{Count: count, Rate: 2000, Size: size, IPv6: isIPv6}
				got, err := d.Send(t.Context(), l.Clients[0], l.Servers[0])
				if err != nil || got.Received != count {
					t.Fatal(got, err)
				}
			}
			// Neighbours are found by ARP and ICMP: nothing else is UDP here.
			wait.Until(t, "the reports have all datagrams", func() bool {
				in, _, _ := interfaceTraffic(t, r.Stdout.String()+"\n", "lan0")
				_, out, _ := interfaceTraffic(t, r.Stdout.String()+"\n", "wan0")
				return in != nil && out != nil && in.UDP >= 2*count && out.UDP >= 2*count
			})
			r.end()
			in, back, networks := interfaceTraffic(t, r.Stdout.String(), "lan0")
			backIn, out, _ := interfaceTraffic(t, r.Stdout.String(), "wan0")
			if in.UDP != 2*count || out.UDP != 2*count || back.UDP+backIn.UDP != 0 {
				t.Errorf("%d datagrams came in by lan0, %d went out by wan0; of %d", in.UDP, out.UDP, 2*count)
			}
			if in.Largest < 14+40+8+size || out.Largest < 14+40+8+size {
				t.Errorf("the longest frames have %d and %d bytes", in.Largest, out.Largest)
			}
			if !slices.Contains(networks, "192.168.77.0/24") || !slices.Contains(networks, "2001:db8:77::/64") {
				t.Errorf("lan0 has the networks %q", networks)
			}
		})
	}
}
