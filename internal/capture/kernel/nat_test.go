// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// gateway is a router that translates the addresses of its LAN (10.0.1.0/24) to its own on the WAN (10.0.2.2), and
// forwards its UDP port 5300 to the LAN. weir watches both interfaces.
type gateway struct {
	*rig
	router   *namespace
	lan, wan *port // the far ends
	inside   *port // the router's ports
	outside  *port
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	router := newNamespace(t)
	lan, inside := connect(newNamespace(t), router, 1)
	wan, outside := connect(newNamespace(t), router, 2)
	router.sysctl("net/ipv4/ip_forward", "1")
	lan.run("ip route add default via %s", inside.address)
	router.run("nft add table ip nat")
	router.run("nft add chain ip nat post { type nat hook postrouting priority 100 ; }")
	router.run("nft add chain ip nat pre { type nat hook prerouting priority -100 ; }")
	router.run("nft add rule ip nat post oifname %s masquerade", outside.name)
	router.run("nft add rule ip nat pre iifname %s udp dport 5300 dnat to %s:53", outside.name, lan.address)
	g := &gateway{newRig(t, Config{Geometry: Geometry{Workers: 2, SlotsPerWorker: 64}}), router, lan, wan, inside,
		outside}
	g.attach(inside)
	g.attach(outside)
	return g
}

// TestNAT: behind a masquerading gateway a connection is one flow, under the LAN's ends.
func TestNAT(t *testing.T) {
	const n = 30
	g := newGateway(t)
	none := [bpf.WeirCauseNUM_CAUSES]uint64{}
	lan, wan := g.lan.listenUDP(g.lan.address, 1000), g.wan.listenUDP(g.wan.address, 53)
	if err := exchangeNAT(lan, wan, wan.LocalAddr(), n); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("udp 10.0.1.1 1000 10.0.2.1 53 %d/%d %d/%d", n, 36*n, n, 34*n)
	if got := g.describe(none); got != want {
		t.Errorf("UDP: got %s, want %s", got, want)
	}
	if got := g.flowEntries(); got != 2 {
		t.Errorf("%d keys of one flow with an alias", got)
	}
	g.reset()
	if got := g.flowEntries(); got != 0 {
		t.Errorf("%d keys are left of a flow that is gone", got)
	}
	// The same ends again: another life uses the slot, and has its own alias.
	if err := exchangeNAT(lan, wan, wan.LocalAddr(), n); err != nil {
		t.Fatal(err)
	}
	if got := g.describe(none); got != want {
		t.Errorf("UDP once more: got %s, want %s", got, want)
	}
	g.reset()

	// From outside, to the forwarded port.
	server := g.lan.listenUDP(g.lan.address, 53)
	client := g.wan.listenUDP(g.wan.address, 2000)
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(g.outside.address, 5300))
	if err := exchangeNAT(client, server, to, n); err != nil {
		t.Fatal(err)
	}
	want = fmt.Sprintf("udp 10.0.2.1 2000 10.0.2.2 5300 %d/%d %d/%d", n, 36*n, n, 34*n)
	if got := g.describe(none); got != want {
		t.Errorf("forwarded port: got %s, want %s", got, want)
	}
	g.reset()

	// Two hosts of the LAN use the same port: the gateway translates one of them to another port.
	g.lan.run("ip address add 10.0.1.9/24 dev %s", g.lan.name)
	g.router.run("ip neigh add 10.0.1.9 lladdr %s dev %s nud permanent", g.lan.mac, g.inside.name)
	second := g.lan.listenUDP(netip.MustParseAddr("10.0.1.9"), 1000)
	for _, s := range []*net.UDPConn{lan, second} {
		if err := exchangeNAT(s, wan, wan.LocalAddr(), n); err != nil {
			t.Fatal(err)
		}
	}
	want = fmt.Sprintf("udp 10.0.1.1 1000 10.0.2.1 53 %d/%d %d/%d; udp 10.0.1.9 1000 10.0.2.1 53 %d/%d %d/%d",
		n, 36*n, n, 34*n, n, 36*n, n, 34*n)
	if got := g.describe(none); got != want {
		t.Errorf("two hosts: got %s, want %s", got, want)
	}
}

