// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// frame returns an Ethernet frame with UDP between two addresses, with tags before its EtherType.
func frame(from, to string, size int, tags ...uint32) []byte {
	src, dst := netip.MustParseAddr(from), netip.MustParseAddr(to)
	b := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}
	for _, tag := range tags {
		b = binary.BigEndian.AppendUint32(b, tag)
	}
	if src.Is4() {
		sum := 0x4500 + size + 28 + 0x4011 // where netfilter sees bridged packets, it drops those with a wrong checksum
		for _, a := range [][]byte{src.AsSlice(), dst.AsSlice()} {
			sum += int(binary.BigEndian.Uint16(a)) + int(binary.BigEndian.Uint16(a[2:]))
		}
		sum = ^(sum&0xffff + sum>>16)
		b = append(b, 8, 0, 0x45, 0, byte((size+28)>>8), byte(size+28), 0, 0, 0, 0, 64, 17, byte(sum>>8), byte(sum))
	} else {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0, byte((size+8)>>8), byte(size+8), 17, 64)
	}
	b = append(append(b, src.AsSlice()...), dst.AsSlice()...)
	b = append(b, 0x30, 0x39, 0x30, 0x3a, byte((size+8)>>8), byte(size+8), 0, 0)
	return append(b, make([]byte, size)...)
}

func TestCapturesArriveAsSent(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	send := sender(t, a)
	for _, name := range []string{"dns-dnsmasq-dig", "doh", "ftp-vsftpd", "dtls", "dns-large-fragmented", "bgp-bird"} {
		s := sources(t, Config{Interface: b})[0]
		var sent [][]byte
		before := time.Now().UnixNano()
		forFrames(t, "../../../testdata/"+name+".pcap", func(data []byte) {
			sent = append(sent, bytes.Clone(data))
			send(data)
		})
		if len(sent) == 0 {
			t.Fatalf("%s: no Ethernet frames", name)
		}
		got := drain(t, s)
		if len(got) != len(sent) {
			t.Fatalf("%s: %d frames sent, %d captured", name, len(sent), len(got))
		}
		for i, f := range got {
			if want := sent[i][:min(len(sent[i]), DefaultSnapLength)]; !bytes.Equal(f.Data, want) {
				t.Fatalf("%s: frame %d:\n got %x\nwant %x", name, i, f.Data, want)
			}
			if f.Length != len(sent[i]) || f.Interface != b || f.Link != packet.LinkEthernet ||
				f.Flow.Slot != capture.NotCounted {
				t.Fatalf("%s: frame %d: %+v, %d bytes sent on %d", name, i, f, len(sent[i]), b)
			}
			if f.Time < before || f.Time > time.Now().UnixNano() {
				t.Fatalf("%s: frame %d: time %d", name, i, f.Time)
			}
		}
		s.Close()
	}
}

func forFrames(t *testing.T, path string, each func([]byte)) {
	t.Helper()
	r, err := pcapfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		var f pcapfile.Frame
		err := r.Next(&f)
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.Interfaces()[f.Interface].LinkType == packet.LinkEthernet {
			each(f.Data)
		}
	}
}

func TestTagsAreBack(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	send := sender(t, a)
	// Both sides: the kernel removes tags from what it receives, and leaves them in what it sends.
	for _, side := range []uint32{a, b} {
		s := sources(t, Config{Interface: side})[0]
		sent := [][]byte{
			frame("192.0.2.1", "192.0.2.2", 40, 0x81002005), // priority 1
			frame("192.0.2.1", "192.0.2.2", 40, 0x88a80007, 0x81000008),
			frame("192.0.2.1", "192.0.2.2", 40, 0x81000000), // priority tag of VLAN 0
			frame("2001:db8::1", "2001:db8::2", 40),
			frame("192.0.2.1", "192.0.2.2", 2000, 0x81000fff),
		}
		for _, f := range sent {
			send(f)
		}
		got := drain(t, s)
		if len(got) != len(sent) {
			t.Fatalf("%d frames sent, %d captured", len(sent), len(got))
		}
		for i, f := range got {
			// A removed tag does not count toward the snap length.
			if !bytes.HasPrefix(sent[i], f.Data) || len(f.Data) < min(len(sent[i]), DefaultSnapLength) ||
				f.Length != len(sent[i]) {
				t.Errorf("frame %d: %d of %d bytes\n got %x\nwant %x", i, len(f.Data), f.Length, f.Data, sent[i])
			}
		}
		s.Close()
	}
}

