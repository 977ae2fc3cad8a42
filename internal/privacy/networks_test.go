// SPDX-License-Identifier: Apache-2.0

package privacy

import (
	"fmt"
	"net/netip"
	"testing"
)

// TestNetworks: what the settings do to flows' addresses they do to the networks of the interfaces' addresses.
func TestNetworks(t *testing.T) {
	prefixes := func(texts ...string) (all []netip.Prefix) {
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	lan := prefixes("192.168.77.0/24", "2001:db8:77::/64")
	wan := prefixes("203.0.113.4/30", "198.51.100.9/32", "2001:db8:99::/64")
	pseudonyms := func(f *Filter, all []netip.Prefix) (out []netip.Prefix) {
		for _, n := range all {
			out = append(out, netip.PrefixFrom(f.pseudonym(n.Addr().Next()), n.Bits()).Masked())
		}
		return out
	}
	same := func(_ *Filter, all []netip.Prefix) []netip.Prefix { return all }
	is := func(texts ...string) func(*Filter, []netip.Prefix) []netip.Prefix {
		return func(*Filter, []netip.Prefix) []netip.Prefix { return prefixes(texts...) }
	}
	for _, c := range []struct {
		name     string
		config   Config
		lan, wan func(*Filter, []netip.Prefix) []netip.Prefix
	}{
		{"nothing", Config{}, same, same},
		{"host names", Config{HostNames: NoNames}, same, same},
		{"the gateway", Config{MaskGateway: true}, same, is("0.0.0.0/30", "0.0.0.0/32", "::/64")},
		{"the gateway, and pseudonyms", Config{MaskGateway: true, Addresses: PseudonymAll}, pseudonyms,
			is("0.0.0.0/30", "0.0.0.0/32", "::/64")},
		{"a network", Config{OmitNetworks: prefixes("203.0.113.0/24")}, same, is("198.51.100.9/32",
			"2001:db8:99::/64")},
		{"a part of one", Config{OmitNetworks: prefixes("192.168.77.128/25")}, is("2001:db8:77::/64"), same},
		{"all", Config{OmitNetworks: prefixes("0.0.0.0/0", "::/0")}, is(), is()},
	} {
		f, err := New(c.config, key)
		if err != nil {
			t.Fatal(err)
		}
		for _, side := range []struct {
			isLAN bool
			all   []netip.Prefix
			want  func(*Filter, []netip.Prefix) []netip.Prefix
		}{{true, lan, c.lan}, {false, wan, c.wan}} {
			got, want := fmt.Sprint(f.Networks(side.all, side.isLAN)), fmt.Sprint(side.want(f, side.all))
			if got != want {
				t.Errorf("%s, LAN %v: got %s, want %s", c.name, side.isLAN, got, want)
			}
		}
	}
	f, err := New(Config{MaskGateway: true}, key)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.Networks(prefixes("192.168.77.1/32"), true)); got != "[0.0.0.0/32]" {
		t.Errorf("the gateway's own address in the LAN: %s", got)
	}
}

// TestNetworksPseudonyms: a network's pseudonym has the pseudonyms of its addresses, and nothing of the network.
func TestNetworksPseudonyms(t *testing.T) {
	for _, addresses := range []Addresses{PseudonymLAN, PseudonymAll} {
		f, err := New(Config{Addresses: addresses}, key)
		if err != nil {
			t.Fatal(err)
		}
		for network, address := range map[string]string{
			"192.168.77.0/24": "192.168.77.200", "10.0.0.0/8": "10.99.1.2", "203.0.113.4/30": "203.0.113.6",
			"198.51.100.9/32": "198.51.100.9", "2001:db8:77::/64": "2001:db8:77::abc",
			"172.16.5.128/25": "172.16.5.129",
		} {
			n := netip.MustParsePrefix(network)
			for _, isLAN := range []bool{true, false} {
				got := f.Networks([]netip.Prefix{n}, isLAN)
				if len(got) != 1 || !got[0].Contains(f.pseudonym(netip.MustParseAddr(address))) || got[0] == n ||
					got[0].Bits() != n.Bits() || got[0] != got[0].Masked() {
					t.Errorf("%s: %s becomes %v", addresses, network, got)
				}
			}
		}
	}
}
