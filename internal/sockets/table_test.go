// SPDX-License-Identifier: Apache-2.0

package sockets

import (
	"net/netip"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

const (
	here   = "192.0.2.1"
	there  = "203.0.113.7"
	second = int64(time.Second)
)

func socket(proto uint8, local, remote, name string, since int64) *Socket {
	s := &Socket{Proto: proto, IsOwn: true, Since: since, Local: netip.MustParseAddrPort(local),
		Process: record.Process{PID: 1, Name: name}}
	if remote != "" {
		s.Remote = netip.MustParseAddrPort(remote)
	}
	return s
}

// flow is a flow between this machine and others, by their addresses.
func flow(proto uint8, client, server string) *record.Flow {
	r := &record.Flow{Proto: proto, LastSeen: 100 * second,
		Client: record.Endpoint{Addr: netip.MustParseAddrPort(client), Side: record.SideWAN},
		Server: record.Endpoint{Addr: netip.MustParseAddrPort(server), Side: record.SideWAN}}
	for _, end := range []*record.Endpoint{&r.Client, &r.Server} {
		if end.Addr.Addr().String() == here {
			end.Side = record.SideGateway
		}
	}
	return r
}

func name(r *record.Flow) string {
	if r.Process == nil {
		return ""
	}
	return r.Process.Name
}

func TestTable(t *testing.T) {
	const tcp, udp = packet.ProtoTCP, packet.ProtoUDP
	table := NewTable()
	for _, s := range []*Socket{
		socket(tcp, here+":40000", there+":443", "client", 1),
		socket(tcp, "0.0.0.0:22", "", "any", 1),
		socket(tcp, here+":80", "", "one", 1),
		socket(tcp, here+":80", there+":50000", "worker", 1),
		socket(udp, "[::]:5000", "", "datagrams", 1),
		socket(udp, here+":40001", there+":53", "connected", 1),
		socket(tcp, here+":40002", "10.96.0.1:443", "translated", 1),
	} {
		table.Add(s)
	}
	container := socket(tcp, "172.17.0.2:40000", there+":443", "inside", 1)
	container.IsOwn = false
	table.Add(container)
	listens := socket(tcp, here+":8080", "", "inside", 1)
	listens.IsOwn = false
	table.Add(listens)
	for _, c := range []struct {
		proto                uint8
		client, server, want string
	}{
		{tcp, here + ":40000", there + ":443", "client"},
		{tcp, there + ":443", here + ":40000", "client"}, // the ends are confused
		{udp, here + ":40000", there + ":443", ""},
		{tcp, there + ":50000", here + ":80", "worker"},
		{tcp, there + ":50001", here + ":80", "one"},
		{tcp, there + ":50001", here + ":22", "any"},
		{tcp, here + ":22", there + ":9", ""},                     // a connection from the port of a listening socket
		{tcp, "192.168.1.2:50001", there + ":22", ""},             // forwarded
		{udp, "192.168.1.2:5000", there + ":5000", ""},            // forwarded
		{udp, here + ":5000", there + ":9", "datagrams"},          // from the socket
		{udp, "[2001:db8::1]:9", "[2001:db8::2]:5000", ""},        // to another machine
		{udp, there + ":9", here + ":5000", "datagrams"},          // to the socket
		{udp, here + ":40001", there + ":53", "connected"},        //
		{udp, here + ":40001", "203.0.113.8:53", ""},              //
		{tcp, "172.17.0.2:40000", there + ":443", "inside"},       // a container's
		{tcp, there + ":443", here + ":8080", ""},                 // another namespace has that address too
		{packet.ProtoSCTP, here + ":40000", there + ":443", ""},   //
		{tcp, "192.168.1.2:40000", there + ":443", ""},            //
		{tcp, here + ":40002", "198.51.100.9:6443", "translated"}, // by its NAT, see below
	} {
		r := flow(c.proto, c.client, c.server)
		if c.want == "translated" {
			r.NAT = record.NAT{Kind: record.DNAT, Client: r.Client.Addr,
				Server: netip.MustParseAddrPort("10.96.0.1:443")}
		}
		if table.Flow(r); name(r) != c.want {
			t.Errorf("%d %s to %s: %q, want %q", c.proto, c.client, c.server, name(r), c.want)
		}
	}
	(*Table)(nil).Flow(flow(tcp, here+":1", there+":1"))
}

// TestReused: a port's next owner does not take the flow of the one before.
func TestReused(t *testing.T) {
	table := NewTable()
	const local, remote = here + ":40000", there + ":443"
	table.Add(socket(packet.ProtoTCP, local, remote, "first", 10*second))
	table.Add(socket(packet.ProtoTCP, local, remote, "first", 11*second)) // again
	table.Add(socket(packet.ProtoTCP, local, remote, "second", 50*second))
	for _, c := range []struct {
		last int64
		want string
	}{{5 * second, "first"}, {20 * second, "first"}, {50 * second, "second"}, {90 * second, "second"}} {
		r := flow(packet.ProtoTCP, local, remote)
		r.LastSeen = c.last
		if table.Flow(r); name(r) != c.want {
			t.Errorf("at %d s: %q, want %q", c.last/second, name(r), c.want)
		}
	}
	table.Add(socket(packet.ProtoTCP, local, remote, "third", 70*second))
	for k, o := range table.young {
		if depth := o.before; depth == nil || depth.before != nil {
			t.Errorf("%v remembers more than one owner before", k)
		}
	}
}

// TestBounded: the sockets that flows still have last, others make room.
func TestBounded(t *testing.T) {
	table := NewTable()
	used := socket(packet.ProtoTCP, here+":1", there+":1", "used", 1)
	table.Add(used)
	r := flow(packet.ProtoTCP, here+":1", there+":1")
	address := netip.MustParseAddr("10.0.0.0")
	for i := range 5 * generation {
		if i%60000 == 0 {
			address = address.Next()
		}
		s := socket(packet.ProtoTCP, here+":2", there+":2", "other", 1)
		s.Remote = netip.AddrPortFrom(address, uint16(i%60000+1))
		s.Process.PID = uint32(i)
		table.Add(s)
		if i%1000 == 0 {
			r.Process = nil
			if table.Flow(r); name(r) != "used" {
				t.Fatalf("forgotten after %d others", i)
			}
		}
	}
	if n := len(table.young) + len(table.old); n > 2*generation || len(table.shared) > maxShared {
		t.Errorf("%d sockets, %d processes", n, len(table.shared))
	}
	var s metric.Snapshot
	table.SetLost(7)
	table.Collect(&s)
	if s[metric.SocketsLost] != 7 || s[metric.SocketsForgotten] < 2*generation {
		t.Errorf("%d lost, %d forgotten", s[metric.SocketsLost], s[metric.SocketsForgotten])
	}
}

func TestFlowDoesNotAllocate(t *testing.T) {
	table := NewTable()
	table.Add(socket(packet.ProtoUDP, "0.0.0.0:5000", "", "datagrams", 1))
	r := flow(packet.ProtoUDP, there+":9", here+":5000")
	if n := testing.AllocsPerRun(100, func() { table.Flow(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