func TestTwoWorkers(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	// Two interfaces: the pair of one address must reach the same worker on both, received and sent, tagged or not.
	portA, portB := sources(t, Config{Interface: a, Workers: 2}), sources(t, Config{Interface: b, Workers: 2})
	send, back := sender(t, a), sender(t, b)
	const pairs = 64
	sent := 0
	for i := range pairs {
		for _, p := range [][2]string{
			{fmt.Sprintf("192.0.2.%d", i+1), "198.51.100.7"},
			{fmt.Sprintf("2001:db8:1::%x", i+1), "2001:db8:2::7"},
		} {
			for _, tags := range [][]uint32{nil, {0x81000005}, {0x88a80005, 0x81000006}} {
				send(frame(p[0], p[1], 20, tags...))
				back(frame(p[1], p[0], 20, tags...))
				sent += 2
			}
		}
	}
	var seen int
	where := map[string]int{}
	var load [2]int
	for _, port := range [][]*Source{portA, portB} {
		for worker, s := range port {
			for _, f := range drain(t, s) {
				key := pair(f.Data)
				if w, ok := where[key]; ok && w != worker {
					t.Fatalf("%s: in workers %d and %d", key, w, worker)
				}
				where[key] = worker
				load[worker]++
				seen++
			}
		}
	}
	if seen != 2*sent {
		t.Errorf("%d frames sent, each seen on two interfaces, %d captured", sent, seen)
	}
	if len(where) != 2*pairs || min(load[0], load[1]) < seen/4 {
		t.Errorf("%d pairs of addresses, %d and %d frames in the workers", len(where), load[0], load[1])
	}
}

// TestOpenUnderTraffic: frames arrive while the sockets are opened: none may appear twice, or in another worker.
func TestOpenUnderTraffic(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	send := sender(t, a)
	var sent atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				f := frame(fmt.Sprintf("192.0.2.%d", i%200+1), "198.51.100.7", 8)
				binary.BigEndian.PutUint64(f[len(f)-8:], uint64(i))
				send(f)
				sent.Store(int64(i))
			}
		}
	}()
	total := 0
	for range 5 {
		all := sources(t, Config{Interface: b, Workers: 4})
		before := sent.Load()
		wait.Until(t, "each flow has sent something", func() bool { return sent.Load() > before+200 })
		where, seen := map[string]int{}, map[string]bool{}
		for worker, s := range all {
			err := s.Read(50*time.Millisecond, func(f *capture.Frame) {
				key, number := pair(f.Data), string(f.Data[len(f.Data)-8:])
				if w, ok := where[key]; ok && w != worker {
					t.Errorf("%s: in workers %d and %d", key, w, worker)
				}
				if seen[number] {
					t.Errorf("%x: twice", number)
				}
				where[key], seen[number] = worker, true
			})
			if err != nil {
				t.Error(err)
			}
		}
		for _, s := range all {
			s.Close() // after all reads: the rest of the group gets the frames of a closed socket
		}
		total += len(seen)
	}
	close(stop)
	<-stopped
	if total == 0 {
		t.Error("no traffic")
	}
}

// TestBalancedByFlows: where the kernel takes no program, both directions of a flow still meet.
func TestBalancedByFlows(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	c := Config{Interface: b, Workers: 2, Geometry: GeometryFor(DefaultRingBytes, 1)}
	port := Port{}
	for range c.Workers {
		fd, err := openSocket(&c)
		if err != nil {
			t.Fatal(err)
		}
		port.Sockets = append(port.Sockets, fd)
	}
	if err := port.group(unix.PACKET_FANOUT_HASH, 0); err != nil {
		t.Fatal(err)
	}
	var all []*Source
	for _, fd := range port.Sockets {
		s, err := NewSource(false)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		add(t, s, fd, b, c.Geometry)
		all = append(all, s)
		if err := setFilter(fd, &c); err != nil {
			t.Fatal(err)
		}
	}
	send, back := sender(t, a), sender(t, b)
	for i := range 50 {
		address := fmt.Sprintf("192.0.2.%d", i+1)
		there, here := frame(address, "198.51.100.7", 8), frame("198.51.100.7", address, 8)
		copy(here[34:38], []byte{there[36], there[37], there[34], there[35]}) // exchanges the ports
		send(there)
		back(here)
	}
	where, n := map[string]int{}, 0
	for worker, s := range all {
		for _, f := range drain(t, s) {
			if w, ok := where[pair(f.Data)]; ok && w != worker {
				t.Errorf("%s: in workers %d and %d", pair(f.Data), w, worker)
			}
			where[pair(f.Data)] = worker
			n++
		}
	}
	if n != 100 || len(where) != 50 {
		t.Errorf("%d of 100 frames, of %d pairs", n, len(where))
	}
}

