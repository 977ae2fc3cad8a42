// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

func networksOf(n *Network, name string) (all []string) {
	for _, p := range n.Networks(n.names[name]) {
		if !p.Addr().IsLinkLocalUnicast() { // it comes with the link, some time later
			all = append(all, p.String())
		}
	}
	return all
}

// TestNetworks: the networks of interfaces' addresses, which a Follower follows.
func TestNetworks(t *testing.T) {
	namespace := newNamespace(t)
	many := []string{"link add lan type bridge", "link add port type veth peer name peer", "link set port master lan",
		"link add wan type bridge", "link add many type bridge", "link set lan up", "link set port up",
		"link set wan up",
		"address add 192.168.1.77/24 dev lan", "address add 192.168.1.78/24 dev lan", "address add 10.1.2.3/8 dev lan",
		"address add 2001:db8:1::5/64 dev lan", "address add 203.0.113.5 peer 203.0.113.9/32 dev wan"}
	for i := range 3 * MaxNetworks {
		many = append(many, fmt.Sprintf("address add 10.99.%d.1/24 dev many", i))
	}
	ip(t, many...)
	n, err := now(Sides{}, namespace)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"10.0.0.0/8", "192.168.1.0/24", "2001:db8:1::/64"}
	for name, want := range map[string][]string{"lan": want, "port": want, "wan": {"203.0.113.9/32"}} {
		if got := networksOf(n, name); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	if got := len(n.Networks(n.names["many"])); got != MaxNetworks {
		t.Errorf("%d networks of very many", got)
	}

	f, err := newFollower(Sides{}, namespace, receiveBuffer)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	networks, ended := make(chan *Network, 1000), make(chan error, 1)
	go func() {
		ended <- f.Run(ctx, Handler{Link: func(Event) {}, Network: func(n *Network) { networks <- n },
			Failed: func(err error) { t.Error(err) }})
	}()
	await := func(want ...string) {
		t.Helper()
		for !slices.Equal(networksOf(wait.For(t, fmt.Sprint(want), networks), "wan"), want) {
		}
	}
	await("203.0.113.9/32")
	ip(t, "address add 198.51.100.7/28 dev wan")
	await("198.51.100.0/28", "203.0.113.9/32")
	ip(t, "address flush dev wan")
	await()
	cancel()
	if err := wait.For(t, "Run ends with its context", ended); err != nil {
		t.Error(err)
	}
}

// TestParseAddress: no message makes the parser panic, and a cut one is no network of another length.
func TestParseAddress(t *testing.T) {
	e := netlink.NewAttributeEncoder()
	e.Bytes(unix.IFA_LOCAL, []byte{192, 168, 1, 77})
	e.Bytes(unix.IFA_ADDRESS, []byte{192, 168, 1, 77})
	attributes, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	whole := append([]byte{unix.AF_INET, 24, 0, 0, 7, 0, 0, 0}, attributes...)
	want := netip.MustParsePrefix("192.168.1.0/24")
	for n := range len(whole) + 1 {
		m := netlink.Message{Header: netlink.Header{Type: unix.RTM_NEWADDR}, Data: whole[:n]}
		_, network, ok := parseAddress(m)
		if ok != (n == len(whole)) || ok && network != want {
			t.Errorf("%d of %d bytes: %v %v", n, len(whole), network, ok)
		}
	}
	for _, bad := range []struct {
		bits    byte
		address []byte
	}{{33, []byte{10, 0, 0, 1}}, {129, make([]byte, 16)}, {24, []byte{10, 0, 0}}, {24, nil}} {
		e := netlink.NewAttributeEncoder()
		e.Bytes(unix.IFA_ADDRESS, bad.address)
		attributes, _ := e.Encode()
		m := netlink.Message{Header: netlink.Header{Type: unix.RTM_NEWADDR},
			Data: append([]byte{unix.AF_INET, bad.bits, 0, 0, 7, 0, 0, 0}, attributes...)}
		if _, network, ok := parseAddress(m); ok {
			t.Errorf("%v becomes %v", bad, network)
		}
	}
}
