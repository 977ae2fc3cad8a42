// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/packet"
)

// raw decodes hexadecimal digits, ignoring blanks.
func raw(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

const ethernet = "020000000002 020000000001"

// arpFrame returns a request over Ethernet (RFC 826), in a VLAN if tag has one.
func arpFrame(tag, sender string) []byte {
	b := raw(ethernet + tag + "0806 0001 0800 06 04 0001 020000000001")
	b = append(b, netip.MustParseAddr(sender).AsSlice()...)
	return append(b, raw("000000000000 c0a80101")...)
}

func ipv4Frame(src, dst string) []byte {
	b := raw(ethernet + "0800 4500001c 00000000 40110000")
	b = append(b, netip.MustParseAddr(src).AsSlice()...)
	b = append(b, netip.MustParseAddr(dst).AsSlice()...)
	return append(b, raw("9c40 0035 0008 0000")...)
}

func ipv6Frame(src, dst string) []byte {
	b := raw(ethernet + "86dd 60000000 0008 11 40")
	b = append(b, netip.MustParseAddr(src).AsSlice()...)
	b = append(b, netip.MustParseAddr(dst).AsSlice()...)
	return append(b, raw("9c40 0035 0008 0000")...)
}

// advertisementFrame returns a router advertisement (RFC 4861 §4.2) with a source link-layer address and a prefix.
func advertisementFrame(hopLimit string, flags byte, prefix string) []byte {
	p := netip.MustParsePrefix(prefix)
	b := raw(ethernet + "86dd 60000000 0038 3a" + hopLimit)
	b = append(b, netip.MustParseAddr("fe80::1").AsSlice()...)
	b = append(b, netip.MustParseAddr("ff02::1").AsSlice()...)
	b = append(b, raw("86 00 0000 40 00 0708 00000000 00000000  01 01 020000000001  03 04")...)
	b = append(b, byte(p.Bits()), flags)
	b = append(b, raw("00000e10 00000e10 00000000")...)
	return append(b, p.Addr().AsSlice()...)
}

func surveyOf(frames ...[]byte) *Survey {
	s := new(Survey)
	for _, f := range frames {
		s.Frame(packet.LinkEthernet, f, len(f))
	}
	return s
}

// many returns a frame for each of n addresses.
func many(n int, format string, frame func(string) []byte) (all [][]byte) {
	for i := range n {
		all = append(all, frame(fmt.Sprintf(format, i+1)))
	}
	return all
}

func TestNetworks(t *testing.T) {
	udp := func(src string) []byte { return ipv4Frame(src, "203.0.113.5") }
	arp := func(sender string) []byte { return arpFrame("", sender) }
	for _, c := range []struct {
		name   string
		frames [][]byte
		want   []string // prefix, addresses, shown by
	}{
		{"nothing", nil, nil},
		{"private sources", many(3, "192.168.7.%d", udp), []string{"192.168.7.0/24 3 [private sources]"}},
		{"public sources and private destinations", [][]byte{ipv4Frame("203.0.113.5", "192.168.7.1")}, nil},
		{"the same address twice", [][]byte{udp("10.1.2.3"), udp("10.1.2.3")},
			[]string{"10.1.2.0/24 1 [private sources]"}},
		{"halves", slices.Concat(many(2, "192.168.6.%d", udp), many(1, "192.168.7.%d", udp)),
			[]string{"192.168.6.0/23 3 [private sources]"}},
		{"neighbours that are no halves", [][]byte{udp("192.168.7.1"), udp("192.168.8.1")},
			[]string{"192.168.7.0/24 1 [private sources]", "192.168.8.0/24 1 [private sources]"}},
		{"quarters", [][]byte{udp("10.0.4.1"), udp("10.0.5.1"), udp("10.0.6.1"), udp("10.0.7.1")},
			[]string{"10.0.4.0/22 4 [private sources]"}},
		{"many of one block", many(9, "10.%d.0.1", udp), []string{"10.0.0.0/8 9 [private sources]"}},
		{"ARP and sources", [][]byte{arp("192.168.7.1"), udp("192.168.7.1")},
			[]string{"192.168.7.0/24 1 [private sources arp]"}},
		{"ARP in a VLAN", [][]byte{arpFrame("8100 0007", "192.168.7.1")}, []string{"192.168.7.0/24 1 [arp]"}},
		{"ARP of a public network", many(3, "198.51.100.%d", arp), []string{"198.51.100.0/24 3 [arp]"}},
		{"ARP of an uplink", many(2, "198.51.100.%d", arp), nil},
		{"ARP probe", [][]byte{arp("0.0.0.0")}, nil},
		{"shared addresses are a carrier's", [][]byte{udp("100.64.0.1")}, nil},
		{"unique local", [][]byte{ipv6Frame("fd00:1:2:3::4", "2001:db8::1")},
			[]string{"fd00:1:2:3::/64 1 [private sources]"}},
		{"global IPv6 source", [][]byte{ipv6Frame("2001:db8::1", "2001:db8:1::1")}, nil},
		{"advertised", [][]byte{advertisementFrame("ff", 0xc0, "2001:db8:5::/64")},
			[]string{"2001:db8:5::/64 0 [router advertisements]"}},
		{"advertised and seen", [][]byte{advertisementFrame("ff", 0xc0, "fd00:5::/48"),
			ipv6Frame("fd00:5:0:9::1", "2001:db8::1")},
			[]string{"fd00:5::/48 1 [private sources router advertisements]"}},
		{"advertised from afar", [][]byte{advertisementFrame("fe", 0xc0, "2001:db8:5::/64")}, nil},
		{"advertised as not on the link", [][]byte{advertisementFrame("ff", 0x40, "2001:db8:5::/64")}, nil},
		{"advertised: all of it", [][]byte{advertisementFrame("ff", 0xc0, "::/0")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, n := range surveyOf(c.frames...).Networks() {
				got = append(got, fmt.Sprint(n.Prefix, " ", n.Addresses, " ", n.ShownBy))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestCut: a truncated message shows nothing that the whole one does not.
func TestCut(t *testing.T) {
	for _, f := range [][]byte{arpFrame("8100 0007", "192.168.7.1"), advertisementFrame("ff", 0xc0, "2001:db8:5::/64"),
		ipv4Frame("10.0.0.1", "10.0.0.2")} {
		whole := surveyOf(f).Networks()
		for n := range f {
			s := new(Survey)
			s.Frame(packet.LinkEthernet, f[:n:n], len(f))
			if got := s.Networks(); len(got) > 0 && got[0].Prefix != whole[0].Prefix {
				t.Errorf("%d bytes of %x: %v", n, f, got)
			}
		}
	}
}

// TestBounds: no traffic grows a survey past its limits.
func TestBounds(t *testing.T) {
	s := new(Survey)
	for i := range maxAddresses + 10 {
		s.see(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), bySource)
		s.announce(netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 13: byte(i >> 16), 14: byte(i >> 8),
			15: byte(i)}), 128))
	}
	if len(s.addresses) != maxAddresses || len(s.announced) != maxAnnounced {
		t.Errorf("%d addresses, %d announced", len(s.addresses), len(s.announced))
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(arpFrame("", "192.168.7.1"))
	f.Add(arpFrame("8100 0007", "192.168.7.1"))
	f.Add(advertisementFrame("ff", 0xc0, "2001:db8:5::/64"))
	f.Add(ipv4Frame("10.0.0.1", "10.0.0.2"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, n := range surveyOf(b).Networks() {
			if !n.Prefix.IsValid() || n.Prefix != n.Prefix.Masked() || len(n.ShownBy) == 0 {
				t.Errorf("%+v", n)
			}
		}
	})
}