// TestNATMidStream attaches in mid-flow, and receives an answer first: the result is one flow, under the outer ends.
func TestNATMidStream(t *testing.T) {
	const n = 10
	g := newGateway(t)
	g.detach(g.inside)
	g.detach(g.outside)
	lan, wan := g.lan.listenUDP(g.lan.address, 1000), g.wan.listenUDP(g.wan.address, 53)
	if err := exchangeNAT(lan, wan, wan.LocalAddr(), n); err != nil {
		t.Fatal(err)
	}
	g.attach(g.inside)
	g.attach(g.outside)
	outside := netip.AddrPortFrom(g.outside.address, 1000)
	if _, err := wan.WriteToUDPAddrPort([]byte("answer"), outside); err != nil {
		t.Fatal(err)
	}
	if err := receive(lan, make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	if err := exchangeNAT(lan, wan, wan.LocalAddr(), n); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("udp 10.0.2.1 53 10.0.2.2 1000 %d/%d %d/%d", n+1, 34*(n+1), n, 36*n)
	if got := g.describe([bpf.WeirCauseNUM_CAUSES]uint64{}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	g.reset()
	if got := g.flowEntries(); got != 0 {
		t.Errorf("%d keys are left", got)
	}
}

// TestNATPings: hosts of the LAN ping one server at once, some with the same identifier, which the gateway translates.
// Each ping is a flow with its answers, and so is each of two simultaneous pings of one host.
func TestNATPings(t *testing.T) {
	g := newGateway(t)
	g.lan.run("ip address add 10.0.1.9/24 dev %s", g.lan.name)
	g.router.run("ip neigh add 10.0.1.9 lladdr %s dev %s nud permanent", g.lan.mac, g.inside.name)
	pings := []ping{{"10.0.1.1", 7}, {"10.0.1.9", 7}, {"10.0.1.1", 8}, {"10.0.1.1", 9}}
	const n = 20
	socket := g.lan.packetSocket()
	for seq := range n {
		for _, p := range pings {
			if err := unix.Send(socket, join(g.inside.mac, g.lan.mac, raw("0800"), p.request("10.0.2.1", seq)),
				0); err != nil {
				t.Fatal(err)
			}
		}
	}
	const bytes = (20 + 8 + 3) * n
	want := fmt.Sprintf("icmp 10.0.1.1 7 10.0.2.1 2048 type 8/0 %d/%d %d/%d", n, bytes, n, bytes)
	for _, p := range []ping{pings[2], pings[3], pings[1]} {
		want += fmt.Sprintf("; icmp %s %d 10.0.2.1 2048 type 8/0 %d/%d %d/%d", p.from, p.id, n, bytes, n, bytes)
	}
	got := func() string { return g.describe([bpf.WeirCauseNUM_CAUSES]uint64{}) }
	if !wait.Reached(func() bool { return got() == want }) {
		t.Errorf("got  %s\nwant %s", got(), want)
	}
	if got := g.flowEntries(); got != 2*len(pings) {
		t.Errorf("%d keys of %d flows with an alias each", got, len(pings))
	}
	g.reset()
	if got := g.flowEntries(); got != 0 {
		t.Errorf("%d keys are left of flows that are gone", got)
	}
}

type ping struct {
	from string
	id   int
}

// request returns the IP packet of an echo request.
func (p ping) request(to string, seq int) []byte {
	src, dst := netip.MustParseAddr(p.from).As4(), netip.MustParseAddr(to).As4()
	b := ip4(1, raw("0800 0000"), be16(p.id), be16(seq), abc)
	b = with(with(b, 12, src[:]...), 16, dst[:]...)
	b = with(b, 10, checksum(with(b[:20], 10, 0, 0))...)
	return with(b, 22, checksum(b[20:])...)
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte) []byte {
	sum := 0
	for i, c := range b {
		sum += int(c) << (8 * (1 - i&1))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return be16(^sum & 0xffff)
}

// exchangeNAT is exchange for an a that knows b by another address; b answers any sender.
func exchangeNAT(a, b *net.UDPConn, to net.Addr, n int) error {
	buffer := make([]byte, 2048)
	for i := range n {
		if _, err := a.WriteTo([]byte("question"), to); err != nil {
			return err
		}
		if err := b.SetReadDeadline(soon()); err != nil {
			return err
		}
		_, from, err := b.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return fmt.Errorf("question %d of %d: %w", i, n, err)
		}
		if _, err := b.WriteToUDPAddrPort([]byte("answer"), from); err != nil {
			return err
		}
		if err := receive(a, buffer); err != nil {
			return fmt.Errorf("answer %d of %d: %w", i, n, err)
		}
	}
	return nil
}

// TestNATRebirth opens the same connection repeatedly, from one port of the LAN: each is a flow of its own, with both
// directions, even before the retirement of the previous one.
func TestNATRebirth(t *testing.T) {
	const connections, size = 5, 20_000
	g := newGateway(t)
	for _, p := range []*port{g.lan, g.wan} { // segments as they are
		p.run("ethtool -K %s tso off gso off gro off", p.name)
		p.sysctl("net/ipv4/tcp_max_tw_buckets", "0") // the port is free at once
	}
	for range connections {
		if err := transfer(g.lan, g.wan, size); err != nil {
			t.Fatal(err)
		}
	}
	var packets, bytes [2]uint64
	for _, n := range []*port{g.lan, g.wan} {
		c := n.tcpCounters()
		if c["RetransSegs"] != 0 {
			t.Fatal("segments were lost")
		}
		i := 0
		if n == g.wan {
			i = 1
		}
		packets[i] = c["OutSegs"]
		bytes[i] = c["OutSegs"]*52 + connections*8
	}
	bytes[0] += connections * size
	wait.Reached(func() bool { return len(g.slots()) == connections })
	var got, gotBytes [2]uint64
	for i, s := range g.slots() {
		got[0], got[1] = got[0]+s.Lower.Packets, got[1]+s.Upper.Packets
		gotBytes[0], gotBytes[1] = gotBytes[0]+s.Lower.Bytes, gotBytes[1]+s.Upper.Bytes
		if s.Lower.Bytes < size || s.Upper.Packets < 3 || s.LowerFlags&s.UpperFlags != fin|syn {
			t.Errorf("connection %d: %s", i, s.describe())
		}
	}
	if len(g.slots()) != connections || got != packets || gotBytes != bytes {
		t.Errorf("%d flows with %v packets and %v bytes; %d connections, TCP says %v and %v", len(g.slots()), got,
			gotBytes, connections,
			packets, bytes)
	}
	g.reset()
	if n := g.flowEntries(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

// TestNATTakenOver: the gateway forgets a translation, and gives its name to another host. From then on answers count
// in that host's flow, also where the cache had the name.
func TestNATTakenOver(t *testing.T) {
	const n = 10
	g := newGateway(t)
	g.lan.run("ip address add 10.0.1.9/24 dev %s", g.lan.name)
	g.router.run("ip neigh add 10.0.1.9 lladdr %s dev %s nud permanent", g.lan.mac, g.inside.name)
	first, second := g.lan.listenUDP(g.lan.address, 1000), g.lan.listenUDP(netip.MustParseAddr("10.0.1.9"), 1000)
	wan := g.wan.listenUDP(g.wan.address, 53)
	for _, s := range []*net.UDPConn{first, second} {
		g.router.try(forgetConnections)
		if err := exchangeNAT(s, wan, wan.LocalAddr(), n); err != nil {
			t.Fatal(err)
		}
	}
	want := fmt.Sprintf("udp 10.0.1.1 1000 10.0.2.1 53 %d/%d %d/%d; udp 10.0.1.9 1000 10.0.2.1 53 %d/%d %d/%d",
		n, 36*n, n, 34*n, n, 36*n, n, 34*n)
	if got := g.describe([bpf.WeirCauseNUM_CAUSES]uint64{}); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := g.flowEntries(); got != 3 {
		t.Errorf("%d keys of two flows, one of which has lost its alias", got)
	}
	g.reset()
	if got := g.flowEntries(); got != 0 {
		t.Errorf("%d keys are left", got)
	}
}

// forgetConnections empties the table of connection tracking (linux/netfilter/nfnetlink_conntrack.h).
func forgetConnections() error {
	s, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	const remove = 1<<8 | 2 // NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
	request := binary.NativeEndian.AppendUint32(nil, unix.SizeofNlMsghdr+4)
	request = binary.NativeEndian.AppendUint16(request, remove)
	request = binary.NativeEndian.AppendUint16(request, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	request = append(request, make([]byte, 8+4)...)
	if err := unix.Sendto(s, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	size, _, err := unix.Recvfrom(s, answer, 0)
	if err != nil || size < unix.SizeofNlMsghdr+4 {
		return fmt.Errorf("answer of %d bytes: %w", size, err)
	}
	if code := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
