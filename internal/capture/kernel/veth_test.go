// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// These tests cover what a test run cannot: the kernel's own path of packets before the programs.

// packetSocket opens an AF_PACKET socket that sends through p.
func (p *port) packetSocket() int {
	p.t.Helper()
	fd := -1
	p.try(func() (err error) {
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: int(p.ifindex)})
	})
	p.t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// received waits until an interface has received n packets since before.
func (p *port) received() (n int) {
	p.t.Helper()
	p.try(func() error {
		// /proc, unlike /sys, has the files of the reader's namespace.
		b, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(b)) {
			if name, rest, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && name == p.name {
				n, err = strconv.Atoi(strings.Fields(rest)[1])
			}
		}
		return err
	})
	return n
}

// TestFramesOverVeth sends every row's frames, whole and cut at every byte, over a veth: the ring's records equal the
// sent frames, with the VLAN tag that the kernel moved to metadata, and the flows equal the Go twin's.
func TestFramesOverVeth(t *testing.T) {
	a, b := connect(newNamespace(t), newNamespace(t), 1)
	a.run("ip link set %s mtu 9000", a.name)
	b.run("ip link set %s mtu 9000", b.name)
	out := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 1024}, PacketsTCP: 1000, PacketsOther: 1000})
	in := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 1024}, PacketsTCP: 1000, PacketsOther: 1000})
	out.attach(a)
	in.attach(b)
	fd := a.packetSocket()
	for _, r := range rows {
		if r.link != ethernet {
			continue
		}
		frames := r.frames
		for n := minRun; n < min(len(r.frames[0]), 120); n++ {
			frames = append(frames[:len(frames):len(frames)], r.frames[0][:n])
		}
		rigs := []*rig{out, in}
		before := [][bpf.WeirCauseNUM_CAUSES]uint64{out.causes(), in.causes()}
		m := []*model{newModel(&program{}), newModel(&program{})}
		sent, arrived := 0, b.received()
		for _, f := range frames {
			if _, err := unix.Write(fd, f); err != nil {
				t.Fatalf("%s: send %d bytes: %v", r.name, len(f), err)
			}
			sent++
			m[0].see(ethernet, f)
			// The kernel drops a frame with a truncated tag before TC.
			if tagged := f[12] == 0x81 && f[13] == 0 || f[12] == 0x88 && f[13] == 0xa8; !tagged || len(f) >= 20 {
				m[1].see(ethernet, f)
			}
		}
		if !wait.Reached(func() bool { return b.received() == arrived+sent }) {
			t.Fatalf("%s: %d of %d frames arrived", r.name, b.received()-arrived, sent)
		}
		for i, g := range rigs {
			if !wait.Reached(func() bool { return m[i].compare(g, before[i]) == "" }) {
				t.Errorf("%s, %s: %s", r.name, []string{"egress", "ingress"}[i], m[i].compare(g, before[i]))
			}
			records := g.records()
			checkOrder(t, records, frames, m[i].causes[bpf.WeirCauseCAUSE_ODD]+m[i].early)
			if len(m[i].flows) > 0 && (len(records) == 0 || !bytes.Equal(records[0].frame, clip(frames[0]))) {
				t.Errorf("%s: the first of %d records is not the first frame", r.name, len(records))
			}
			for _, got := range records {
				if want := []uint32{a.ifindex, b.ifindex}[i]; got.Ifindex != want || got.Link != 1 {
					t.Errorf("%s: the record says interface %d, not %d; link %d", r.name, got.Ifindex, want, got.Link)
				}
			}
			g.reset()
		}
	}
}

func clip(f []byte) []byte { return f[:min(len(f), SnapLength)] }

