// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// at is an address, the interface that shows it, and its expected side.
type at struct{ address, iface, side string }

func check(t *testing.T, n *Network, all []at) {
	t.Helper()
	for _, x := range all {
		side, why := n.Explain(netip.MustParseAddr(x.address), x.iface)
		if side.String() != x.side || n.Side(netip.MustParseAddr(x.address), x.iface) != side {
			t.Errorf("%s is %q, since %s; want %q", x.address, side, why, x.side)
		}
		if why == "" || strings.Contains(why, "interface 0") {
			t.Errorf("%s is %q: %q", x.address, side, why)
		}
	}
}

func isSo(n *Network, all []at) bool {
	return !slices.ContainsFunc(
		all, func(x at) bool { return n.Side(netip.MustParseAddr(x.address), x.iface).String() != x.side })
}

// up makes links of one kind, up.
func up(names ...string) (lines []string) {
	for _, name := range names {
		lines = append(lines, "link add "+name+" type bridge", "link set "+name+" up")
	}
	return lines
}

// TestSides sets up networks, and checks the sides of addresses.
func TestSides(t *testing.T) {
	for _, x := range []struct {
		name      string
		lines     []string // of ip -batch
		sides     Sides
		all       []at
		lan, wan  string
		explained map[string]string // by address: part of the explanation
	}{
		{
			name: "gateway",
			lines: append(up("lan", "wan"), "address add 192.168.1.1/24 brd + dev lan",
				"address add 203.0.113.5/24 brd + dev wan",
				"route add default via 203.0.113.1", "route add 10.8.0.0/16 via 192.168.1.254",
				"route add 198.51.100.0/24 via 203.0.113.9"),
			all: []at{
				{"192.168.1.20", "lan", "lan"}, {"192.168.1.1", "lan", "gateway"},
				{"192.168.1.255", "lan", "broadcast"},
				{"203.0.113.5", "wan", "gateway"}, {"203.0.113.9", "wan", "wan"}, {"8.8.8.8", "wan", "wan"},
				{"10.8.3.4", "lan", "lan"},
				{"198.51.100.7", "wan", "wan"}, // a static route out of the WAN
				{"10.9.0.1", "wan", "wan"}, {"224.0.0.251", "lan", "multicast"},
				{"255.255.255.255", "lan", "broadcast"},
				{"0.0.0.0", "lan", "lan"}, {"0.0.0.0", "wan", "wan"}, {"127.0.0.1", "lan", "gateway"},
				{"169.254.3.4", "lan", "lan"}, {"169.254.3.4", "wan", "wan"}, {"ff02::1", "lan", "multicast"},
				{"fe80::1:2", "lan", "lan"}, {"fe80::1:2", "wan", "wan"},
			},
			lan: "lan", wan: "wan",
			explained: map[string]string{
				"192.168.1.20": "the route 192.168.1.0/24 leads to lan, which has no default route",
				"8.8.8.8":      "only the default route matches it, through wan",
				"10.8.3.4":     "the route 10.8.0.0/16 leads to lan (router 192.168.1.254), which has no default route",
				"192.168.1.1":  "it is an address of this machine, on lan",
			},
		},
		{
			name: "a /32 on the WAN is no broadcast",
			lines: append(up("lan", "wan"), "address add 203.0.113.5/32 dev wan", "route add 203.0.113.1 dev wan",
				"route add default via 203.0.113.1", "address add 192.168.1.1/24 dev lan"),
			all: []at{{"203.0.113.5", "wan", "gateway"}, {"203.0.113.1", "wan", "wan"}, {"203.0.113.6", "wan", "wan"}},
			lan: "lan", wan: "wan",
		},
		{
			name: "two WANs, one by a rule",
			lines: append(up("lan", "wan", "other"), "address add 192.168.1.1/24 dev lan",
				"address add 203.0.113.5/24 dev wan",
				"address add 198.51.100.5/24 dev other", "route add default via 203.0.113.1",
				"route add default via 198.51.100.1 table 100", "rule add from 192.168.1.77 lookup 100 priority 1077"),
			all: []at{{"198.51.100.9", "other", "wan"}, {"203.0.113.9", "wan", "wan"}, {"192.168.1.77", "lan", "lan"},
				{"1.1.1.1", "other", "wan"}},
			lan: "lan", wan: "wan other",
			explained: map[string]string{"1.1.1.1": "through other (table 100, by rule 1077) and wan"},
		},
		{
			name: "a default route in a table that no rule leads to",
			lines: append(up("lan", "wan", "spare"), "address add 192.168.1.1/24 dev lan",
				"address add 203.0.113.5/24 dev wan",
				"address add 10.7.0.1/24 dev spare", "route add default via 203.0.113.1",
				"route add default via 10.7.0.2 table 100"),
			all: []at{{"10.7.0.9", "spare", "lan"}},
			lan: "lan spare", wan: "wan",
		},
		{
			name: "two WANs by multipath",
			lines: append(up("lan", "wan", "other"), "address add 192.168.1.1/24 dev lan",
				"address add 203.0.113.5/24 dev wan",
				"address add 198.51.100.5/24 dev other",
				"route add default nexthop via 203.0.113.1 nexthop via 198.51.100.1"),
			all: []at{{"198.51.100.9", "other", "wan"}, {"8.8.8.8", "wan", "wan"}},
			lan: "lan", wan: "wan other",
		},
		{
			name: "IPv6 with a delegated prefix",
			lines: append(up("lan", "wan"), "address add 2001:db8:1:1::1/64 dev lan nodad",
				"address add 2001:db8:ffff::5/64 dev wan nodad",
				"route add default via fe80::1 dev wan", "route add unreachable 2001:db8:1::/48"),
			all: []at{
				{"2001:db8:1:1::20", "lan", "lan"}, {"2001:db8:1:2::20", "wan", "lan"},
				{"2001:db8:ffff::9", "wan", "wan"},
				{"2001:db8:1:1::1", "lan", "gateway"}, {"2a00::1", "wan", "wan"}, {"ff05::1", "lan", "multicast"},
			},
			lan: "lan", wan: "wan",
			explained: map[string]string{"2001:db8:1:2::20": "which this machine has and rejects " +
				"(unreachable)"},
		},
		{
			name: "a VPN that takes all by two halves",
			lines: append(up("lan", "wan", "vpn"), "address add 192.168.1.1/24 dev lan",
				"address add 203.0.113.5/24 dev wan",
				"address add 10.99.0.2/24 dev vpn", "route add default via 203.0.113.1",
				"route add 0.0.0.0/1 via 10.99.0.1",
				"route add 128.0.0.0/1 via 10.99.0.1"),
			all: []at{{"8.8.8.8", "vpn", "wan"}, {"200.1.1.1", "vpn", "wan"}, {"10.99.0.1", "vpn", "wan"},
				{"192.168.1.9", "lan", "lan"}},
			lan: "lan", wan: "wan vpn",
		},
		{
			name:  "one interface",
			lines: append(up("eth"), "address add 192.168.1.5/24 dev eth", "route add default via 192.168.1.1"),
			all: []at{{"192.168.1.77", "eth", "lan"}, {"192.168.1.5", "eth", "gateway"}, {"8.8.8.8", "eth", "wan"},
				{"fe80::9", "eth", "lan"}},
			wan: "eth",
		},
		{
			name: "set by hand",
			lines: append(up("inside", "outer"), "address add 192.168.1.1/24 dev inside",
				"address add 203.0.113.5/24 dev outer", "route add default via 192.168.1.254"),
			sides: Sides{LAN: []string{"inside"}, WAN: []string{"out*"}},
			all:   []at{{"192.168.1.7", "inside", "lan"}, {"203.0.113.7", "outer", "wan"}},
			lan:   "inside", wan: "outer",
		},
		{
			name: "a mirror port", lines: up("mirror"),
			sides: Sides{Networks: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix(
				"2001:db8:20::/48")}},
			all: []at{{"10.20.3.4", "mirror", "lan"}, {"10.21.3.4", "mirror", "wan"},
				{"2001:db8:20::1", "mirror", "lan"}, {"2001:db8:21::1", "mirror", "wan"}},
		},
		{
			name: "nothing known", lines: up("mirror"),
			all: []at{{"10.20.3.4", "mirror", "lan"}, {"100.64.1.1", "mirror", "lan"}, {"8.8.8.8", "mirror", "wan"},
				{"fd00::1", "mirror", "lan"}},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			namespace := newNamespace(t)
			ip(t, x.lines...)
			var n *Network
			// The kernel adds the route of an IPv6 address a little later.
			wait.Reached(func() bool {
				var err error
				if n, err = now(x.sides, namespace); err != nil {
					t.Fatal(err)
				}
				return isSo(n, x.all)
			})
			check(t, n, x.all)
			if lan, wan := strings.Join(n.LANs(), " "), strings.Join(n.WANs(), " "); lan != x.lan || wan != x.wan {
				t.Errorf("LAN %q, WAN %q; want %q, %q", lan, wan, x.lan, x.wan)
			}
			for address, words := range x.explained {
				if _, why := n.Explain(netip.MustParseAddr(address), "lan"); !strings.Contains(why, words) {
					t.Errorf("%s: %q, want %q", address, why, words)
				}
			}
		})
	}
}