// pair returns the two addresses of a frame, the smaller first.
func pair(b []byte) string {
	at := 12
	for ; b[at] == 0x81 || b[at] == 0x88; at += 4 {
	}
	off, size := at+2+12, 4
	if b[at] == 0x86 {
		off, size = at+2+8, 16
	}
	x, y := fmt.Sprintf("%x", b[off:off+size]), fmt.Sprintf("%x", b[off+size:off+2*size])
	return min(x, y) + " " + max(x, y)
}

func TestLossesAreCounted(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	s := sources(t, Config{Interface: b, Geometry: Geometry{BlockSize: 16 << 10, Blocks: 1}})[0]
	send := sender(t, a)
	const sent = 500
	for range sent {
		send(frame("192.0.2.1", "192.0.2.2", 900))
	}
	got := len(drain(t, s))
	var l, again capture.Losses
	s.Losses(&l)
	s.Losses(&again)
	if got == 0 || l.RingFull == 0 || uint64(got)+l.RingFull != sent {
		t.Errorf("%d sent, %d captured, %d lost", sent, got, l.RingFull)
	}
	if again != l || s.Freezes() == 0 {
		t.Errorf("losses %+v, then %+v, %d freezes", l, again, s.Freezes())
	}
	// Losses since then count even without a call of Losses before the ring goes.
	for range sent {
		send(frame("192.0.2.1", "192.0.2.2", 900))
	}
	got += len(drain(t, s))
	if _, err := s.Remove(b); err != nil {
		t.Fatal(err)
	}
	got += len(drain(t, s))
	l = capture.Losses{}
	if s.Losses(&l); uint64(got)+l.RingFull != 2*sent {
		t.Errorf("%d sent, %d captured, %d lost, after the ring is gone", 2*sent, got, l.RingFull)
	}
}

// TestRemove: the source delivers every frame that came before the interface's removal, and none that came later.
func TestRemove(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	s := sources(t, Config{Interface: b})[0]
	send := sender(t, a)
	const n = 20
	for range n {
		send(frame("192.0.2.1", "192.0.2.2", 10))
	}
	if _, err := s.Remove(b); err != nil {
		t.Fatal(err)
	}
	for range n {
		send(frame("192.0.2.1", "192.0.2.3", 10)) // the source has not read since
	}
	got := drain(t, s)
	for end := time.Now().Add(30 * time.Second); len(s.rings) > 0 && time.Now().Before(end); {
		got = append(got, drain(t, s)...)
	}
	if len(got) != n || len(s.rings) != 0 {
		t.Errorf("%d frames, want %d; %d rings are left", len(got), n, len(s.rings))
	}
}

// TestRingGoesRound: the ring wraps around many times.
func TestRingGoesRound(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	s := sources(t, Config{Interface: b, Geometry: Geometry{BlockSize: 16 << 10, Blocks: 4}})[0]
	send := sender(t, a)
	for round := range 60 {
		for range 20 {
			send(frame("192.0.2.1", "192.0.2.2", 900))
		}
		n := 0
		for deadline := time.Now().Add(5 * time.Second); n < 20 && time.Now().Before(deadline); {
			if err := s.Read(time.Second, func(*capture.Frame) { n++ }); err != nil {
				t.Fatal(err)
			}
		}
		if n != 20 {
			t.Fatalf("round %d: %d of 20 frames", round, n)
		}
	}
}

