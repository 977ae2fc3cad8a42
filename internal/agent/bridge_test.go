// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/testing/lab"
)

// TestBridge: the gateway's LAN is a bridge of two ports, like a home router's of cable and Wi-Fi. By default weir
// counts each packet once: those that the bridge forwards between ports, those that the gateway routes, receives and
// sends.
func TestBridge(t *testing.T) {
	for _, mode := range append(liveModes(t), "ebpf clsact", "afpacket plain", "libpcap plain") {
		t.Run(mode, func(t *testing.T) {
			mode, hook, _ := strings.Cut(mode, " ")
			if mode == "libpcap" {
				needLibpcap(t)
			}
			l := lab.New(t, lab.Options{WireSize: true})
			other, _ := lab.NewPair(t)
			sh(t, other, "ip link delete eth0")
			joinHosts(t, l.Gateway, other, "lan1", "192.168.77.250/32", "192.168.77.200/24")
			sh(t, other, "ip route add default via 192.168.77.1")
			sh(t, l.Gateway, "ip address flush dev lan1", "ip address delete 192.168.77.1/24 dev lan0",
				"ip link add br-lan type bridge mcast_snooping 0", "ip link set lan0 master br-lan",
				"ip link set lan1 master br-lan",
				"ip link set br-lan up", "ip address add 192.168.77.1/24 dev br-lan",
				"ethtool -K br-lan tso off gso off gro off tx off >/dev/null || true")
			sh(t, l.Clients[0], "ip neigh flush all")
			r := watch(t, l.Gateway, "--mode", mode, "--hook", hook)
			if said := r.Said.String(); !strings.Contains(said, "watching") || strings.Contains(said, "br-lan, mode") {
				t.Errorf("it said\n%s", said)
			}
			const rounds = 20
			talks := []struct {
				what     string
				from, to *lab.Host
				address  string
				isOwn    bool // the gateway itself sends one direction
			}{
				{"port to port", l.Clients[0], other, "192.168.77.200", false},
				{"and back", other, l.Clients[0], "192.168.77.10", false},
				{"out, behind NAT", other, l.Servers[0], l.Servers[0].Addr4.String(), false},
				{"to the gateway", l.Clients[0], l.Gateway, "192.168.77.1", true},
				{"from the gateway", l.Gateway, other, "192.168.77.200", true},
			}
			for i, x := range talks {
				at := fmt.Sprintf("%s:%d", x.address, 7100+i)
				talk{network: "udp4", from: x.from, to: x.to, dial: addrPort(t, at), listen: addrPort(t, at),
					rounds: rounds, length: 100}.run(t)
			}
			broadcast(t, l.Gateway, "192.168.77.1", "192.168.77.255:7099", rounds)
			got := map[int]endpoint{}
			for _, f := range r.stop() {
				sum := got[f.Server.Port]
				got[f.Server.Port] = endpoint{Packets: sum.Packets + f.Client.Packets, Bytes: sum.Bytes +
					f.Server.Packets}
			}
			for i, x := range talks {
				want := [2]uint64{rounds, rounds}
				if x.isOwn && mode == "libpcap" && hook == "plain" { // as weir's log says
					want[0], want[1] = got[7100+i].Packets, got[7100+i].Bytes
					if want[0]+want[1] != rounds {
						t.Errorf("%s: %v packets", x.what, want)
					}
				}
				if have := [2]uint64{got[7100+i].Packets, got[7100+i].Bytes}; have != want {
					t.Errorf("%s: %v packets, want %v", x.what, have, want)
				}
			}
			want := uint64(rounds) // the bridge has sent each to both of its ports
			if mode == "libpcap" && hook == "plain" {
				want = 0
			}
			if n := got[7099].Packets + got[7099].Bytes; n != want {
				t.Errorf("%d broadcasts of the gateway's, want %d", n, want)
			}
			if t.Failed() {
				t.Logf("%s", r.Stdout.String())
			}
		})
	}
}

func addrPort(t *testing.T, s string) netip.AddrPort {
	t.Helper()
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// broadcast sends datagrams: of each two the second is like the first.
func broadcast(t *testing.T, h *lab.Host, from, to string, n int) {
	t.Helper()
	if err := h.Do(func() error {
		c, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(addrPort(t, from+":0")),
			net.UDPAddrFromAddrPort(addrPort(t, to)))
		if err != nil {
			return err
		}
		defer c.Close()
		for i := range n {
			if _, err := fmt.Fprintf(c, "broadcast %d", i/2); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	lab.Landed(t)
}

// TestNotOfOneBridge: what looks like a bridge's copies and is none is counted on each interface: a unicast frame, and
// broadcasts with the addresses of two interfaces. The same broadcast twice on one interface is two packets.
func TestNotOfOneBridge(t *testing.T) {
	for _, mode := range append(liveModes(t), "ebpf clsact", "afpacket plain") {
		t.Run(mode, func(t *testing.T) {
			mode, hook, _ := strings.Cut(mode, " ")
			h := quietHost(t, 2)
			r := watch(t, h, "-i", "out0", "-i", "out1", "--mode", mode, "--hook", hook)
			unicast := datagrams(1)[0]
			broadcast := slices.Clone(unicast)
			copy(broadcast, "\xff\xff\xff\xff\xff\xff")
			binary.BigEndian.PutUint16(broadcast[14+22:], 9999) // the destination port
			const rounds = 3
			send := func(link string, frame []byte) {
				if _, err := h.SendFrames(t.Context(), link, [][]byte{frame}, lab.Sending{Rate: 1000}); err != nil {
					t.Fatal(err)
				}
			}
			for range rounds {
				for i, link := range []string{"out0", "out1"} {
					send(link, unicast)
					send(link, unicast)
					broadcast[6+5] = byte(i) // of its own address
					send(link, broadcast)
					send(link, broadcast)
				}
			}
			lab.Landed(t)
			got := map[int]uint64{}
			for _, f := range r.stop() {
				got[min(f.Client.Port, f.Server.Port)] += f.Client.Packets + f.Server.Packets
			}
			for port, n := range got {
				if n != 4*rounds {
					t.Errorf("port %d: %d packets, want %d", port, n, 4*rounds)
				}
			}
			if len(got) != 2 {
				t.Errorf("flows of %v", got)
			}
		})
	}
}
