// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/testing/lab"
)

// gateways are layouts of gateways: eth0 has the LAN with VLAN 5 and maybe the WAN with VLAN 7. Sides are those of
// interfaces and those of addresses.
var gateways = []struct {
	name   string
	always bool     // part of the short matrix too
	lines  []string // of a shell
	sides  map[string]string
	at     map[string]string
}{
	{
		"a bond to the LAN, a VLAN to the WAN", true,
		[]string{
			"ip link add bond0 type bond", "ip link add d0 type dummy", "ip link set d0 master bond0",
			"ip link set bond0 up",
			"ip address add 192.168.6.1/24 dev bond0", wan7, "ip route add default via 203.0.113.1",
		},
		map[string]string{"bond0": "lan", "lan5": "lan", "wan7": "wan"},
		map[string]string{"192.168.6.9": "lan", "192.168.5.9": "lan", "203.0.113.9": "wan", "9.9.9.9": "wan",
			"203.0.113.5": "gateway"},
	},
	{
		"a point-to-point link to the WAN, with one address", true,
		[]string{
			"ip tuntap add ppp0 mode tun", "ip link set ppp0 up",
			"ip address add 203.0.113.5 peer 203.0.113.1 dev ppp0",
			"ip route add default dev ppp0", "ip address add 2001:db8:5::1/64 dev lan5",
			"ip route add unreachable 2001:db8::/32",
		},
		map[string]string{"lan5": "lan", "ppp0": "wan"},
		map[string]string{"203.0.113.5": "gateway", "203.0.113.1": "wan", "203.0.113.255": "wan",
			"2001:db8:5::9": "lan", "2001:db8:9::9": "lan"},
	},
	{
		"WireGuard to a branch", false,
		[]string{
			wan7, "ip route add default via 203.0.113.1", "ip link add wg0 type wireguard", "ip link set wg0 up",
			"ip address add 10.7.0.1/24 dev wg0", "ip route add 10.8.0.0/16 dev wg0",
		},
		map[string]string{"lan5": "lan", "wan7": "wan", "wg0": "lan"},
		map[string]string{"10.7.0.9": "lan", "10.8.9.9": "lan", "10.9.9.9": "wan"},
	},
	{
		"all through WireGuard, by a rule", true,
		[]string{
			wan7, "ip route add default via 203.0.113.1", "ip link add wg0 type wireguard", "ip link set wg0 up",
			"ip address add 10.7.0.2/32 dev wg0",
			"ip route add default dev wg0 table 51820", "ip rule add not fwmark 51820 table 51820",
		},
		map[string]string{"lan5": "lan", "wan7": "wan", "wg0": "wan"},
		map[string]string{"10.7.0.2": "gateway", "9.9.9.9": "wan", "192.168.5.9": "lan"},
	},
	{
		"a VRF for the WAN", true,
		[]string{
			"ip link add blue type vrf table 10", "ip link set blue up", wan7, "ip link set wan7 master blue",
			"ip route add default via 203.0.113.1 vrf blue",
		},
		map[string]string{"lan5": "lan", "wan7": "wan"},
		map[string]string{"203.0.113.5": "gateway", "203.0.113.9": "wan", "9.9.9.9": "wan"},
	},
	{
		"a macvlan to the WAN, two VLANs of the LAN", false,
		[]string{
			"ip link add link eth0 name mac0 type macvlan mode bridge", "ip link set mac0 up",
			"ip address add 203.0.113.5/24 brd + dev mac0",
			"ip route add default via 203.0.113.1", "ip link add link eth0 name lan6 type vlan id 6",
			"ip link set lan6 up", "ip address add 192.168.6.1/24 dev lan6",
		},
		map[string]string{"lan5": "lan", "lan6": "lan", "mac0": "wan"},
		map[string]string{"192.168.6.9": "lan", "203.0.113.255": "broadcast", "203.0.113.9": "wan"},
	},
}

const (
	lan5 = "ip address flush dev eth0; ip link add link eth0 name lan5 type vlan id 5; ip link set lan5 up; ip " +
		"address add 192.168.5.1/24 dev lan5"
	wan7 = "ip link add link eth0 name wan7 type vlan id 7; ip link set wan7 up; ip address add 203.0.113.5/24 brd " +
		"+ dev wan7"
)

// TestSides: on gateways of many layouts the sides of interfaces and addresses are right, and weir explain has a reason
// for each.
func TestSides(t *testing.T) {
	inGuest(t)
	for _, row := range gateways {
		t.Run(row.name, func(t *testing.T) {
			unlessShort(t, row.always)
			h, _ := lab.NewPair(t)
			for _, line := range append([]string{lan5}, row.lines...) {
				out, err := h.Run(context.Background(), "sh", "-ec", line)
				if err != nil {
					err = fmt.Errorf("%w: %s", err, out)
				}
				needs(t, line, err)
			}
			out, err := h.Run(context.Background(), os.Getenv("WEIR"), "check", "--json")
			if err != nil {
				t.Fatal(err, out)
			}
			var said struct{ Interfaces []struct{ Name, Side string } }
			if err := json.Unmarshal([]byte(out), &said); err != nil {
				t.Fatal(err, out)
			}
			got := map[string]string{}
			for _, i := range said.Interfaces {
				got[i.Name] = i.Side
			}
			for name, want := range row.sides {
				if got[name] != want {
					t.Errorf("%s is %q, want %q", name, got[name], want)
				}
			}
			for address, want := range row.at {
				out, err := h.Run(context.Background(), os.Getenv("WEIR"), "explain", "--socket", "/run/none.sock",
					address)
				if err != nil || !strings.Contains(out, address+" is "+want+": ") {
					t.Errorf("%s is not %s: %s %v", address, want, out, err)
				}
			}
		})
	}
}
