// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// gateway is a router with most kinds of stacked links.
func gateway() Links {
	links := Links{}
	for _, l := range []Link{
		{Index: 1, Name: "lo", Type: unix.ARPHRD_LOOPBACK, Loopback: true, Up: true},
		{Index: 2, Name: "eth0", Up: true},
		{Index: 3, Name: "eth1", Master: 10},
		{Index: 4, Name: "eth2", Master: 11},
		{Index: 5, Name: "eth3", Master: 11},
		{Index: 10, Name: "br-lan", Kind: "bridge", IsBridge: true},
		{Index: 11, Name: "bond0", Kind: "bond", Master: 10},
		{Index: 12, Name: "eth0.7", Kind: "vlan", Parent: 2},
		{Index: 13, Name: "eth1.9", Kind: "vlan", Parent: 3}, // its packets never reach br-lan
		{Index: 14, Name: "veth1", Kind: "veth", Master: 10},
		{Index: 15, Name: "veth2", Kind: "veth"},
		{Index: 16, Name: "ppp0", Type: unix.ARPHRD_PPP},
		{Index: 17, Name: "wg0", Kind: "wireguard", Type: unix.ARPHRD_NONE},
		{Index: 18, Name: "ifb0", Kind: "ifb"},
		{Index: 19, Name: "can0", Kind: "can", Type: unix.ARPHRD_CAN},
		{Index: 20, Name: "blue", Kind: "vrf"},
		{Index: 21, Name: "eth4", Master: 20},
		{Index: 22, Name: "sw0"},
		{Index: 23, Name: "lan1", Kind: "dsa", Parent: 22, Master: 10},
		{Index: 24, Name: "lan2", Kind: "dsa", Parent: 22},
		{Index: 25, Name: "mon0", Type: unix.ARPHRD_IEEE80211_RADIOTAP},
		{Index: 26, Name: "mv0", Kind: "macvlan", Parent: 2},
		{Index: 27, Name: "br-lan.3", Kind: "vlan", Parent: 10},
		{Index: 28, Name: "away.5", Kind: "vlan"}, // its parent is in another namespace
		{Index: 29, Name: "ovs-system", Kind: "openvswitch"},
		{Index: 30, Name: "eth5", Master: 29}, // ovs-system shows nothing
		{Index: 31, Name: "s100", Kind: "vlan", Parent: 2},
		{Index: 32, Name: "s100.7", Kind: "vlan", Parent: 31}, // QinQ
		{Index: 33, Name: "eth1.9.7", Kind: "vlan", Parent: 13},
		{Index: 34, Name: "mv1", Kind: "macvlan", Parent: 32},
	} {
		if l.Type == 0 {
			l.Type = unix.ARPHRD_ETHER
		}
		links[l.Index] = l
	}
	return links
}