// TestChangesWhileReading: rings come and go, and the source is closed, while another goroutine reads.
func TestChangesWhileReading(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	s, err := NewSource(false)
	if err != nil {
		t.Fatal(err)
	}
	frames, done := make(chan struct{}, 1), make(chan error)
	go func() {
		for {
			err := s.Read(time.Minute, func(f *capture.Frame) {
				select {
				case frames <- struct{}{}:
				default:
				}
			})
			if err != nil {
				done <- err
				return
			}
		}
	}()
	send := sender(t, a)
	for i := range 20 {
		port, err := Open(Config{Interface: b, Geometry: Geometry{BlockSize: 16 << 10, Blocks: 4}})
		if err != nil {
			t.Fatal(err)
		}
		add(t, s, port.Sockets[0], b, port.Geometry)
		send(frame("192.0.2.1", "192.0.2.2", 900))
		wait.For(t, fmt.Sprintf("the frame of round %d comes", i), frames)
		if _, err := s.Remove(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestSnapLength(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	s := sources(t, Config{Interface: b, Filter: SnapFilter(96)})[0]
	whole := frame("192.0.2.1", "192.0.2.2", 1000)
	sender(t, a)(whole)
	got := drain(t, s)
	if len(got) != 1 || got[0].Length != len(whole) || !bytes.Equal(got[0].Data, whole[:96]) {
		t.Errorf("got %+v of %d bytes", got, len(whole))
	}
}

func TestPromiscuous(t *testing.T) {
	namespace(t)
	_, b := veth(t, "a", "b")
	count := func() bool { return strings.Contains(ip(t, "-d link show dev b"), "promiscuity 1") }
	plain := sources(t, Config{Interface: b})
	if count() {
		t.Error("promiscuous unasked")
	}
	s := sources(t, Config{Interface: b, Promiscuous: true})[0]
	if !count() {
		t.Error("not promiscuous")
	}
	s.Close()
	if count() {
		t.Error("still promiscuous after the source is closed")
	}
	plain[0].Close()
}

func TestInterfaceGoes(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	c, d := veth(t, "c", "d")
	s := sources(t, Config{Interface: b})[0]
	ended := map[uint32]error{}
	s.Ended = func(i uint32, err error) { ended[i] = err }
	port, err := Open(Config{Interface: d, Geometry: GeometryFor(DefaultRingBytes, 2)})
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, port.Sockets[0], d, port.Geometry)
	one := frame("192.0.2.1", "192.0.2.2", 10)
	sender(t, a)(one)
	send := sender(t, c)
	send(one)
	if got := drain(t, s); len(got) != 2 {
		t.Fatalf("%d of 2 frames", len(got))
	}
	// Down and up again is not the end.
	ip(t, "link set dev d down")
	drain(t, s)
	ip(t, "link set dev d up")
	awaitUp(t, "c")
	awaitUp(t, "d")
	send(one)
	if got := drain(t, s); len(got) != 1 || len(ended) != 0 {
		t.Fatalf("%d frames after up, ended %v", len(got), ended)
	}
	// Gone while down: the kernel reports no second error.
	ip(t, "link set dev b down")
	drain(t, s)
	ip(t, "link del dev a")
	send(one)
	if got := drain(t, s); len(got) != 1 || got[0].Interface != d {
		t.Errorf("%d frames of the other interface", len(got))
	}
	if len(ended) != 1 || !errors.Is(ended[b], unix.ENODEV) {
		t.Errorf("ended: %v", ended)
	}
	ip(t, "link del dev c")
	drain(t, s)
	if len(ended) != 2 || !errors.Is(ended[d], unix.ENODEV) {
		t.Errorf("ended: %v", ended)
	}
	if _, err := Open(Config{Interface: d, Geometry: port.Geometry}); !errors.Is(err, unix.ENODEV) {
		t.Errorf("open of an interface that is gone: %v", err)
	}
}

func TestOpenDown(t *testing.T) {
	namespace(t)
	_, b := veth(t, "a", "b")
	ip(t, "link set dev b down")
	if _, err := Open(Config{Interface: b, Geometry: GeometryFor(DefaultRingBytes, 1), Workers: 2}); !errors.Is(
		err, unix.ENETDOWN) {
		t.Errorf("open of an interface that is down: %v", err)
	}
}

func TestCloseWakes(t *testing.T) {
	s, err := NewSource(false)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Read(time.Minute, func(*capture.Frame) {}) }()
	wait.Blocked(t, "afpacket.(*Source).Read")
	s.Close()
	if err := wait.For(t, "Read ends", done); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := s.Read(0, nil); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := s.Remove(1); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestLoopbackOnce(t *testing.T) {
	namespace(t)
	for _, workers := range []int{1, 2} {
		all := sources(t, Config{Interface: 1, Workers: workers})
		conn, err := net.Dial("udp", "127.0.0.1:9")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(make([]byte, 77)); err != nil {
			t.Fatal(err)
		}
		n, handed, kernel := 0, 0, 0
		for _, s := range all {
			for _, f := range drain(t, s) {
				handed++
				if f.Length == 77+42 {
					n++
				}
			}
			stats, err := unix.GetsockoptTpacketStatsV3(s.rings[0].fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
			if err != nil {
				t.Fatal(err)
			}
			kernel += int(stats.Packets)
		}
		if kernel != handed {
			t.Errorf("%d workers: %d frames, the kernel put %d into rings", workers, handed, kernel)
		}
		if n != 1 {
			t.Errorf("%d workers: datagram captured %d times", workers, n)
		}
		conn.Close()
	}
}

// bridged returns a bridge whose ports are watched, and a function that sends into the first port.
func bridged(t *testing.T) (in, out uint32, send func([]byte)) {
	t.Helper()
	namespace(t)
	a, b := veth(t, "a", "b")
	c, _ := veth(t, "c", "d")
	ip(t, "link add name br type bridge mcast_snooping 0")
	ip(t, "link set dev b master br")
	ip(t, "link set dev c master br")
	ip(t, "link set dev br up arp off")
	return b, c, sender(t, a)
}

func TestForwardedOnce(t *testing.T) {
	in, out, send := bridged(t)
	once, err := NewOnce(DefaultSnapLength)
	if err != nil {
		lab.Lacks(t, err.Error())
	}
	defer once.Close()
	port := func(i uint32) *Source { return sources(t, Config{Interface: i, Program: once.FD()})[0] }
	sIn, sOut := port(in), port(out)
	forwarded, own := frame("192.0.2.1", "192.0.2.2", 10), frame("192.0.2.3", "192.0.2.2", 11)
	check := func(what string, wantIn, wantOut int) {
		t.Helper()
		if i, o := len(drain(t, sIn)), len(drain(t, sOut)); i != wantIn || o != wantOut {
			t.Errorf("%s: %d where it came in, %d where it went out, want %d and %d", what, i, o, wantIn, wantOut)
		}
	}
	send(forwarded)
	check("nothing watched", 1, 1)
	if err := errors.Join(once.Watch(in), once.Watch(out)); err != nil {
		t.Fatal(err)
	}
	send(forwarded)
	sender(t, out)(own)
	check("both watched", 1, 1)
	send(forwarded)
	check("forwarded alone", 1, 0)
	if err := errors.Join(once.Unwatch(in), once.Unwatch(in)); err != nil {
		t.Fatal(err)
	}
	send(forwarded)
	check("unwatched where it came in", 1, 1)
}

// TestRoutedOnce does the same by routing, with and without masquerading.
func TestRoutedOnce(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	c, d := veth(t, "c", "d")
	once, err := NewOnce(DefaultSnapLength)
	if err != nil {
		lab.Lacks(t, err.Error())
	}
	defer once.Close()
	ip(t, "address add 192.0.2.1/24 dev b")
	ip(t, "address add 198.51.100.1/24 dev c")
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(once.Watch(b), once.Watch(c)); err != nil {
		t.Fatal(err)
	}
	sIn := sources(t, Config{Interface: b, Program: once.FD()})[0]
	sOut := sources(t, Config{Interface: c, Program: once.FD()})[0]
	wire := sources(t, Config{Interface: d})[0]
	hardware, err := net.InterfaceByName("b")
	if err != nil {
		t.Fatal(err)
	}
	send := sender(t, a)
	check := func(port string, source string) {
		t.Helper()
		f := frame("192.0.2.2", "198.51.100.2", 10)
		copy(f, hardware.HardwareAddr)
		send(f)
		out := drain(t, wire)
		if len(out) != 1 || netip.AddrFrom4([4]byte(out[0].Data[26:30])).String() != source {
			t.Fatalf("%s: on the wire: %+v", port, out)
		}
		if i, o := len(drain(t, sIn)), len(drain(t, sOut)); i != 1 || o != 0 {
			t.Errorf("%s: %d where it came in, %d where it went out", port, i, o)
		}
		// The machine's own packets are seen.
		conn, err := net.Dial("udp", "198.51.100.2:9")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if n := len(drain(t, sOut)); n != 1 {
			t.Errorf("%s: own datagram seen %d times", port, n)
		}
		drain(t, wire)
	}
	check("routed", "192.0.2.2")
	if _, err := exec.LookPath("nft"); err != nil {
		lab.Lacks(t, err.Error())
	}
	rules := "table ip n { chain p { type nat hook postrouting priority 100; oifname c masquerade; }; }"
	if out, err := exec.Command("nft", rules).CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
	if out, err := exec.Command("nft", "list", "ruleset").CombinedOutput(); err != nil ||
		!bytes.Contains(out, []byte("masquerade")) {
		t.Fatalf("nft: %v: %s", err, out)
	}
	ip(t, "link set dev c down") // forget the connection of the first part
	ip(t, "link set dev c up")
	check("masqueraded", "198.51.100.1")
}

func TestOwnAddressFilter(t *testing.T) {
	namespace(t)
	a, b := veth(t, "a", "b")
	own := []netip.Addr{netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9"),
		netip.MustParseAddr("192.0.2.10"),
		netip.MustParseAddr("2001:db8::a")}
	filter, err := OwnAddressFilter(own, 200)
	if err != nil {
		t.Fatal(err)
	}
	sent, received := sources(t, Config{Interface: a, Filter: filter})[0],
		sources(t, Config{Interface: b, Filter: filter})[0]
	arp := append([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 6}, make([]byte, 46)...)
	send := sender(t, a)
	for _, tags := range [][]uint32{nil, {0x81000005}, {0x88a80005, 0x81000006}} {
		for _, c := range []struct {
			frame []byte
			keep  int
		}{
			{frame("192.0.2.9", "192.0.2.1", 10, tags...), 1}, {frame("192.0.2.10", "192.0.2.1", 10, tags...), 1},
			{frame("192.0.2.1", "192.0.2.9", 10, tags...), 0},
			{frame("2001:db8::9", "2001:db8::1", 10, tags...), 1}, {frame("2001:db8::a", "2001:db8::1", 10, tags...),
				1},
			{frame("2001:db8::b", "2001:db8::9", 10, tags...), 0}, {frame("2001:db9::9", "2001:db8::9", 10, tags...),
				0}, {arp, 1},
		} {
			send(c.frame)
			if n := len(drain(t, sent)); n != c.keep {
				t.Errorf("sent %x: kept %d, want %d", c.frame[12:], n, c.keep)
			}
			if n := len(drain(t, received)); n != 1 {
				t.Errorf("received %x: %d", c.frame[12:], n)
			}
		}
	}
	if _, err := OwnAddressFilter(make([]netip.Addr, 5000), 1); err == nil {
		t.Error("5,000 addresses: no error")
	}
}

// TestWithoutRights maps and reads a ring in a process without capabilities.
func TestWithoutRights(t *testing.T) {
	if os.Getenv("AFPACKET_CHILD") != "" {
		withoutRights(t)
		return
	}
	namespace(t)
	a, b := veth(t, "a", "b")
	port, err := Open(Config{Interface: b, Geometry: GeometryFor(DefaultRingBytes, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	sender(t, a)(frame("192.0.2.1", "192.0.2.2", 10))
	dup, err := unix.Dup(port.Sockets[0])
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("/proc/self/exe", "-test.run=^TestWithoutRights$", "-test.v")
	child.Env = append(os.Environ(), fmt.Sprint("AFPACKET_CHILD=", b))
	child.ExtraFiles = []*os.File{os.NewFile(uintptr(dup), "socket")}
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := child.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("read without rights")) {
		t.Fatalf("%v\n%s", err, out)
	}
}

func withoutRights(t *testing.T) {
	var b uint32
	if _, err := fmt.Sscan(os.Getenv("AFPACKET_CHILD"), &b); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Interface: b, Geometry: GeometryFor(DefaultRingBytes, 1)}); !errors.Is(err, unix.EPERM) {
		t.Fatalf("open without rights: %v", err)
	}
	const fd = 3
	if err := setsockoptFilter(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, SnapFilter(1)); !errors.Is(err, unix.EPERM) {
		t.Fatalf("change of the filter: %v", err)
	}
	s, err := NewSource(true)
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, fd, b, GeometryFor(DefaultRingBytes, 1))
	got := drain(t, s)
	var l capture.Losses
	s.Losses(&l)
	if len(got) != 1 || l.RingFull != 0 || got[0].Flow.Slot != capture.CountedElsewhere {
		t.Fatalf("%+v, losses %+v", got, l)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	t.Log("read without rights")
}
