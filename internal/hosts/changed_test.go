// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/identify"
	"github.com/weirnet/weir/internal/topology"
)

// macs returns the devices' addresses.
func macs(all []Host) (list []string) {
	for i := range all {
		list = append(list, all[i].MAC)
	}
	return list
}

// TestChanged: a device is returned once for each change, and not because it was seen.
func TestChanged(t *testing.T) {
	table := New()
	at := time.Unix(1e9, 0).UTC()
	k := key{mac: [6]byte{2, 0, 0, 0, 0, 1}}
	ip := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	const mac = "02:00:00:00:00:01"
	for _, c := range []struct {
		what  string
		act   func(*host)
		isNew bool
	}{
		{"new", func(*host) {}, true},
		{"seen", func(*host) { table.seen(k, ip("192.0.2.1"), at.Add(time.Second), heard) }, false},
		{"more certain", func(*host) { table.seen(k, ip("192.0.2.1"), at, known) }, false},
		{"address", func(*host) { table.seen(k, ip("192.0.2.2"), at, heard) }, true},
		{"name", func(h *host) { h.name("phone", "dhcp") }, true},
		{"the same name", func(h *host) { h.name("phone", "dhcp") }, false},
		{"another name", func(h *host) { h.name("tablet", "dhcp") }, true},
		{"evidence", func(h *host) { h.tell(identify.UserAgent, "x") }, true},
		{"the same evidence", func(h *host) { h.tell(identify.UserAgent, "x") }, false},
		{"link", func(h *host) { h.move("lan0", netip.Addr{}) }, true},
		{"the same link", func(h *host) { h.move("lan0", netip.Addr{}) }, false},
		{"router", func(h *host) { h.move("lan0", ip("192.0.2.9")) }, true},
		{"is a router", func(h *host) { h.setRouter(true) }, true},
		{"is still one", func(h *host) { h.setRouter(true) }, false},
	} {
		c.act(table.seen(k, ip("192.0.2.1"), at, heard))
		got := macs(table.Changed(10))
		if c.isNew != slices.Equal(got, []string{mac}) || !c.isNew && got != nil {
			t.Errorf("%s: changed devices %q", c.what, got)
		}
	}
}

// TestChangedBounds: changes past the bound come next time, and forged devices hold back no known one.
func TestChangedBounds(t *testing.T) {
	table := New()
	at := time.Unix(1e9, 0).UTC()
	table.Neighbours([]topology.Neighbour{{IP: netip.MustParseAddr("192.0.2.1"), MAC: [6]byte{2, 9, 9, 9, 9, 9},
		IsReachable: true}}, func(netip.Addr) topology.Place { return topology.Place{} }, at)
	const forged = 100
	for i := range forged {
		table.seen(key{mac: [6]byte{2, 0, 0, 0, 1, byte(i)}}, netip.Addr{}, at.Add(time.Second), heard)
	}
	first := macs(table.Changed(10))
	if len(first) != 10 || first[0] != "02:09:09:09:09:09" {
		t.Errorf("changed devices %q", first)
	}
	all := first
	for n := 10; n == 10; {
		more := macs(table.Changed(10))
		n = len(more)
		all = append(all, more...)
	}
	slices.Sort(all)
	if len(all) != forged+1 || len(slices.Compact(all)) != forged+1 {
		t.Errorf("%d devices, of which some twice: %q", len(all), all)
	}
}

// TestDeviceJSON: AppendJSON says what encoding/json says.
func TestDeviceJSON(t *testing.T) {
	at := time.Unix(1e9, 5).UTC()
	whole := Host{MAC: "02:00:00:00:00:01", Vendor: `A "B"`, RandomMAC: true, IsRouter: true, Interface: "lan0",
		Addresses: []Address{{netip.MustParseAddr("192.0.2.1"), at, at}, {netip.MustParseAddr("fe80::1%lan0"), at, at}},
		Names:     []Name{{`back\slash`, "dhcp"}, {"b", "mdns"}}, OS: &Guess{"linux", 90, []string{"a", "b"}},
		Kind: &Guess{"phone", 10, []string{"c"}}, Router: netip.MustParseAddr("192.0.2.9"), FirstSeen: at, LastSeen: at}
	for _, h := range []Host{whole, {Addresses: []Address{}, FirstSeen: at, LastSeen: at}} {
		want, err := json.Marshal(&h)
		if err != nil {
			t.Fatal(err)
		}
		got := h.AppendJSON(nil)
		var a, b Host
		if err := json.Unmarshal(got, &a); err != nil {
			t.Fatalf("%v: %s", err, got)
		}
		if err := json.Unmarshal(want, &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		var members, wanted map[string]any
		_ = json.Unmarshal(got, &members)
		_ = json.Unmarshal(want, &wanted)
		for name := range members {
			if _, ok := wanted[name]; !ok || len(members) != len(wanted) {
				t.Errorf("members of %s\nare not those of %s", got, want)
			}
		}
	}
}