// TestNonLinear sends frames whose skb has only the Ethernet header in its linear part, and the rest in pages.
func TestNonLinear(t *testing.T) {
	a, b := connect(newNamespace(t), newNamespace(t), 1)
	a.run("ip link set %s mtu 9000", a.name)
	b.run("ip link set %s mtu 9000", b.name)
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	g.attach(b)
	linear := newLinearLength(t, b)
	fd := a.packetSocket()
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		t.Fatal(err)
	}
	payload := bytes.Repeat([]byte("0123456789abcdef"), 400)
	for _, r := range []struct {
		frame []byte
		want  string
	}{
		{ether(0x0800, ip4(17, udp(1000, 53, payload))), udp4 + " 1/6428 0/0"},
		{ether(0x0800, ip4Options(make([]byte, 40), 6, tcp(payload))), tcp4 + " 1/6480 0/0"},
		{ether(0x86dd, ip6(0, extension(60, 1), extension(17, 100), udp(1000, 53, payload))), udp6 + " 1/7272 0/0"},
		{ether(0x88a8, tag(3, 0x8864, pppoe(raw("0021"), ip4(6, tcp(payload))))), tcp4 + " net 3 1/6440 0/0"},
	} {
		header := make([]byte, 10) // struct virtio_net_hdr: no offload, hdr_len 14
		binary.NativeEndian.PutUint16(header[2:], 14)
		before := g.causes()
		if _, err := unix.Write(fd, join(header, r.frame)); err != nil {
			t.Fatal(err)
		}
		if !wait.Reached(func() bool { return g.describe(before) == r.want }) {
			t.Errorf("got %s, want %s", g.describe(before), r.want)
		}
		records := g.records()
		if len(records) != 1 || !bytes.Equal(records[0].frame, clip(r.frame)) || int(records[0].Length) != len(
			r.frame) {
			t.Errorf("%s: %d records, or not the frame that was sent", r.want, len(records))
		}
		if n := linear(); n > 60 { // the kernel pulls a tag into the linear part
			t.Errorf("%s: %d bytes in the linear part: this test shows nothing", r.want, n)
		}
		g.reset()
	}
}

