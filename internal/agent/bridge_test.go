// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/lab"
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
