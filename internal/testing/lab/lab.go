// SPDX-License-Identifier: Apache-2.0

// Package lab makes networks for tests and measurements: hosts in network namespaces of their own, joined by veth
// pairs. No packet leaves them. All of it ends with the process that made it, even a killed one: the namespaces have no
// name, and only that process holds them.
//
// It needs the programs ip, nft and ethtool, and CAP_SYS_ADMIN and CAP_NET_ADMIN, which "unshare --user
// --map-root-user" gives to anybody where the kernel allows user namespaces.
package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// Options configure a gateway lab.
type Options struct {
	Clients, Servers int  // 0 means one; at most 100
	NoNAT            bool // the gateway routes IPv4 without masquerade
	// WireSize turns off checksum and segmentation offloads of all links: packets look as on a wire.
	WireSize bool
}

// Lab is a gateway (its links: lan0, wan0) between clients and servers (their link: eth0). IPv4 is masqueraded, IPv6
// routed.
//
//	clients 192.168.77.10…, 2001:db8:77::10…      gateway 192.168.77.1, 2001:db8:77::1 (lan0)
//	servers 198.51.100.10…, 2001:db8:100::10…     gateway 198.51.100.1, 2001:db8:100::1 (wan0)
//
// The gateway's default route leads to the first server, which can get any further address ([Host.AddAddress] on lo).
type Lab struct {
	Gateway          *Host
	Clients, Servers []*Host

	hosts []*Host
	mark  string // of the programs
	wire  bool
	macs  int
}

var labs atomic.Int64

// New makes a gateway lab that ends with the test. If it cannot, it skips the test, or fails it with CI=true.
func New(t testing.TB, o Options) *Lab {
	t.Helper()
	l, err := Make(o)
	if err != nil {
		unavailable(t, err)
	}
	t.Cleanup(l.Close)
	return l
}

// NewPair makes two hosts joined by one veth pair, eth0 at both ends: 192.0.2.1 and 2001:db8::1, 192.0.2.2 and
// 2001:db8::2.
func NewPair(t testing.TB) (a, b *Host) {
	t.Helper()
	l, a, b, err := MakePair()
	if err != nil {
		unavailable(t, err)
	}
	t.Cleanup(l.Close)
	return a, b
}

func unavailable(t testing.TB, err error) {
	t.Helper()
	mayNot := errors.Is(err, unix.EPERM) || errors.Is(err, exec.ErrNotFound)
	if mayNot {
		Lacks(t, "no lab here: ", err)
	}
	t.Fatal(err)
}

// MakePair is NewPair for programs; closing the lab ends both hosts.
func MakePair() (l *Lab, a, b *Host, err error) {
	l = &Lab{}
	err = l.build(func() error {
		if a, err = l.host("a", netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")); err != nil {
			return err
		}
		if b, err = l.host("b", netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::2")); err != nil {
			return err
		}
		return l.segment(port{a, "eth0", a.Addr4, a.Addr6}, port{b, "eth0", b.Addr4, b.Addr6})
	})
	return l, a, b, err
}

// Make is New for programs.
func Make(o Options) (*Lab, error) {
	if max(o.Clients, o.Servers) > 100 || min(o.Clients, o.Servers) < 0 {
		return nil, fmt.Errorf("lab of %d clients and %d servers: at most 100 each", o.Clients, o.Servers)
	}
	l := &Lab{wire: o.WireSize}
	return l, l.build(func() error { return l.gateway(o) })
}

// build closes the lab again if f fails.
func (l *Lab) build(f func() error) (err error) {
	l.mark = newMark(labs.Add(1))
	killMarked(ownerIsGone)
	if err := deepenBacklog(); err != nil {
		return err
	}
	done := false
	defer func() { // even after a panic
		if !done || err != nil {
			l.Close()
		}
	}()
	err = f()
	done = true
	return err
}

func (l *Lab) gateway(o Options) error {
	outer4, outer6 := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("2001:db8:100::1")
	gateway, err := l.host("gateway", netip.MustParseAddr("192.168.77.1"), netip.MustParseAddr("2001:db8:77::1"))
	if err != nil {
		return err
	}
	l.Gateway = gateway
	lan := []port{{gateway, "lan0", gateway.Addr4, gateway.Addr6}}
	wan := []port{{gateway, "wan0", outer4, outer6}}
	if l.Clients, lan, err = l.many("client", max(o.Clients, 1), lan); err != nil {
		return err
	}
	if l.Servers, wan, err = l.many("server", max(o.Servers, 1), wan); err != nil {
		return err
	}
	if err := l.segment(lan...); err != nil {
		return err
	}
	if err := l.segment(wan...); err != nil {
		return err
	}
	return l.route(outer4, outer6, !o.NoNAT)
}

// many adds hosts to the segment whose first port is the gateway's.
func (l *Lab) many(name string, count int, segment []port) ([]*Host, []port, error) {
	var hosts []*Host
	prefix4, prefix6 := segment[0].address4.As4(), strings.TrimSuffix(segment[0].address6.String(), "1")
	for i := range count {
		prefix4[3] = byte(10 + i)
		h, err := l.host(fmt.Sprintf("%s%d", name, i+1), netip.AddrFrom4(prefix4),
			netip.MustParseAddr(prefix6+fmt.Sprint(10+i)))
		if err != nil {
			return nil, nil, err
		}
		hosts = append(hosts, h)
		segment = append(segment, port{h, "eth0", h.Addr4, h.Addr6})
	}
	return hosts, segment, nil
}