// newLinearLength attaches a program that notes the length of the last skb's linear part.
func newLinearLength(t *testing.T, p *port) func() uint64 {
	t.Helper()
	note, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		t.Fatal(err)
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL",
		Instructions: asm.Instructions{
			asm.LoadMem(asm.R6, asm.R1, 80, asm.Word), // data_end
			asm.LoadMem(asm.R2, asm.R1, 76, asm.Word), // data
			asm.Sub.Reg(asm.R6, asm.R2),
			asm.StoreImm(asm.R10, -4, 0, asm.Word),
			asm.Mov.Reg(asm.R2, asm.R10),
			asm.Add.Imm(asm.R2, -4),
			asm.LoadMapPtr(asm.R1, note.FD()),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "out"),
			asm.StoreMem(asm.R0, 0, asm.R6, asm.DWord),
			asm.Mov.Imm(asm.R0, -1).WithSymbol("out"),
			asm.Return(),
		}})
	if err != nil {
		t.Fatal(err)
	}
	p.try(func() error {
		l, err := link.AttachTCX(link.TCXOptions{Interface: int(p.ifindex), Program: program,
			Attach: ebpf.AttachTCXIngress})
		if err == nil {
			t.Cleanup(func() { _ = l.Close() })
		}
		return err
	})
	t.Cleanup(func() {
		_ = program.Close()
		_ = note.Close()
	})
	return func() (n uint64) {
		if err := note.Lookup(uint32(0), &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// tcpCounters reads the TCP counters of the namespace by their names in /proc/net/snmp and /proc/net/netstat.
func (n *namespace) tcpCounters() map[string]uint64 {
	n.t.Helper()
	all := map[string]uint64{}
	n.try(func() error {
		for _, file := range []string{"snmp", "netstat"} {
			b, err := os.ReadFile("/proc/thread-self/net/" + file)
			if err != nil {
				return err
			}
			var names []string // a line of names, then one of numbers
			for line := range strings.Lines(string(b)) {
				words := strings.Fields(line)
				switch {
				case !strings.HasPrefix(words[0], "Tcp"):
				case names == nil:
					names = words
				default:
					for i, name := range names[1:] {
						all[name], _ = strconv.ParseUint(words[i+1], 10, 64) // MaxConn is -1
					}
					names = nil
				}
			}
		}
		return nil
	})
	return all
}

// TestTCPBulk transfers bulk data with and without offloads: packets equal TCP's own count of segments, bytes equal
// those of all their headers and of the payload.
func TestTCPBulk(t *testing.T) {
	for _, mode := range []struct {
		name, set   string
		hook        string // of the receiver
		atMost      bool   // super-packets have fewer segments than
		superPacket uint16
	}{
		{"no offloads", "ethtool -K %s tso off gso off gro off", "", true, 2},
		{"TSO", "ethtool -K %s tso on gso on gro off", "", false, 2},
		{"TSO and GRO", "ethtool -K %s tso on gso on gro on", "", false, 2},
		{"GRO alone", "ethtool -K %s tso off gso off gro on", "clsact", false, 1}, // it depends on how packets come in
		// above 64 KiB, with an IP length of 0
		{"BIG TCP", "", "", false, 46},
		{"XDP and GRO", "ethtool -K %s tso off gso off gro on", "xdp", true, 2}, // the kernel leaves GRO then
		{"native XDP and GRO", "ethtool -K %s tso off gso off gro on", "xdp-native", true, 2},
	} {
		t.Run(mode.name, func(t *testing.T) {
			// The arithmetic holds for connections without loss, as nearly all on a veth are.
			for range 10 {
				size := uint64(8 << 20)
				if mode.atMost { // single segments: as many as a veth's queue for XDP holds (VETH_RING_SIZE)
					size = 256 << 10
				}
				most, clean := bulk(t, mode.set, mode.hook, size)
				if !clean {
					continue
				}
				if most < mode.superPacket != mode.atMost {
					t.Errorf("up to %d segments in one: this test shows nothing", most)
				}
				return
			}
			t.Error("segments were lost each time")
		})
	}
}

// bulk makes one transfer. It returns the most segments of one record, and whether no segment was retransmitted or out
// of order, which makes headers longer.
func bulk(t *testing.T, set, hook string, size uint64) (most uint16, clean bool) {
	// Linux's headers: timestamps in each segment, more options in a SYN.
	const header, synHeader = 20 + 32, 20 + 40
	a, b := connect(newNamespace(t), newNamespace(t), 1)
	for _, p := range []*port{a, b} {
		if set == "" {
			p.allowBigTCP()
		} else {
			p.run(set, p.name)
		}
	}
	out := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	in := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, PacketsTCP: 1 << 20, Hook: hook})
	out.attach(a)
	in.attach(b)
	if err := transfer(a, b, int(size)); err != nil {
		t.Fatal(err)
	}
	// The kernel still sends packets after the last close.
	if !wait.Reached(func() bool { s := out.slots(); return len(s) == 1 && s[0].LowerFlags&s[0].UpperFlags&fin != 0 }) {
		t.Fatal("no FIN")
	}
	var want string
	var wrong []string
	wait.Reached(func() bool {
		var packets [2]uint64
		clean = true
		for i, p := range []*port{a, b} {
			c := p.tcpCounters()
			packets[i] = c["OutSegs"] // segments on the wire, however they were put together
			clean = clean && c["RetransSegs"] == 0 && c["TCPOFOQueue"] == 0 && c["TCPDSACKOldSent"] == 0
		}
		want = fmt.Sprintf("tcp 10.0.1.1 1000 10.0.1.2 443 flags 3/3 %d/%d %d/%d",
			packets[0], synHeader+header*(packets[0]-1)+size, packets[1], synHeader+header*(packets[1]-1))
		wrong = nil
		for i, g := range []*rig{out, in} {
			if i == 1 && strings.HasPrefix(hook, "xdp") { // it sees nothing of what goes out
				want = fmt.Sprintf("tcp 10.0.1.1 1000 10.0.1.2 443 flags 3/0 %d/%d 0/0", packets[0], synHeader+
					header*(packets[0]-1)+size)
			}
			none := [bpf.WeirCauseNUM_CAUSES]uint64{}
			none[bpf.WeirCauseCAUSE_RING_FULL] = g.causes()[bpf.WeirCauseCAUSE_RING_FULL] // nobody reads
			if got := g.describe(none); got != want {
				wrong = append(wrong, fmt.Sprintf("%s: got %s, want %s", []string{"sender", "receiver"}[i], got, want))
			}
		}
		return !clean || len(wrong) == 0
	})
	if !clean {
		return 0, false
	}
	for _, what := range wrong {
		t.Error(what)
	}
	for _, r := range in.records() {
		most = max(most, r.Segments)
	}
	t.Logf("%s; up to %d segments in one", want, most)
	return most, true
}

