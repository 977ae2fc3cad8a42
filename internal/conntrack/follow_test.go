// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/florianl/go-conntrack"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// following is a running follower on a gateway.
type following struct {
	*Follower
	lab    *lab.Lab
	socket *Socket
	cancel context.CancelFunc
	ended  chan error
}

func follow(t *testing.T, buffer int) *following {
	t.Helper()
	f := &following{lab: lab.New(t, lab.Options{}), ended: make(chan error, 1)}
	if err := f.lab.Gateway.Do(func() (err error) { f.socket, err = open(buffer); return err }); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.FcntlInt(uintptr(f.socket.Descriptor()), unix.F_DUPFD_CLOEXEC, 0) // the other process's duplicate
	if err != nil {
		t.Fatal(err)
	}
	if f.Follower, err = NewFollower(fd, NewTable(DefaultMax), f.socket.List); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, f.cancel = context.WithCancel(context.Background())
	go func() { f.ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		f.cancel()
		if err := <-f.ended; err != nil {
			t.Error(err)
		}
		f.socket.Close()
	})
	return f
}

// listOf dumps a gateway's connections with the library's own decoder.
func listOf(t *testing.T, gateway *lab.Host) map[flow.Key]bool {
	t.Helper()
	all := map[flow.Key]bool{}
	err := gateway.Do(func() error {
		nfct, err := conntrack.Open(&conntrack.Config{DisableNSLockThread: true})
		if err != nil {
			return err
		}
		defer nfct.Close()
		for _, family := range []conntrack.Family{conntrack.IPv4, conntrack.IPv6} {
			connections, err := nfct.Dump(conntrack.Conntrack, family)
			if err != nil {
				return err
			}
			for _, c := range connections {
				key, _ := tupleOfLibrary(c.Origin).Key()
				all[key] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func tupleOfLibrary(t *conntrack.IPTuple) Tuple {
	end := func(ip net.IP, port *uint16) netip.AddrPort {
		a, _ := netip.AddrFromSlice(ip)
		if port == nil {
			return netip.AddrPortFrom(a, 0)
		}
		return netip.AddrPortFrom(a, *port)
	}
	p := t.Proto
	src, dst := p.SrcPort, p.DstPort
	for _, query := range []struct {
		id   *uint16
		kind *uint8
	}{{p.IcmpID, p.IcmpType}, {p.Icmpv6ID, p.Icmpv6Type}} {
		if query.id != nil && query.kind != nil {
			client, server := packet.QueryPorts(*p.Number, *query.kind, *query.id)
			src, dst = &client, &server
		}
	}
	return Tuple{end(*t.Src, src), end(*t.Dst, dst), *p.Number}
}

// differs describes how the table differs from the kernel's.
func (f *following) differs(t *testing.T) string {
	t.Helper()
	have := listOf(t, f.lab.Gateway)
	for key := range have {
		if c, ok := f.table.Find(&key); !ok || c.Ended > 0 {
			return fmt.Sprintf("%v to %v is missing", key.Lower(), key.Upper())
		}
	}
	if n := f.table.Counters().Connections; n != len(have) {
		return fmt.Sprintf("%d connections, the kernel has %d", n, len(have))
	}
	return ""
}

// TestFollow: the table soon knows a connection, by both names and as answered.
func TestFollow(t *testing.T) {
	f := follow(t, receiveBuffer)
	wait.Until(t, "the first list", func() bool { return f.Lists() == 1 })
	client, server := f.lab.Clients[0], f.lab.Servers[0]
	var l net.Listener
	if err := server.Do(func() (err error) {
		l, err = net.Listen("tcp4", server.Addr4.String()+
			":7001")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var c net.Conn
	if err := client.Do(func() (err error) { c, err = net.Dial("tcp4", l.Addr().String()); return err }); err != nil {
		t.Fatal(err)
	}
	flow := Tuple{netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(l.Addr().String()),
		unix.IPPROTO_TCP}
	key, _ := flow.Key()
	var found Found
	began := time.Now()
	wait.Until(t, "the connection", func() (ok bool) { found, ok = f.table.Find(&key); return ok })
	t.Logf("known %v after the handshake", time.Since(began))
	if found.NAT() != record.SNAT || found.Original != flow || found.Reply.Dst.Addr().String() != "198.51.100.1" {
		t.Errorf("%+v", found)
	}
	wait.Until(t, "an answer", func() bool { found, _ = f.table.Find(&key); return found.Status&SeenReply != 0 })
	if err := c.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if said, err := f.lab.Gateway.Run(context.Background(), "sh", "-c",
		"echo 1 >/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close"); err != nil {
		t.Fatal(err, said)
	}
	if d := f.differs(t); d != "" {
		t.Error(d)
	}
	if f.Lost() != 0 || f.Lists() != 1 {
		t.Errorf("%d losses, %d lists", f.Lost(), f.Lists())
	}
}

func flood(t *testing.T, l *lab.Lab, port, n int, rate float64) {
	t.Helper()
	if _, err := l.Flood(context.Background(), port, n, rate); err != nil {
		t.Fatal(err)
	}
}

// TestRate: the table knows all of 100,000 connections within ten seconds.
func TestRate(t *testing.T) {
	f := follow(t, receiveBuffer)
	const n = 100_000
	began := time.Now()
	flood(t, f.lab, 20000, n, 12_000)
	if took := time.Since(began); took > 10*time.Second {
		t.Logf("the flood took %v", took)
	}
	wait.Until(t, "the table of the kernel", func() bool {
		return f.table.Counters().Connections+
			f.table.Counters().Ended >= n && f.differs(t) == ""
	})
	t.Logf("%d losses, %d lists, %+v", f.Lost(), f.Lists(), f.table.Counters())
}

// TestOverrun is check C6: the follower notices and counts lost events, and one dump replaces them within five seconds;
// a second loss soon after waits for its dump.
func TestOverrun(t *testing.T) {
	f := follow(t, 64<<10)
	wait.Until(t, "the first list", func() bool { return f.Lists() == 1 })
	begun := time.Now()
	flood(t, f.lab, 20000, 100_000, 0)
	if f.Lost() == 0 {
		t.Fatal("nothing was lost")
	}
	isEqual := func() bool { return !f.table.IsBehind() && f.differs(t) == "" }
	if !wait.Within(2*dumpEvery+wait.Limit, isEqual) { // more may have been lost during the first dump
		t.Fatalf("%d losses, %d dumps, behind: %v; %s", f.Lost(), f.Lists(), f.table.IsBehind(), f.differs(t))
	}
	t.Logf("%d losses, %d lists, %+v", f.Lost(), f.Lists(), f.table.Counters())
	lost := f.Lost()
	flood(t, f.lab, 30000, 100_000, 0)
	if f.Lost() == lost {
		t.Fatal("nothing was lost")
	}
	if f.Lists() > 2 && time.Since(begun) < dumpEvery { // TestRepair checks the duration
		t.Errorf("%d dumps: a second one within 30 seconds of the first", f.Lists())
	}
	f.cancel()
	if err := wait.For(t, "the end", f.ended); err != nil {
		t.Fatal(err)
	}
	f.ended <- nil // for other waiters
	if !isEqual() {
		t.Errorf("behind at the end: %v, %d lists; %s", f.table.IsBehind(), f.Lists(), f.differs(t))
	}
}

// TestRepair: a dump follows losses after a calm, or when they do not end, but not soon after the previous dump.
func TestRepair(t *testing.T) {
	begun := time.Unix(1_000_000, 0)
	at := func(d time.Duration) time.Time { return begun.Add(d) }
	const second = time.Second
	for name, c := range map[string]struct {
		r           repair
		losses      []time.Duration
		isOffloaded bool
		due         time.Time
	}{
		"a list is under way": {r: repair{dumping: true, begun: begun}, losses: []time.Duration{second}},
		"nothing was lost":    {r: repair{begun: begun}, due: at(lookEvery)},
		"a card forwards":     {r: repair{begun: begun}, isOffloaded: true, due: at(countEvery)},
		"one loss": {r: repair{begun: begun}, losses: []time.Duration{second},
			due: at(second + calm)},
		"a loss where a card forwards": {r: repair{begun: begun}, losses: []time.Duration{second}, isOffloaded: true,
			due: at(second + calm)},
		"two losses": {r: repair{begun: begun}, losses: []time.Duration{second, 2 * second},
			due: at(2*second + calm)},
		"losses that don't end": {r: repair{begun: begun}, losses: []time.Duration{second, 2 * second,
			3 * second, 4 * second}, due: at(second + long)},
		"soon after a list": {r: repair{begun: begun, requested: begun}, losses: []time.Duration{second},
			due: at(dumpEvery)},
		"losses go on soon after one": {r: repair{begun: begun, requested: begun}, losses: []time.Duration{
			second, 28 * second}, due: at(dumpEvery)},
		"a loss just before it is due": {r: repair{begun: begun, requested: begun}, losses: []time.Duration{
			dumpEvery - calm/2}, due: at(dumpEvery + calm/2)},
		"a loss long after a list": {r: repair{begun: begun, requested: begun}, losses: []time.Duration{time.Minute},
			due: at(time.Minute + calm)},
	} {
		for _, lost := range c.losses {
			c.r.lose(at(lost))
		}
		if due := c.r.due(c.isOffloaded); !due.Equal(c.due) {
			t.Errorf("%s: due %v after the beginning, want %v", name, due.Sub(begun), c.due.Sub(begun))
		}
	}
}

// TestRefused: without the capability the error says so.
func TestRefused(t *testing.T) {
	if unix.Geteuid() != 0 {
		t.Skip("needs root, to give it up")
	}
	done := make(chan error)
	go func() { // the thread ends with the goroutine
		done <- unprivileged(func() error { _, err := Open(); return err })
	}()
	if err := <-done; !errors.Is(err, unix.EPERM) {
		t.Errorf("%v, want EPERM", err)
	}
}

// unprivileged calls f on a thread without capabilities.
func unprivileged(f func() error) error {
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return err
	}
	return f()
}