func (l *Lab) route(outer4, outer6 netip.Addr, nat bool) error {
	gateway, first := l.Gateway, l.Servers[0]
	for _, c := range l.Clients {
		if err := c.ip("route add default via "+gateway.Addr4.String(), "route add default via "+
			gateway.Addr6.String()); err != nil {
			return err
		}
	}
	for _, s := range l.Servers {
		err := s.ip("route add 192.168.77.0/24 via "+outer4.String(), "route add 2001:db8:77::/64 via "+outer6.String())
		if err != nil {
			return err
		}
	}
	err := gateway.ip("route add default via "+first.Addr4.String(), "route add default via "+first.Addr6.String())
	if err != nil {
		return err
	}
	if err := gateway.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"); err != nil {
		return err
	}
	if !nat {
		return nil
	}
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(`table ip weir_lab {
		chain postrouting { type nat hook postrouting priority srcnat; oifname "wan0" masquerade; }
	}`)
	return gateway.quick(cmd)
}

// sysctl sets the namespace's own values of /proc/sys/net.
func (h *Host) sysctl(settings ...string) error {
	return h.Do(func() error {
		for _, s := range settings {
			name, value, _ := strings.Cut(s, "=")
			if err := os.WriteFile("/proc/sys/"+strings.ReplaceAll(name, ".", "/"), []byte(value), 0); err != nil {
				return fmt.Errorf("%s: %w", h.Name, err)
			}
		}
		return nil
	})
}

func (l *Lab) host(name string, address4, address6 netip.Addr) (*Host, error) {
	h, err := newHost(name, l.mark)
	if err != nil {
		return nil, err
	}
	l.hosts = append(l.hosts, h)
	h.Addr4, h.Addr6 = address4, address6
	// IPv6 is quiet: no duplicate address detection, no router solicitations.
	if err := h.sysctl("net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0",
		"net.ipv6.conf.all.router_solicitations=0",
		"net.ipv6.conf.default.router_solicitations=0", "net.ipv6.conf.default.accept_ra=0"); err != nil {
		return nil, err
	}
	return h, h.ip("link set lo up")
}

// port is a host's end of a segment; a switch's has no addresses.
type port struct {
	host               *Host
	link               string
	address4, address6 netip.Addr
}

// segment joins two ports by a veth pair, more by a bridge in a namespace of its own.
func (l *Lab) segment(ports ...port) error {
	if len(ports) == 2 {
		return l.join(ports[0], ports[1])
	}
	h, err := l.host("switch-"+ports[0].link, netip.Addr{}, netip.Addr{})
	if err != nil {
		return err
	}
	if err := h.ip("link add br0 type bridge mcast_snooping 0", "link set br0 up"); err != nil {
		return err
	}
	for i, p := range ports {
		link := fmt.Sprintf("port%d", i)
		if err := l.join(p, port{host: h, link: link}); err != nil {
			return err
		}
		if err := h.ip("link set " + link + " master br0"); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) join(a, b port) error {
	err := a.host.ip(fmt.Sprintf("link add %s address %s type veth peer name %s address %s netns %s",
		a.link, l.mac(), b.link, l.mac(), b.host.Path()))
	if err != nil {
		return err
	}
	for _, p := range []port{a, b} {
		if l.wire {
			off := []string{"-K", p.link, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off"}
			if err := p.host.quick(exec.Command("ethtool", off...)); err != nil {
				return err
			}
		}
		if err := p.host.ip("link set " + p.link + " up"); err != nil {
			return err
		}
		if !p.address4.IsValid() {
			continue
		}
		if err := p.host.AddAddress(p.link, netip.PrefixFrom(p.address4, 24)); err != nil {
			return err
		}
		if err := p.host.AddAddress(p.link, netip.PrefixFrom(p.address6, 64)); err != nil {
			return err
		}
	}
	for _, p := range []port{a, b} {
		if err := p.host.awaitUp(p.link); err != nil {
			return err
		}
	}
	return nil
}

// awaitUp waits until the kernel sends on a link: it drops packets until its link watch has run.
func (h *Host) awaitUp(link string) error {
	return h.Do(func() error {
		var i *net.Interface
		var err error
		if !wait.Reached(func() bool {
			i, err = net.InterfaceByName(link)
			return err != nil || i.Flags&net.FlagRunning != 0
		}) {
			return fmt.Errorf("%s: %s does not come up within %v", h.Name, link, wait.Limit)
		}
		return err
	})
}

// mac returns the next address: 00:00:5e:00:53:xx is for documentation (RFC 7042), further ones are locally
// administered.
func (l *Lab) mac() string {
	l.macs++
	if l.macs < 256 {
		return fmt.Sprintf("00:00:5e:00:53:%02x", l.macs)
	}
	return fmt.Sprintf("02:00:5e:00:%02x:%02x", l.macs>>8, l.macs&0xff)
}

// Close kills the hosts' programs and removes the hosts. It may be called again.
func (l *Lab) Close() {
	for _, h := range l.hosts {
		h.close()
	}
	if l.hosts != nil {
		killMarked(func(mark string) bool { return mark == l.mark })
	}
	l.hosts = nil
}