// allowBigTCP permits super-packets above the range of the IPv4 length (Linux 6.3). Debian 12's ip cannot.
func (p *port) allowBigTCP() {
	p.t.Helper()
	p.try(func() error {
		c, err := dialTC()
		if err != nil {
			return err
		}
		defer c.Close()
		const gsoMax, groMax, gsoMax4, groMax4 = 41, 58, 63, 64 // IFLA_GSO_MAX_SIZE, ...
		a := netlink.NewAttributeEncoder()
		for _, attribute := range []uint16{gsoMax, groMax, gsoMax4, groMax4} {
			a.Uint32(attribute, 180_000)
		}
		attributes, err := a.Encode()
		if err != nil {
			return err
		}
		message := make([]byte, 16) // struct ifinfomsg
		binary.NativeEndian.PutUint32(message[4:], p.ifindex)
		return c.do(unix.RTM_NEWLINK, 0, append(message, attributes...))
	})
}

// transfer sends size bytes from a to b over TCP, and waits until both ends have finished.
func transfer(a, b *port, size int) error {
	var listener net.Listener
	var err error
	b.do(func() { listener, err = net.Listen("tcp4", netip.AddrPortFrom(b.address, 443).String()) })
	if err != nil {
		return err
	}
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			done <- err
			return
		}
		n, err := io.Copy(io.Discard, c)
		if err == nil && n != int64(size) {
			err = fmt.Errorf("%d of %d bytes", n, size)
		}
		done <- errors.Join(err, c.Close())
	}()
	var c net.Conn
	a.do(func() {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: a.address.AsSlice(), Port: 1000}, Timeout: 5 * time.Second}
		c, err = d.Dial("tcp4", netip.AddrPortFrom(b.address, 443).String())
	})
	if err != nil {
		return err
	}
	_, err = c.Write(make([]byte, size))
	err = errors.Join(err, c.(*net.TCPConn).CloseWrite())
	_, end := io.Copy(io.Discard, c) // until b's FIN
	return errors.Join(err, end, c.Close(), <-done)
}

// TestUDPSegments: the kernel cuts a datagram into several (UDP_SEGMENT, Linux 4.18), which a veth carries in one skb.
func TestUDPSegments(t *testing.T) {
	a, b, sa, sb := pair(t)
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	both := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}})
	g.attach(b)
	both.attach(a)
	conn, err := sa.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const udpSegment = 103
	if err := errors.Join(conn.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, udpSegment,
			1000)
	}), err); err != nil {
		t.Fatal(err)
	}
	if _, err := sa.WriteToUDPAddrPort(make([]byte, 2500), sb.LocalAddr().(*net.UDPAddr).AddrPort()); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	for range 3 {
		if err := receive(sb, buffer); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range []*rig{g, both} {
		if got, want := g.describe([bpf.WeirCauseNUM_CAUSES]uint64{}), conversation+" 3/2584 0/0"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if r := g.records(); len(r) != 1 || r[0].Segments != 3 {
			t.Errorf("%d records: the datagrams arrived separately, this test shows nothing", len(r))
		}
	}
}

