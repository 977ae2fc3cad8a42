// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// namespace is a network namespace with a thread in it.
type namespace struct {
	t    testing.TB
	work chan func()
	tid  int
}

func newNamespace(t testing.TB) *namespace {
	t.Helper()
	needRoot(t)
	n := &namespace{t: t, work: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine, the namespace with the thread
		err := unix.Unshare(unix.CLONE_NEWNET)
		n.tid = unix.Gettid()
		ready <- err
		if err != nil {
			return
		}
		for f := range n.work {
			f()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatalf("new network namespace: %v", err)
	}
	t.Cleanup(func() { close(n.work) })
	n.sysctl("net/ipv6/conf/all/disable_ipv6", "1")
	n.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
	n.run("ip link set lo up")
	return n
}

// do runs f on the namespace's thread. f must not call t.Fatal.
func (n *namespace) do(f func()) {
	done := make(chan struct{})
	n.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

// try is do for a function that may fail.
func (n *namespace) try(f func() error) {
	n.t.Helper()
	var err error
	n.do(func() { err = f() })
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *namespace) sysctl(name, value string) {
	n.t.Helper()
	n.try(func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0o644) })
}

// run runs a command in the namespace.
func (n *namespace) run(command string, arguments ...any) string {
	n.t.Helper()
	command = fmt.Sprintf(command, arguments...)
	words := strings.Fields(command)
	var out []byte
	n.try(func() (err error) {
		out, err = exec.Command(words[0], words[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, out)
		}
		return nil
	})
	return string(out)
}

// port is an end of a veth pair.
type port struct {
	*namespace
	name    string
	ifindex uint32
	address netip.Addr
	mac     net.HardwareAddr
}

// connect creates a veth pair between two namespaces, with the addresses 10.0.subnet.1 and 10.0.subnet.2, and static
// neighbour entries instead of ARP.
func connect(a, b *namespace, subnet int) (pa, pb *port) {
	a.t.Helper()
	pa = &port{namespace: a, name: fmt.Sprintf("left%d", subnet), address: netip.AddrFrom4(
		[4]byte{10, 0, byte(subnet), 1})}
	pb = &port{namespace: b, name: fmt.Sprintf("right%d", subnet), address: netip.AddrFrom4(
		[4]byte{10, 0, byte(subnet), 2})}
	a.run("ip link add %s type veth peer name %s netns %d", pa.name, pb.name, b.tid)
	for _, p := range []*port{pa, pb} {
		p.run("ip address add %s/24 dev %s", p.address, p.name)
		p.run("ip link set %s up", p.name)
		p.try(func() error {
			i, err := net.InterfaceByName(p.name)
			if err == nil {
				p.ifindex, p.mac = uint32(i.Index), i.HardwareAddr
			}
			return err
		})
	}
	for _, p := range []*port{pa, pb} { // until the kernel has given it a queue it drops what the link sends
		wait.Until(a.t, p.name+" is up", func() bool {
			return strings.Contains(p.run("ip -o link show dev %s", p.name), "qdisc noqueue state UP ")
		})
	}
	lab.DeepenBacklog(a.t)
	pa.run("ip neigh add %s lladdr %s dev %s nud permanent", pb.address, pb.mac, pa.name)
	pb.run("ip neigh add %s lladdr %s dev %s nud permanent", pa.address, pa.mac, pb.name)
	return pa, pb
}

// listenUDP opens a UDP socket at an address of the namespace; port 0 is any.
func (n *namespace) listenUDP(address netip.Addr, port uint16) *net.UDPConn {
	n.t.Helper()
	var c *net.UDPConn
	n.try(func() (err error) {
		c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, port)))
		return err
	})
	n.t.Cleanup(func() { _ = c.Close() })
	return c
}

// attach attaches the rig's programs to a port.
func (g *rig) attach(p *port) {
	g.t.Helper()
	p.try(func() error {
		how, err := g.Attach(p.ifindex, false)
		if want := cmp.Or(g.config.Hook, "tcx"); err == nil && how != want {
			err = fmt.Errorf("attached with %s, not with %s", how, want)
		}
		return err
	})
}

func (g *rig) detach(p *port) {
	g.t.Helper()
	p.try(func() error { return g.Detach(p.ifindex) })
}

// exchange sends n datagrams from a to b, and an answer to each, one after the other, so that none is lost.
func exchange(a, b *net.UDPConn, n int) error {
	buffer := make([]byte, 2048)
	to := b.LocalAddr().(*net.UDPAddr).AddrPort()
	for i := range n {
		if _, err := a.WriteToUDPAddrPort([]byte("question"), to); err != nil {
			return err
		}
		if err := receive(b, buffer); err != nil {
			return fmt.Errorf("question %d of %d: %w", i, n, err)
		}
		if _, err := b.WriteToUDPAddrPort([]byte("answer"), a.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
			return err
		}
		if err := receive(a, buffer); err != nil {
			return fmt.Errorf("answer %d of %d: %w", i, n, err)
		}
	}
	return nil
}

// soon is the deadline of waits for certain events.
func soon() time.Time { return time.Now().Add(wait.Limit) }

func receive(c *net.UDPConn, buffer []byte) error {
	if err := c.SetReadDeadline(soon()); err != nil {
		return err
	}
	_, _, err := c.ReadFromUDPAddrPort(buffer)
	return err
}

// isHookError reports whether err is a HookError of the hook.
func isHookError(err error, hook string) bool {
	var h *HookError
	return errors.As(err, &h) && h.Hook == hook && h.Why != nil
}