func TestSelection(t *testing.T) {
	for _, c := range []struct{ arguments, want string }{
		{"", "eth0 eth1 bond0 veth1 veth2 ppp0 wg0 eth4 lan1 lan2 away.5 ovs-system eth5"},
		{"*", "lo eth0 eth1 bond0 veth1 veth2 ppp0 wg0 ifb0 can0 blue eth4 sw0 lan1 lan2 mon0 away.5 ovs-system eth5"},
		// a named bridge
		{"br-lan *", "lo eth0 br-lan eth1.9 veth2 ppp0 wg0 ifb0 can0 blue eth4 sw0 lan2 mon0 away.5 ovs-system eth5"},
		{"br* eth*", "eth0 br-lan eth1.9 eth4 eth5"}, // one with unnamed ports
		{"br* bond0 eth* veth1 lan*", "eth0 eth1 bond0 veth1 eth4 lan1 lan2 eth5"},
		{"eth0", "eth0"},
		{"lo eth1 br-lan", "lo eth1 br-lan"}, // named links match, even if their packets appear twice
		{"eth[0-9]", "eth0 eth1 eth2 eth3 eth4 eth5"},
		{"eth* br-lan", "eth0 br-lan eth1.9 eth4 eth5"},
		{"eth1.9 eth*", "eth0 eth1 eth2 eth3 eth1.9 eth4 eth5"},
		{"bond? eth*", "eth0 eth1 bond0 eth4 eth5"},
		{"*.*", "eth0.7 eth1.9 br-lan.3 away.5 s100.7"},
		{"eth0 s100.7", "eth0 s100.7"},
		{"eth0 *.7", "eth0 eth1.9.7"},
		{"ppp?", "ppp0"},
		{"l*", "lo lan1 lan2"},
		{"no*", ""},
	} {
		s, err := NewSelection(strings.Fields(c.arguments)...)
		if err != nil {
			t.Fatal(err)
		}
		all := gateway()
		var got []string
		for _, l := range all.Sorted() {
			ok, why := s.Matches(l, all)
			if why == "" {
				t.Errorf("%q: no reason for %s", c.arguments, l.Name)
			}
			if ok {
				got = append(got, l.Name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("-i %q:\n got %s\nwant %s", c.arguments, strings.Join(got, " "), c.want)
		}
	}
}

func TestSelectionReasons(t *testing.T) {
	all := gateway()
	for name, want := range map[string]string{
		"lo": "loopback", "eth2": "bond0 shows its packets", "br-lan": "its ports show its packets",
		"br-lan.3": "br-lan shows its packets", "eth0.7": "eth0 shows its packets", "eth0": "by default",
		"s100.7": "eth0 shows its packets", "eth1.9.7": "eth1 shows its packets",
		"mv1":  "eth0 shows its packets",
		"ifb0": "repeats", "can0": "carries no IP", "blue": "its ports", "sw0": "conduit", "mon0": "radio",
	} {
		l, ok := all.Named(name)
		if !ok {
			t.Fatal(name)
		}
		if _, why := (Selection{}).Matches(l, all); !strings.Contains(why, want) {
			t.Errorf("%s: %q, want %q", name, why, want)
		}
	}
}

// TestSelectionTwice: Twice finds a named link above another named link.
func TestSelectionTwice(t *testing.T) {
	all := gateway()
	for _, c := range []struct{ arguments, link, want string }{
		{"eth0 s100.7", "s100.7", "eth0"},
		{"eth0 s100.7", "eth0", ""},
		{"br-lan eth2", "eth2", "br-lan"},
		{"br-lan eth1.9", "eth1.9", ""},
		{"eth0.7 s100", "s100", ""},
		{"eth*", "eth0.7", ""},
		{"", "eth0.7", ""},
	} {
		s, err := NewSelection(strings.Fields(c.arguments)...)
		if err != nil {
			t.Fatal(err)
		}
		l, _ := all.Named(c.link)
		if on, twice := s.Twice(l, all); on.Name != c.want || twice != (c.want != "") {
			t.Errorf("-i %q: %s is seen on %q, want %q", c.arguments, c.link, on.Name, c.want)
		}
	}
}

// TestSelectionIsUpper: links whose packets have all passed a selected link.
func TestSelectionIsUpper(t *testing.T) {
	for _, c := range []struct{ arguments, want string }{
		{"", "br-lan eth0.7 eth1.9 blue mv0 br-lan.3 s100 s100.7 eth1.9.7 mv1"},
		{"eth0", "eth0.7 mv0 s100 s100.7 mv1"},
		{"eth0 s100", "eth0.7 mv0 s100.7 mv1"},
		{"br-lan", "br-lan.3"}, // bond0 and the like: for the kernel the bridge is their packets' ingress
		{"eth4", "blue"},
		{"ppp0", ""},
	} {
		s, err := NewSelection(strings.Fields(c.arguments)...)
		if err != nil {
			t.Fatal(err)
		}
		all := gateway()
		var got []string
		for _, l := range all.Sorted() {
			if s.IsUpper(l, all) {
				got = append(got, l.Name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("-i %q:\n got %s\nwant %s", c.arguments, strings.Join(got, " "), c.want)
		}
	}
	all := gateway()
	all[35] = Link{Index: 35, Name: "eth9", Master: 20}
	s, _ := NewSelection("eth4")
	if s.IsUpper(all[20], all) {
		t.Error("a VRF with a port that is not watched")
	}
}

func TestSelectionMissing(t *testing.T) {
	s, err := NewSelection("eth0", "eth9", "ppp*", "wan")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.Missing(gateway()), " "); got != "eth9 wan" {
		t.Errorf("missing: %s", got)
	}
	if s.All() || !(Selection{}).All() {
		t.Error("All")
	}
}

func TestSelectionRefuses(t *testing.T) {
	for _, bad := range []string{"", "a-name-of-sixteen", "eth[0", "a/b"} {
		if _, err := NewSelection(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestSelectionCircle: links known from different moments may form a cycle.
func TestSelectionCircle(t *testing.T) {
	all := Links{
		1: {Index: 1, Name: "a", Kind: "bridge", Master: 2},
		2: {Index: 2, Name: "b", Kind: "bond", Master: 1},
		3: {Index: 3, Name: "c", Kind: "vlan", Parent: 3},
	}
	chosen := 0
	for _, l := range all.Sorted() {
		if ok, _ := (Selection{}).Matches(l, all); ok {
			chosen++
		}
	}
	if chosen == 0 {
		t.Error("nothing is chosen")
	}
	s, _ := NewSelection("a")
	if ok, _ := s.Matches(all[1], all); !ok {
		t.Error("a is not chosen")
	}
}
