// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// The interfaces of a gateway as a capture of all of them shows it.
const (
	lan0 = iota + 1
	wan0
	bridge
	vlan10
	loopback
	tunnel0

	in, out, unknown = packet.Inbound, packet.Outbound, packet.DirectionUnknown
)

// shown is a packet where it was captured.
type shown struct {
	on        uint64
	direction packet.Direction
	bytes     []byte
	tags      []uint16
}

// through gives a packet another time to live and identification, as it has on its way.
func through(b []byte, ttl byte, id uint16) []byte {
	b = slices.Clone(b)
	b[8] = ttl
	binary.BigEndian.PutUint16(b[4:], id)
	return b
}

// forward shows a packet as it comes in by one interface and goes out by another, with a hop less.
func forward(from, to uint64, id uint16, b []byte) []shown {
	return []shown{{on: from, direction: in, bytes: through(b, 64, id)},
		{on: to, direction: out, bytes: through(b, 63, id)}}
}

// translated shows a packet that goes out under other ends.
func translated(from, to uint64, id uint16, before, after []byte) []shown {
	return []shown{{on: from, direction: in, bytes: through(before, 64, id)},
		{on: to, direction: out, bytes: through(after, 63, id)}}
}

// undirected takes the directions away.
func undirected(all []shown) []shown {
	all = slices.Clone(all)
	for i := range all {
		all[i].direction = unknown
	}
	return all
}

// ethernet puts a packet into a frame with VLAN tags.
func (s shown) ethernet() []byte {
	b := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}
	for _, tag := range s.tags {
		b = append(b, 0x81, 0, byte(tag>>8), byte(tag))
	}
	return append(append(b, 8, 0), s.bytes...)
}

