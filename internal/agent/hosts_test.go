// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"encoding/json"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/testing/lab"
)

// asksForAddress makes a host send a DHCP request with its name, as a client without an address does (RFC 2131 §4.4.1).
func asksForAddress(t *testing.T, h *lab.Host, name string) {
	t.Helper()
	link, err := h.Link("eth0")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 240, 300)
	b[0], b[1], b[2], b[10] = 1, 1, 6, 0x80
	copy(b[28:], link.HardwareAddr)
	copy(b[236:], "\x63\x82\x53\x63")
	b = append(b, 53, 1, 3, 12, byte(len(name)))
	b = append(append(b, name...), 60, 8)
	b = append(append(b, "MSFT 5.0"...), 255)
	err = h.Do(func() error {
		config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
			return c.Control(func(fd uintptr) {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_BROADCAST,
					1)
			})
		}}
		c, err := config.ListenPacket(t.Context(), "udp4", "0.0.0.0:68")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.WriteTo(b, &net.UDPAddr{IP: net.IPv4bcast, Port: 67})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// devices queries a running weir.
func devices(t *testing.T, h *lab.Host, socket string) (all []hosts.Host) {
	t.Helper()
	said := sh(t, h, weir(t)+" hosts --json --socket "+socket)
	if err := json.Unmarshal([]byte(said), &all); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return all
}

// TestNamesAnnounced: weir learns the names that real programs announce by mDNS, LLMNR, NetBIOS, SSDP and DHCP.
func TestNamesAnnounced(t *testing.T) {
	h := quietHost(t, 1)
	socket := t.TempDir() + "/weir.sock"
	r := watch(t, h, "-i", "in0", "--mode", "ebpf", "--socket", socket, "--update-every", "100ms", "--lan-network",
		someNetwork)
	var all []hosts.Host
	names := func() map[string]string {
		all = devices(t, h, socket)
		of := map[string]string{}
		for _, h := range all {
			for _, n := range h.Names {
				of[h.MAC+" "+n.Source] = n.Name
			}
		}
		return of
	}
	for _, name := range []string{"mdns-avahi", "llmnr", "netbios-ns", "ssdp-minidlna", "dhcp-dnsmasq-client"} {
		if _, err := h.ReplayCapture(t.Context(), "out0", "../../testdata/"+name+".pcap",
			lab.Sending{Rate: 1000}); err != nil {
			t.Fatal(err)
		}
	}
	const client, server = "00:00:5e:00:53:10 ", "00:00:5e:00:53:20 " // in all recordings
	want := map[string]string{client + "dhcp": "laptop", client + "mdns": "client", server + "mdns": "server", server +
		"llmnr": "server", server + "netbios": "SERVER"}
	if !r.Within(10*time.Second, func() bool { return maps.Equal(names(), want) }) {
		t.Errorf("got %q, want %q; devices: %+v", names(), want, all)
	}
}

// TestHosts: a gateway knows the devices of its LAN, by name if they announce one, behind another router too, and after
// a restart.
func TestHosts(t *testing.T) {
	l := lab.New(t, lab.Options{Clients: 3})
	router := l.Clients[1]
	sh(t, router, "ip address add 10.50.0.5/32 dev lo", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	sh(t, l.Gateway, "ip route add 10.50.0.0/24 via "+router.Addr4.String())
	directory := t.TempDir()
	socket, state := directory+"/weir.sock", directory+"/state"
	flags := []string{"-i", "lan0", "-i", "wan0", "--mode", "ebpf", "--socket", socket, "--state", state,
		"--update-every", "100ms"}
	r := watch(t, l.Gateway, flags...)
	asksForAddress(t, l.Clients[0], "DESKTOP-ANNA")
	sh(t, l.Clients[0], "ping -q -c1 "+l.Servers[0].Addr4.String(), "ping -q -c1 "+l.Servers[0].Addr6.String())
	sh(t, router, "ping -q -c1 -I 10.50.0.5 "+l.Servers[0].Addr4.String())
	mac := func(h *lab.Host) string {
		link, err := h.Link("eth0")
		if err != nil {
			t.Fatal(err)
		}
		return link.HardwareAddr.String()
	}
	var all []hosts.Host
	find := func(is func(*hosts.Host) bool) *hosts.Host {
		if i := slices.IndexFunc(all, func(h hosts.Host) bool { return is(&h) }); i >= 0 {
			return &all[i]
		}
		return &hosts.Host{}
	}
	has := func(h *hosts.Host, address netip.Addr) bool {
		return slices.ContainsFunc(h.Addresses, func(a hosts.Address) bool { return a.IP == address })
	}
	isComplete := func() bool {
		all = devices(t, l.Gateway, socket)
		named := find(func(h *hosts.Host) bool { return h.MAC == mac(l.Clients[0]) })
		gateway := find(func(h *hosts.Host) bool { return h.MAC == mac(router) })
		behind := find(func(h *hosts.Host) bool { return h.Router == router.Addr4 })
		return len(named.Names) == 1 && named.Names[0].Name == "DESKTOP-ANNA" && named.OS != nil &&
			named.OS.Value == "windows" &&
			has(named, l.Clients[0].Addr4) && has(named, l.Clients[0].Addr6) && named.Interface == "lan0" &&
			gateway.IsRouter && !gateway.Router.IsValid() && has(behind, netip.MustParseAddr("10.50.0.5")) &&
			behind.MAC == ""
	}
	if !r.Within(40*time.Second, isComplete) {
		t.Fatal(sh(t, l.Gateway, weir(t)+" hosts --json --socket "+socket))
	}
	for i := range all {
		if has(&all[i], l.Servers[0].Addr4) || has(&all[i], netip.MustParseAddr("192.168.77.1")) {
			t.Errorf("%+v is no device of the LAN", all[i])
		}
	}
	if said := sh(t, l.Gateway, weir(t)+" explain --socket "+socket+" "+l.Clients[0].Addr4.String()); !strings.Contains(
		said, "called DESKTOP-ANNA (dhcp)") ||
		!strings.Contains(said, "windows") {
		t.Error(said)
	}
	said := sh(t, l.Gateway, weir(t)+" hosts --socket "+socket)
	if !strings.Contains(said, "DESKTOP-ANNA") || !strings.Contains(said, "behind 192.168.77.11") {
		t.Error(said)
	}
	r.stop()
	watch(t, l.Gateway, flags...)
	if !isComplete() {
		t.Errorf("after a restart: %+v", all)
	}
	if other := launch(t, l.Gateway, weir(t), "run", "--state", state, "--socket", "none"); other.End(
		10*time.Second) != 2 ||
		!strings.Contains(other.Said.String(), "another weir uses it") {
		t.Errorf("a second one with the same state: %s", other.Said)
	}
}