// TestForwarded: packets that cross a router with all interfaces watched count once, both directions in one slot. So do
// the router's own.
func TestForwarded(t *testing.T) {
	const n = 50
	for _, hook := range []string{"tcx", "clsact", "xdp"} {
		router, left, right := newNamespace(t), newNamespace(t), newNamespace(t)
		a, ra := connect(left, router, 1)
		b, rb := connect(right, router, 2)
		router.sysctl("net/ipv4/ip_forward", "1")
		a.run("ip route add default via %s", ra.address)
		b.run("ip route add default via %s", rb.address)
		g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 64}, Hook: hook})
		g.attach(ra)
		g.attach(rb)
		sa, sb := a.listenUDP(a.address, 1000), b.listenUDP(b.address, 53)
		before := g.causes()
		left4, right4 := g.volumes(ra), g.volumes(rb)
		if err := exchange(sa, sb, n); err != nil {
			t.Fatal(err)
		}
		questions, answers := packet.Volume{Packets: n, Bytes: 36 * n}, packet.Volume{Packets: n, Bytes: 34 * n}
		g.checkPassed(ra, left4, questions, answers)
		g.checkPassed(rb, right4, answers, questions)
		want := fmt.Sprintf("udp 10.0.1.1 1000 10.0.2.1 53 %d/%d %d/%d", n, 36*n, n, 34*n)
		if got := g.describe(before); got != want {
			t.Errorf("%s, forwarded: got %s, want %s", hook, got, want)
		}
		if records := len(g.records()); records != 8 {
			t.Errorf("%s: %d records of one flow", hook, records)
		}
		g.reset()

		left4 = g.volumes(ra)
		own := router.listenUDP(ra.address, 2000)
		if err := exchange(own, sa, n); err != nil {
			t.Fatal(err)
		}
		g.checkPassed(ra, left4, answers, questions)
		want = fmt.Sprintf("udp 10.0.1.1 1000 10.0.1.2 2000 %d/%d %d/%d", n, 34*n, n, 36*n)
		if hook == "xdp" { // it sees nothing of what goes out
			want = fmt.Sprintf("udp 10.0.1.1 1000 10.0.1.2 2000 %d/%d 0/0", n, 34*n)
		}
		if got := g.describe(before); got != want {
			t.Errorf("%s, the router's own: got %s, want %s", hook, got, want)
		}

		// With one interface watched, packets from the other one count on egress.
		g.reset()
		g.detach(rb)
		if err := exchange(sa, sb, n); err != nil {
			t.Fatal(err)
		}
		want = fmt.Sprintf("udp 10.0.1.1 1000 10.0.2.1 53 %d/%d %d/%d", n, 36*n, n, 34*n)
		if hook == "xdp" {
			want = fmt.Sprintf("udp 10.0.1.1 1000 10.0.2.1 53 %d/%d 0/0", n, 36*n)
		}
		if got := g.describe(before); got != want {
			t.Errorf("%s, one port: got %s, want %s", hook, got, want)
		}
	}
}

// TestTun sends packets without a link layer through a tun device, whole and cut at every byte.
func TestTun(t *testing.T) {
	n := newNamespace(t)
	var tun *os.File
	n.try(func() (err error) {
		tun, err = openTun("tun0")
		return err
	})
	defer tun.Close()
	n.run("ip link set tun0 up mtu 9000")
	var device *net.Interface
	n.try(func() (err error) { device, err = net.InterfaceByName("tun0"); return err })
	for _, hook := range []string{"tcx", "clsact"} {
		g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: 256}, Hook: hook})
		n.try(func() error { _, err := g.Attach(uint32(device.Index), true); return err })
		for _, r := range rows {
			p := r.frames[0]
			if r.link == ethernet && (p[12] == 0x08 && p[13] == 0 || p[12] == 0x86) {
				p = p[14:]
			} else if r.link == ethernet {
				continue
			}
			if p[0]>>4 != 4 && p[0]>>4 != 6 {
				continue // the device refuses it
			}
			before, m := g.causes(), newModel(&program{})
			for length := 1; length <= min(len(p), 150); length++ {
				if _, err := tun.Write(p[:length]); err != nil {
					t.Fatalf("%s: %d bytes: %v", r.name, length, err)
				}
				m.see(rawLink, p[:length])
			}
			if !wait.Reached(func() bool { return m.compare(g, before) == "" }) {
				t.Errorf("%s: %s", r.name, m.compare(g, before))
			}
			for _, got := range g.records() {
				if packet.LinkType(got.Link) != rawLink || !bytes.HasPrefix(p, got.frame) {
					t.Errorf("%s: link %d, %x", r.name, got.Link, got.frame)
				}
			}
			g.reset()
		}
		n.try(func() error { return g.Detach(uint32(device.Index)) })
	}
}

// openTun creates a tun device without packet information (IFF_NO_PI).
func openTun(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var request struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], name)
	request.flags = unix.IFF_TUN | unix.IFF_NO_PI
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF,
		uintptr(unsafe.Pointer(&request))); errno != 0 {
		return nil, errors.Join(errno, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "tun"), nil
}
