// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/packet"
)

// TestTraffic: a report has what came since the last one, also after an interface was away; the largest frame is that
// of the interval; and what is unknown is absent.
func TestTraffic(t *testing.T) {
	r, s := newReporter(10), newSink(t, true)
	at := func(n uint64, largest uint64) *packet.Traffic {
		return &packet.Traffic{IPv4: packet.Volume{Packets: 10 * n, Bytes: 1000 * n},
			IPv6: packet.Volume{Packets: n, Bytes: 100 * n}, NotIP: 2 * n, TCP: 5 * n, UDP: 3 * n, ICMP: n,
			Other: 2 * n, Fragments: n, Largest: largest}
	}
	lan := Interface{Index: 2, Name: "lan0", Role: "lan", Networks: []netip.Prefix{
		netip.MustParsePrefix("192.168.1.0/24"), netip.MustParsePrefix("2001:db8:1::/64")}}
	r.Watch([]Interface{lan}) // what has passed since the begin of the watch counts
	close := func(when int, received *packet.Traffic) string {
		t.Helper()
		now := state(when)
		if received != nil {
			with := lan
			with.Received.Traffic = received
			now.Interfaces = []Interface{with}
		}
		line := r.Close(now)
		s.take(line)
		var got struct{ Interfaces json.RawMessage }
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		return string(got.Interfaces)
	}
	const head = `[{"name":"lan0","index":2,"role":"lan","networks":["192.168.1.0/24","2001:db8:1::/64"],` +
		`"received":{"packets":0,"bytes":0,"traffic":`
	const more = head + `{"ipv4":{"packets":10,"bytes":1000},"ipv6":{"packets":1,"bytes":100},"not_ip":2,"tcp":5,` +
		`"udp":3,"icmp":1,"other":2,"fragments":1,"largest":1514}},"sent":{"packets":0,"bytes":0}}]`
	const none = head + `{"ipv4":{"packets":0,"bytes":0},"ipv6":{"packets":0,"bytes":0},"not_ip":0,"tcp":0,"udp":0,` +
		`"icmp":0,"other":0,"fragments":0}},"sent":{"packets":0,"bytes":0}}]`
	for i, x := range []struct {
		received *packet.Traffic
		want     string
	}{{at(1, 1514), more}, {at(2, 1514), more}, {at(2, 0), none}, {nil, "[]"}, {at(3, 1514), more}} {
		if got := close(15*(i+1), x.received); got != x.want {
			t.Errorf("report %d:\ngot  %s\nwant %s", i+1, got, x.want)
		}
	}
	for i := range uint32(3 * maxInterfaces) { // interfaces that come and go
		r.Watch([]Interface{{Index: 10 + i}})
		if i%100 == 0 {
			close(90+int(i), nil)
		}
	}
	if n := len(r.interfaces); n > maxInterfaces+100 {
		t.Errorf("%d interfaces are remembered", n)
	}
}

// TestReadTraffic: a Reader reads what a Reporter writes.
func TestReadTraffic(t *testing.T) {
	r := newReporter(10)
	now := state(15)
	want := packet.Traffic{IPv4: packet.Volume{Packets: 1, Bytes: 2}, IPv6: packet.Volume{Packets: 3, Bytes: 4},
		NotIP: 5, TCP: 6, UDP: 7, ICMP: 8, Other: 9, Fragments: 10, Largest: 11}
	r.Watch([]Interface{{Index: 2, Name: "lan0"}})
	now.Interfaces = []Interface{{Index: 2, Name: "lan0", Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Sent: Link{Traffic: &want}}}
	got, err := NewReader(strings.NewReader(string(r.Close(now)))).Next()
	if err != nil {
		t.Fatal(err)
	}
	l := got.Interfaces[0]
	if l.Received.Traffic != nil || len(l.Networks) != 1 || l.Networks[0] != "10.0.0.0/8" {
		t.Errorf("%+v", l)
	}
	x := l.Sent.Traffic
	if x == nil || (packet.Traffic{IPv4: packet.Volume(x.IPv4), IPv6: packet.Volume(x.IPv6), NotIP: x.NotIP,
		TCP: x.TCP, UDP: x.UDP, ICMP: x.ICMP, Other: x.Other, Fragments: x.Fragments, Largest: x.Largest}) != want {
		t.Errorf("got %+v, want %+v", x, want)
	}
}