// show runs a capture through n workers: a line a flow, and how many copies were left out.
func show(t *testing.T, n int, each bool, packets []shown) string {
	t.Helper()
	c := config(t)
	c.CountEach = each
	var lines []string
	p := engine.NewPipeline(c, n, 0, func(f *record.Flow) error {
		lines = append(lines, fmt.Sprintf("%v>%v %d/%d %s", f.Client.Addr, f.Server.Addr, f.Client.Packets,
			f.Server.Packets, f.Protocol))
		return nil
	})
	for i, s := range packets {
		b := s.ethernet()
		p.Frame(&engine.Frame{
			Data: b, Length: len(b), Time: 1000e9 + int64(i)*1e6, Link: packet.LinkEthernet, Origin: s.on,
			Direction: s.direction,
		})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	totals := p.Totals()
	if int(totals.Frames) != len(packets) {
		t.Errorf("%d frames in the totals, of %d", totals.Frames, len(packets))
	}
	return strings.Join(append(lines, fmt.Sprintf("%d forwarded, %d carried", totals.Copies.Forwarded,
		totals.Copies.Carried)), "; ")
}

func TestOnce(t *testing.T) {
	const gateway = "203.0.113.1"
	syn1 := segment(host, web, 40000, 80, 100, 0, syn, "")
	synAck := segment(web, host, 80, 40000, 500, 101, syn|ack, "")
	get := segment(host, web, 40000, 80, 101, 501, psh|ack, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
	routed := slices.Concat(forward(lan0, wan0, 1, syn1), forward(wan0, lan0, 0, synAck), forward(lan0, wan0, 2, get))
	// The same connection under the gateway's address.
	synNAT := segment(gateway, web, 61000, 80, 100, 0, syn, "")
	synAckNAT := segment(web, gateway, 80, 61000, 500, 101, syn|ack, "")
	getNAT := segment(gateway, web, 61000, 80, 101, 501, psh|ack, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
	nat := slices.Concat(translated(lan0, wan0, 1, syn1, synNAT), translated(wan0, lan0, 0, synAckNAT, synAck),
		translated(lan0, wan0, 2, get, getNAT))
	query, answer := udp(host, "192.0.2.53", 5300, 53, dnsQuery), udp("192.0.2.53", host, 53, 5300, dnsAnswer)
	greTunnel := []shown{
		{lan0, in, through(query, 64, 1), nil}, {tunnel0, out, through(query, 63, 1), nil},
		{wan0, out, gre(gateway, "203.0.113.2", through(query, 63, 1)), nil},
		{wan0, in, gre("203.0.113.2", gateway, through(answer, 60, 2)), nil},
		{tunnel0, in, through(answer, 60, 2), nil}, {lan0, out, through(answer, 59, 2), nil},
	}
	vxlanTunnel := []shown{
		{lan0, in, through(query, 64, 1), nil}, {tunnel0, out, through(query, 63, 1), nil},
		{wan0, out, vxlan(7, through(query, 63, 1)), nil},
		{wan0, in, vxlan(7, through(answer, 60, 2)), nil},
		{tunnel0, in, through(answer, 60, 2), nil}, {lan0, out, through(answer, 59, 2), nil},
	}
	keepalive := func(from string, port uint16) []byte { return udp(from, web, port, 40001, "keep alive") }
	for _, c := range []struct {
		name    string
		packets []shown
		want    string
	}{
		{"routed", routed, "10.0.0.9:40000>198.51.100.1:80 2/1 http; 3 forwarded, 0 carried"},
		{"routed, directions unknown", undirected(routed),
			"10.0.0.9:40000>198.51.100.1:80 2/1 http; 3 forwarded, 0 carried"},
		{"routed, UDP without identification", slices.Concat(forward(lan0, wan0, 0, query),
			forward(wan0, lan0, 0, answer)),
			"10.0.0.9:5300>192.0.2.53:53 1/1 dns; 2 forwarded, 0 carried"},
		{"routed, directions known but not the interfaces", []shown{
			{0, in, through(query, 64, 7), nil}, {0, out, through(query, 63, 7), nil}, {0, in, through(answer, 64, 0),
				nil}, {0, out, through(answer, 63, 0), nil},
		}, "10.0.0.9:5300>192.0.2.53:53 1/1 dns; 2 forwarded, 0 carried"},
		{"masquerade", nat, "10.0.0.9:40000>198.51.100.1:80 2/1 http; 3 forwarded, 0 carried"},
		{"masquerade, directions unknown", undirected(nat),
			"10.0.0.9:40000>198.51.100.1:80 2/1 http; 3 forwarded, 0 carried"},
		{"masquerade, contents changed within the gateway", slices.Concat(nat, []shown{
			{lan0, in, through(segment(host, web, 40000, 80, 150, 501, psh|ack, "PORT 10,0,0,9,1,1"), 64, 3), nil},
			{wan0, out, through(segment(gateway, web, 61000, 80, 150, 501, psh|ack, "PORT 203,0,113,1,1,1"), 63, 3),
				nil},
		}), "10.0.0.9:40000>198.51.100.1:80 3/1 http; 4 forwarded, 0 carried"},
		{"two hosts say the same at the same time under masquerade", []shown{
			{lan0, in, through(keepalive(host, 40001), 64, 0), nil},
			{lan0, in, through(keepalive("10.0.0.8", 40001), 64, 0), nil},
			{wan0, out, through(keepalive(gateway, 40001), 63, 0), nil},
			{wan0, out, through(keepalive(gateway, 1024), 63, 0), nil},
		}, "10.0.0.9:40001>198.51.100.1:40001 1/0 ; 10.0.0.8:40001>198.51.100.1:40001 1/0 ; 2 forwarded, 0 carried"},
		{"both ends change where the LAN calls its own public address", []shown{
			{lan0, in, through(segment(host, gateway, 40000, 80, 100, 0, syn, ""), 64, 1), nil},
			{lan0, out, through(segment("10.0.0.1", "10.0.0.5", 50000, 8080, 100, 0, syn, ""), 63, 1), nil},
			{lan0, in, through(segment("10.0.0.5", "10.0.0.1", 8080, 50000, 500, 101, syn|ack, ""), 64, 0), nil},
			{lan0, out, through(segment(gateway, host, 80, 40000, 500, 101, syn|ack, ""), 63, 0), nil},
		}, "10.0.0.9:40000>203.0.113.1:80 1/1 http; 2 forwarded, 0 carried"},
		{"the gateway takes the name of an ended translation for itself", slices.Concat(nat, []shown{
			{wan0, out, through(segment(gateway, web, 61000, 80, 9000, 0, syn, ""), 64, 9), nil},
			{wan0, in, through(segment(web, gateway, 80, 61000, 7000, 9001, syn|ack, ""), 64, 0), nil},
		}), "10.0.0.9:40000>198.51.100.1:80 2/1 http; 203.0.113.1:61000>198.51.100.1:80 1/1 http; 3 forwarded, 0 " +
			"carried"},
		{"to and from the gateway itself", []shown{
			{lan0, in, through(udp(host, "10.0.0.1", 5300, 53, dnsQuery), 64, 0), nil},
			{wan0, out, through(udp(gateway, "192.0.2.53", 6000, 53, dnsQuery), 64, 0), nil},
			{wan0, in, through(udp("192.0.2.53", gateway, 53, 6000, dnsAnswer), 60, 0), nil},
			{lan0, out, through(udp("10.0.0.1", host, 53, 5300, dnsAnswer), 64, 0), nil},
		}, "10.0.0.9:5300>10.0.0.1:53 1/1 dns; 203.0.113.1:6000>192.0.2.53:53 1/1 dns; 0 forwarded, 0 carried"},
		{"only the WAN was captured", []shown{routed[1], routed[2], routed[5]},
			"10.0.0.9:40000>198.51.100.1:80 2/1 http; 0 forwarded, 0 carried"},
		{"out by the interface where it came in", forward(lan0, lan0, 5, query),
			"10.0.0.9:5300>192.0.2.53:53 1/0 dns; 1 forwarded, 0 carried"},
		{"sent again", slices.Concat(forward(lan0, wan0, 2, get), forward(lan0, wan0, 2, get)),
			"10.0.0.9:40000>198.51.100.1:80 2/0 http; 2 forwarded, 0 carried"},
		{"the gateway's own, sent again", []shown{{wan0, out, through(query, 64, 1), nil},
			{wan0, out, through(query, 64, 1), nil}},
			"10.0.0.9:5300>192.0.2.53:53 2/0 dns; 0 forwarded, 0 carried"},
		{"a VLAN, a bridge over it, and the WAN", []shown{
			{lan0, in, through(query, 64, 1), []uint16{10}}, {vlan10, in, through(query, 64, 1), nil},
			{bridge, in, through(query, 64, 1), nil}, {wan0, out, through(query, 63, 1), nil},
			{wan0, in, through(answer, 60, 0), nil}, {bridge, out, through(answer, 59, 0), nil},
			{vlan10, out, through(answer, 59, 0), nil}, {lan0, out, through(answer, 59, 0), []uint16{10}},
		}, "10.0.0.9:5300>192.0.2.53:53 1/1 dns; 4 forwarded, 2 carried"},
		{"from one port of a bridge to another", []shown{{lan0, in, through(query, 64, 1), nil},
			{wan0, out, through(query, 64, 1), nil}},
			"10.0.0.9:5300>192.0.2.53:53 1/0 dns; 1 forwarded, 0 carried"},
		{"the gateway's own, by a bridge", []shown{{bridge, out, through(query, 64, 1), nil},
			{lan0, out, through(query, 64, 1), nil}},
			"10.0.0.9:5300>192.0.2.53:53 1/0 dns; 0 forwarded, 1 carried"},
		{"loopback", []shown{{loopback, out, through(query, 64, 1), nil}, {loopback, in, through(query, 64, 1), nil}},
			"10.0.0.9:5300>192.0.2.53:53 1/0 dns; 1 forwarded, 0 carried"},
		{"back from another router", []shown{
			{lan0, in, through(query, 64, 1), nil}, {wan0, out, through(query, 63, 1), nil},
			{wan0, in, through(query, 62, 1), nil}, {lan0, out, through(query, 61, 1), nil},
		}, "10.0.0.9:5300>192.0.2.53:53 2/0 dns; 2 forwarded, 0 carried"},
		{"merged as it came in", []shown{
			{lan0, in, through(segment(host, web, 40000, 80, 1000, 1, ack, strings.Repeat("a", 300)), 64, 9), nil},
			{wan0, out, through(segment(host, web, 40000, 80, 1000, 1, ack, strings.Repeat("a", 100)), 63, 9), nil},
			{wan0, out, through(segment(host, web, 40000, 80, 1100, 1, ack, strings.Repeat("a", 100)), 63, 10), nil},
			{wan0, out, through(segment(host, web, 40000, 80, 1200, 1, ack, strings.Repeat("a", 100)), 63, 11), nil},
		}, "10.0.0.9:40000>198.51.100.1:80 1/0 http; 3 forwarded, 0 carried"},
		{"through a GRE tunnel that the gateway ends", greTunnel,
			"10.0.0.9:5300>192.0.2.53:53 1/1 dns; 203.0.113.1:0>203.0.113.2:0 1/1 gre; 3 forwarded, 1 carried"},
		{"the same, directions unknown", undirected(greTunnel),
			"10.0.0.9:5300>192.0.2.53:53 1/1 dns; 203.0.113.1:0>203.0.113.2:0 1/1 gre; 4 forwarded, 0 carried"},
		{"the same without the tunnel's interface", []shown{greTunnel[0], greTunnel[2], greTunnel[3], greTunnel[5]},
			"10.0.0.9:5300>192.0.2.53:53 1/1 dns; 203.0.113.1:0>203.0.113.2:0 1/1 gre; 2 forwarded, 0 carried"},
		{"the same without the LAN", []shown{greTunnel[1], greTunnel[2], greTunnel[3], greTunnel[4]},
			"10.0.0.9:5300>192.0.2.53:53 1/1 dns; 203.0.113.1:0>203.0.113.2:0 1/1 gre; 0 forwarded, 2 carried"},
		{"the same, sent again", slices.Concat(greTunnel, greTunnel),
			"10.0.0.9:5300>192.0.2.53:53 2/2 dns; 203.0.113.1:0>203.0.113.2:0 2/2 gre; 6 forwarded, 2 carried"},
		{"through a VXLAN that the gateway ends", vxlanTunnel,
			"10.0.0.9:5300>192.0.2.53:53 1/1 dns; 192.0.2.1:50000>192.0.2.2:4789 2/0 vxlan; 3 forwarded, 1 carried"},
		{"the same, begun by the other side", slices.Concat(vxlanTunnel[3:], vxlanTunnel[:3]),
			"192.0.2.1:50000>192.0.2.2:4789 2/0 vxlan; 10.0.0.9:5300>192.0.2.53:53 1/1 dns; 3 forwarded, 1 carried"},
		{"a tunnel that is only passed on", forward(lan0, wan0, 4, gre("203.0.113.2", "203.0.113.3",
			through(query, 64, 9))),
			"203.0.113.2:0>203.0.113.3:0 1/0 gre; 10.0.0.9:5300>192.0.2.53:53 1/0 dns; 1 forwarded, 0 carried"},
		{"from one tunnel into another", []shown{
			{wan0, in, gre("203.0.113.2", gateway, through(query, 62, 9)), nil},
			{wan0, out, gre(gateway, "203.0.113.3", through(query, 61, 9)), nil},
		}, "203.0.113.2:0>203.0.113.1:0 1/0 gre; 10.0.0.9:5300>192.0.2.53:53 1/0 dns; 203.0.113.1:0>203.0.113.3:0 " +
			"1/0 gre; 1 forwarded, 0 carried"},
		{"equal packets in tunnels of one interface that is all there is", []shown{
			{wan0, in, vxlan(7, through(query, 62, 9)), nil},
			{wan0, in, vxlan(8, through(query, 62, 9)), nil},
		}, "192.0.2.1:50000>192.0.2.2:4789 2/0 vxlan; 10.0.0.9:5300>192.0.2.53:53 1/0 dns; 10.0.0.9:5300>" +
			"192.0.2.53:53 1/0 dns; 0 forwarded, 0 carried"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, workers := range []int{1, 3} {
				if got := show(t, workers, false, c.packets); got != c.want {
					t.Errorf("%d workers:\n%s, want\n%s", workers, got, c.want)
				}
			}
			if each := show(t, 1, true, c.packets); !strings.HasSuffix(each, "; 0 forwarded, 0 carried") {
				t.Errorf("counting each: %s", each)
			}
		})
	}
}

// TestOnceWithoutOrigin: a capture that says no interface is counted as it is.
func TestOnceWithoutOrigin(t *testing.T) {
	query := through(udp(host, "192.0.2.53", 5300, 53, dnsQuery), 64, 1)
	got := show(t, 1, false, []shown{{bytes: query}, {bytes: query}})
	if want := "10.0.0.9:5300>192.0.2.53:53 2/0 dns; 0 forwarded, 0 carried"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
