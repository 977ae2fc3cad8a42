// SPDX-License-Identifier: Apache-2.0

//go:build libpcap && cgo

package libpcap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/capture/afpacket"
	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// childVariable in the environment makes the test binary a capturing process.
const childVariable = "WEIR_TEST_LIBPCAP_CAPTURE"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		if err := Capture(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// link is a veth pair in a namespace of its own, on which only the test sends.
type link struct {
	near, far           *net.Interface
	sendNear, sendFar   int // AF_PACKET sockets
	nearIndex, farIndex uint32
}

func newLink(t testing.TB) *link {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		lab.Lacks(t, "ip (iproute2) is not installed")
	}
	// The thread ends with the test's goroutine, and the namespace with the thread.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		lab.Lacks(t, "a network namespace needs root: "+err.Error())
	}
	// Without IPv6 the kernel sends nothing of its own on a link without addresses.
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0); err != nil &&
		!errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	run(t, "ip", "link", "add", "near", "mtu", "65000", "type", "veth", "peer", "name", "far", "mtu", "65000")
	run(t, "ip", "link", "set", "near", "up")
	run(t, "ip", "link", "set", "far", "up")
	for _, name := range []string{"near", "far"} { // the kernel drops packets until its link watch has run
		wait.Until(t, name+" is up", func() bool {
			out, err := exec.Command("ip", "-o", "link", "show", "dev", name).Output()
			return err == nil && bytes.Contains(out, []byte(" state UP "))
		})
	}
	l := &link{near: device(t, "near"), far: device(t, "far")}
	l.nearIndex, l.farIndex = uint32(l.near.Index), uint32(l.far.Index)
	l.sendNear, l.sendFar = sender(t, l.near), sender(t, l.far)
	return l
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func device(t testing.TB, name string) *net.Interface {
	t.Helper()
	d, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func sender(t testing.TB, d *net.Interface) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: d.Index}); err != nil {
		t.Fatal(err)
	}
	return fd
}

func send(t testing.TB, fd int, frame []byte) {
	t.Helper()
	for {
		_, err := unix.Write(fd, frame)
		if err == unix.ENOBUFS || err == unix.EINTR {
			continue
		} else if err != nil {
			t.Fatalf("send %d bytes: %v", len(frame), err)
		}
		return
	}
}

// session is a capturing process with its reader.
type session struct {
	*Process
	r      *Reader
	events []Event
	frames []got
	stderr bytes.Buffer
	number uint32 // of the last Watch
}

func start(t testing.TB, c Config, descriptors ...int) *session {
	t.Helper()
	s := &session{}
	command := exec.Command("/proc/self/exe") // a path that needs no access to the directories above
	for _, fd := range descriptors {
		fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		file := os.NewFile(uintptr(fd), "eBPF")
		defer file.Close()
		command.ExtraFiles = append(command.ExtraFiles, file)
	}
	command.Env = append(os.Environ(), childVariable+"=1")
	command.Stderr = &s.stderr
	p, err := Open(command, c)
	if err != nil {
		t.Fatal(err)
	}
	s.Process = p
	s.r = NewReader(p.Stream, func(e Event) { s.events = append(s.events, e) })
	t.Cleanup(func() {
		s.r.Close()
		_ = s.Stop()
		_ = command.Process.Kill()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("the child said: %s", s.stderr.String())
		}
	})
	return s
}

const patience = 30 * time.Second

// until reads until done or an error.
func (s *session) until(t testing.TB, what string, done func() bool) error {
	t.Helper()
	for end := time.Now().Add(patience); !done(); {
		err := s.r.Read(50*time.Millisecond, func(f *capture.Frame) {
			g := got{*f, string(f.Data)}
			g.Data = nil
			s.frames = append(s.frames, g)
		})
		if err != nil {
			return err
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v; %d frames, events %+v", what, patience, len(s.frames), s.events)
		}
	}
	return nil
}

// watch waits until an interface is watched.
func (s *session) watch(t testing.TB, index uint32) {
	t.Helper()
	before := len(s.events)
	s.number++
	if err := s.Watch(index, s.number, false); err != nil {
		t.Fatal(err)
	}
	if err := s.until(t, "watch", func() bool { return len(s.events) > before }); err != nil {
		t.Fatal(err)
	}
	if e := s.events[before]; e.Err != nil || e.Interface != index || e.Number != s.number {
		t.Fatalf("watch: %+v", e)
	}
}

// count waits for n frames, and briefly for one too many.
func (s *session) count(t *testing.T, n int) {
	t.Helper()
	if err := s.until(t, fmt.Sprint(n, " frames"), func() bool { return len(s.frames) >= n }); err != nil {
		t.Fatal(err)
	}
	late := time.Now().Add(150 * time.Millisecond)
	if err := s.until(t, "late frames", func() bool { return time.Now().After(late) }); err != nil {
		t.Fatal(err)
	}
	if len(s.frames) != n {
		t.Fatalf("%d frames, want %d", len(s.frames), n)
	}
}

// recorded returns Ethernet frames of the repository's captures.
func recorded(t *testing.T, most int, patterns ...string) (frames [][]byte) {
	t.Helper()
	for _, pattern := range patterns {
		paths, err := filepath.Glob("../../../testdata/" + pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("no testdata/%s (%v)", pattern, err)
		}
		for _, path := range paths {
			r, err := pcapfile.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			var f pcapfile.Frame
			for err = r.Next(&f); err == nil && len(frames) < most; err = r.Next(&f) {
				if r.Interfaces()[f.Interface].LinkType == packet.LinkEthernet && len(f.Data) == f.Length &&
					len(f.Data) >= 14 {
					frames = append(frames, bytes.Clone(f.Data))
				}
			}
			r.Close()
		}
	}
	return frames
}

func TestFramesByteForByte(t *testing.T) {
	frames := recorded(t, 2000, "dns-*.pcap", "bgp-bird.pcap", "doh.pcap", "dhcp*.pcap", "diameter.pcap", "coap.pcap")
	if len(frames) < 100 {
		t.Fatalf("only %d frames", len(frames))
	}
	frames = append(frames, append(bytes.Clone(frames[0][:14]), make([]byte, 9000)...)) // exceeds the snap length
	l := newLink(t)
	s := start(t, Config{})
	s.watch(t, l.farIndex)
	before := time.Now()
	for _, f := range frames {
		send(t, l.sendNear, f)
	}
	s.count(t, len(frames))
	for i, g := range s.frames {
		f := frames[i]
		if g.data != string(f[:min(len(f), DefaultSnapLength)]) || g.Length != len(f) {
			t.Fatalf("frame %d is\n%x, %d bytes, sent\n%x, %d", i, g.data, g.Length, f, len(f))
		}
		if g.Interface != l.farIndex || g.Link != packet.LinkEthernet || g.Flow.Slot != capture.NotCounted ||
			g.Time < before.UnixNano() || g.Time > time.Now().UnixNano() {
			t.Fatalf("frame %d: %+v", i, g.Frame)
		}
	}
	if !strings.Contains(s.r.Version(), "libpcap version 1.") {
		t.Errorf("version %q", s.r.Version())
	}
	nanoseconds := 0
	for _, g := range s.frames {
		if g.Time%1000 != 0 {
			nanoseconds++
		}
	}
	if nanoseconds < len(frames)/2 {
		t.Errorf("only %d of %d times have nanoseconds", nanoseconds, len(frames))
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := s.until(t, "end", func() bool { return false }); err != io.EOF {
		t.Errorf("after Stop: %v", err)
	}
	if err := s.Command.Wait(); err != nil {
		t.Errorf("the process: %v", err)
	}
}

// TestVLAN: the kernel removes the outer VLAN tag of an incoming frame; libpcap restores it.
func TestVLAN(t *testing.T) {
	l := newLink(t)
	s := start(t, Config{})
	s.watch(t, l.farIndex)
	payload := bytes.Repeat([]byte{0xab}, 60)
	addresses := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}
	frames := [][]byte{
		bytes.Join([][]byte{addresses, {0x81, 0, 0x60, 5, 8, 0}, payload}, nil),
		bytes.Join([][]byte{addresses, {0x81, 0, 0, 0, 8, 0}, payload}, nil), // only a priority
		bytes.Join([][]byte{addresses, {0x88, 0xa8, 0, 100, 0x81, 0, 0, 5, 8, 0}, payload}, nil),
	}
	for _, f := range frames {
		send(t, l.sendNear, f)
	}
	s.count(t, len(frames))
	for i, g := range s.frames {
		if g.data != string(frames[i]) || g.Length != len(frames[i]) {
			t.Errorf("frame %d is %x (%d), sent %x", i, g.data, g.Length, frames[i])
		}
	}
}

func isDNS(f []byte) bool {
	return bytes.Equal(f[12:14], []byte{8, 0}) && f[14] == 0x45 && f[23] == 17 && f[20]&0x3f == 0 && f[21] == 0 &&
		(bytes.Equal(f[34:36], []byte{0, 53}) || bytes.Equal(f[36:38], []byte{0, 53}))
}

func TestFilter(t *testing.T) {
	frames := recorded(t, 1000, "dns-dnsmasq-dig.pcap", "bgp-bird.pcap", "coap.pcap", "dhcp-dnsmasq-client.pcap")
	l := newLink(t)
	s := start(t, Config{Filter: "ip and udp port 53"})
	s.watch(t, l.farIndex)
	var want [][]byte
	for _, f := range frames {
		send(t, l.sendNear, f)
		if isDNS(f) {
			want = append(want, f)
		}
	}
	if len(want) == 0 || len(want) == len(frames) {
		t.Fatalf("%d of %d frames are DNS", len(want), len(frames))
	}
	s.count(t, len(want))
	for i, g := range s.frames {
		if g.data != string(want[i]) {
			t.Errorf("frame %d is not DNS", i)
		}
	}
}

func TestBadFilter(t *testing.T) {
	s := start(t, Config{Filter: "udp prt 53"})
	err := s.until(t, "error", func() bool { return false })
	var failure *Error
	if !errors.As(err, &failure) || failure.Code != CodeFilter || !strings.Contains(err.Error(), `"udp prt 53": `) ||
		!strings.Contains(err.Error(), "syntax error") && !strings.Contains(err.Error(), "parse") {
		t.Errorf("%v", err)
	}
	if err := s.Command.Wait(); err == nil {
		t.Error("the process ended well")
	}
}

// refused watches an interface that cannot be watched, and returns the error.
func (s *session) refused(t *testing.T, index uint32) *Error {
	t.Helper()
	before := len(s.events)
	if err := s.Watch(index, 0, true); err != nil {
		t.Fatal(err)
	}
	if err := s.until(t, "refusal", func() bool { return len(s.events) > before }); err != nil {
		t.Fatal(err)
	}
	e := s.events[before]
	if e.Err == nil || e.Interface != index {
		t.Fatalf("%+v", e)
	}
	return e.Err
}

func TestNoSuchInterface(t *testing.T) {
	l := newLink(t)
	s := start(t, Config{})
	if err := s.refused(t, 12345); err.Code != CodeNoDevice || !errors.Is(err, unix.ENODEV) {
		t.Errorf("%v", err)
	}
	s.watch(t, l.farIndex) // still works
	send(t, l.sendNear, make([]byte, 60))
	s.count(t, 1)
}

func TestNoRight(t *testing.T) {
	l := newLink(t)
	// The child inherits this thread's bounding set, and the thread ends with the test.
	for c := uintptr(0); unix.Prctl(unix.PR_CAPBSET_READ, c, 0, 0, 0) == nil; c++ {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	s := start(t, Config{})
	if err := s.refused(t, l.farIndex); err.Code != CodeNoRight || !errors.Is(err, unix.EPERM) ||
		!errors.Is(err, fs.ErrPermission) ||
		!strings.Contains(err.Error(), "CAP_NET_RAW") {
		t.Errorf("%+v", err)
	}
}

func TestInterfaceVanishes(t *testing.T) {
	l := newLink(t)
	run(t, "ip", "link", "add", "other", "type", "veth", "peer", "name", "far2")
	run(t, "ip", "link", "set", "other", "up")
	run(t, "ip", "link", "set", "far2", "up")
	s := start(t, Config{})
	s.watch(t, l.farIndex)
	other := device(t, "far2")
	s.watch(t, uint32(other.Index))
	before := len(s.events)
	began := time.Now()
	run(t, "ip", "link", "del", "far")
	if err := s.until(t, "end of the interface", func() bool { return len(s.events) > before }); err != nil {
		t.Fatal(err)
	}
	if e := s.events[before]; e.Interface != l.farIndex || e.Err == nil || e.Err.Code != CodeGone ||
		!errors.Is(e.Err, unix.ENODEV) {
		t.Errorf("%+v", e)
	}
	t.Logf("reported after %v: %v", time.Since(began).Round(time.Millisecond), s.events[before].Err)
	send(t, sender(t, device(t, "other")), make([]byte, 60)) // the other one still works
	s.count(t, 1)
}

// TestInterfaceDownAndUp: an interface that goes down and comes up again stays watched.
func TestInterfaceDownAndUp(t *testing.T) {
	l := newLink(t)
	s := start(t, Config{})
	s.watch(t, l.farIndex)
	run(t, "ip", "link", "set", "far", "down")
	late := time.Now().Add(1200 * time.Millisecond)
	if err := s.until(t, "while down", func() bool { return time.Now().After(late) }); err != nil {
		t.Fatal(err)
	}
	run(t, "ip", "link", "set", "far", "up")
	// The kernel reports the carrier to the other end with a delay, and drops frames until then.
	again := time.Now()
	if err := s.until(t, "frame", func() bool {
		if time.Now().After(again) {
			_, _ = unix.Write(l.sendNear, make([]byte, 60))
			again = time.Now().Add(100 * time.Millisecond)
		}
		return len(s.frames) > 0
	}); err != nil {
		t.Fatal(err)
	}
	if len(s.events) != 1 {
		t.Errorf("%+v", s.events)
	}
	_ = s.Stop()
	_ = s.Command.Wait()
	// The socket of an interface that is down has a pending error, which must not keep the process busy.
	if used := s.Command.ProcessState.UserTime() + s.Command.ProcessState.SystemTime(); used > 600*time.Millisecond {
		t.Errorf("%v of CPU time in a second", used)
	} else {
		t.Logf("%v of CPU time", used)
	}
}

// TestDirectionAndUnwatch: with one interface both directions are captured, with several only incoming packets, while
// they are watched.
func TestDirectionAndUnwatch(t *testing.T) {
	l := newLink(t)
	s := start(t, Config{})
	both := func() {
		send(t, l.sendFar, bytes.Repeat([]byte{2}, 60))
		send(t, l.sendNear, bytes.Repeat([]byte{4}, 60))
	}
	s.watch(t, l.farIndex)
	both()
	s.count(t, 2)
	s.watch(t, l.nearIndex)
	both()
	s.count(t, 4) // each where it came in
	if a, b := s.frames[2], s.frames[3]; a.Interface == b.Interface {
		t.Errorf("%+v and %+v", a.Frame, b.Frame)
	}
	s.unwatch(t, l.nearIndex)
	both()
	s.count(t, 6)
	s.unwatch(t, l.farIndex)
	both()
	s.count(t, 6)
	s.watch(t, l.farIndex)
	both()
	s.count(t, 8)
}

// unwatch waits until an interface is no longer watched.
func (s *session) unwatch(t *testing.T, index uint32) {
	t.Helper()
	before := len(s.events)
	if err := s.Unwatch(index); err != nil {
		t.Fatal(err)
	}
	if err := s.until(t, "unwatch", func() bool { return len(s.events) > before }); err != nil {
		t.Fatal(err)
	}
	if e := s.events[before]; e.Interface != index || e.Err == nil || e.Err.Code != CodeUnwatched {
		t.Errorf("%+v", e)
	}
}

// TestOnce: what a watched interface receives is not captured again where it leaves, while the machine's own packets
// are, even with a filter.
func TestOnce(t *testing.T) {
	frame := func(kind byte) []byte { // to an address unknown to the bridge
		b := bytes.Repeat([]byte{kind}, 60)
		copy(b[6:], []byte{2, 0, 0, 0, 0, 1})
		return b
	}
	for _, filter := range []string{"", "ether proto 0x0a0a"} {
		t.Run(filter, func(t *testing.T) {
			l := newLink(t)
			run(t, "ip", "link", "add", "out", "type", "veth", "peer", "name", "other")
			run(t, "ip", "link", "add", "bridge0", "type", "bridge", "mcast_snooping", "0")
			for _, x := range []string{"far", "out"} {
				run(t, "ip", "link", "set", x, "master", "bridge0")
			}
			for _, x := range []string{"out", "other", "bridge0"} {
				run(t, "ip", "link", "set", x, "up")
			}
			once, err := afpacket.NewOnce(DefaultSnapLength)
			if err != nil {
				lab.Lacks(t, err.Error())
			}
			defer once.Close()
			s := start(t, Config{Once: true, Filter: filter}, once.FD(), once.Watched().FD())
			out := device(t, "out")
			s.watch(t, l.farIndex)
			s.watch(t, uint32(out.Index))
			const n = 10
			for range n {
				send(t, l.sendNear, frame(10)) // the bridge forwards it: to far and to out
			}
			s.count(t, n)
			for range n {
				send(t, sender(t, out), frame(10)) // the machine's own
			}
			s.count(t, 2*n)
			s.unwatch(t, l.farIndex)
			send(t, l.sendNear, frame(10)) // now captured where it leaves
			s.count(t, 2*n+1)
			if filter != "" {
				send(t, sender(t, out), frame(12))
				s.count(t, 2*n+1)
			}
		})
	}
}

// TestLastFrames: frames that came before the end of a watch, or of an interface, are delivered.
func TestLastFrames(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *session, *link){
		"unwatched": func(t *testing.T, s *session, l *link) {
			if err := s.Unwatch(l.farIndex); err != nil {
				t.Fatal(err)
			}
		},
		"deleted": func(t *testing.T, _ *session, _ *link) { run(t, "ip", "link", "del", "far") },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLink(t)
			s := start(t, Config{})
			s.watch(t, l.farIndex)
			const n = 100
			for range n {
				send(t, l.sendNear, make([]byte, 60))
			}
			end(t, s, l)
			if err := s.until(t, "the end of the interface", func() bool { return len(s.events) == 2 }); err != nil {
				t.Fatal(err)
			}
			if len(s.frames) != n {
				t.Errorf("%d frames, want %d", len(s.frames), n)
			}
		})
	}
}

// TestRenamed: an interface that goes down and comes up with another name stays watched.
func TestRenamed(t *testing.T) {
	l := newLink(t)
	s := start(t, Config{})
	s.watch(t, l.farIndex)
	for i := range 5 {
		before := len(s.frames)
		run(t, "sh", "-c", fmt.Sprintf("ip link set dev $(ip -o link | sed -n 's/^%d: \\([^@]*\\)@.*/\\1/p') down; "+
			"sleep 0.05", l.farIndex))
		run(t, "sh", "-c", fmt.Sprintf("n=$(ip -o link | sed -n 's/^%d: \\([^@]*\\)@.*/\\1/p'); ip link set $n name "+
			"new%d; ip link set new%d up", l.farIndex, i, i))
		again := time.Now()
		if err := s.until(t, "frame", func() bool { // the carrier comes up with a delay
			if time.Now().After(again) {
				_, _ = unix.Write(l.sendNear, make([]byte, 60))
				again = time.Now().Add(20 * time.Millisecond)
			}
			return len(s.frames) > before
		}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.events) != 1 {
		t.Errorf("%+v", s.events)
	}
}

// TestMadeAnew: a new interface with the index, and the name, of one that has gone is another.
func TestMadeAnew(t *testing.T) {
	l := newLink(t)
	s := start(t, Config{})
	s.watch(t, l.farIndex)
	run(t, "ip", "link", "del", "far")
	run(t, "ip", "link", "add", "far", "index", fmt.Sprint(l.farIndex), "type", "veth", "peer", "name", "near")
	run(t, "ip", "link", "set", "near", "up")
	run(t, "ip", "link", "set", "far", "up")
	if err := s.until(t, "the end of the first", func() bool { return len(s.events) == 2 }); err != nil {
		t.Fatal(err)
	}
	if e := s.events[1]; e.Err == nil || e.Err.Code != CodeGone {
		t.Fatalf("%+v", e)
	}
	s.watch(t, l.farIndex)
	send(t, sender(t, device(t, "near")), make([]byte, 60))
	s.count(t, 1)
}

// TestStallIsCounted: a reader that does not read makes libpcap's buffer overflow: lost packets count, once, even if a
// packet is seen twice.
func TestStallIsCounted(t *testing.T) {
	for name, both := range map[string]bool{"one interface": false, "both ends": true} {
		t.Run(name, func(t *testing.T) {
			l := newLink(t)
			s := start(t, Config{BufferBytes: minBufferBytes})
			s.watch(t, l.farIndex)
			if both {
				s.watch(t, l.nearIndex)
			}
			const sent = 20000
			for range sent {
				send(t, l.sendNear, make([]byte, 1000))
			}
			lost := func() uint64 {
				var losses capture.Losses
				s.r.Losses(&losses)
				return losses.RingFull
			}
			err := s.until(t, "all frames", func() bool { return uint64(len(s.frames))+lost() >= sent })
			if err != nil {
				t.Fatal(err)
			}
			// one more record of losses: none is reported twice
			late := time.Now().Add(lossInterval + 200*time.Millisecond)
			if err := s.until(t, "late frames", func() bool { return time.Now().After(late) }); err != nil {
				t.Fatal(err)
			}
			if uint64(len(s.frames))+lost() != sent || lost() < sent/10 || len(s.frames) < 100 {
				t.Errorf("sent %d, read %d, lost %d", sent, len(s.frames), lost())
			}
			t.Logf("read %d, lost %d", len(s.frames), lost())
		})
	}
}

// TestStopReadsAll: the kernel's buffered frames at Stop are read to the last one, and no later ones.
func TestStopReadsAll(t *testing.T) {
	l := newLink(t)
	s := start(t, Config{})
	s.watch(t, l.farIndex)
	const sent = 3000 // more than the pipe and the process's buffer hold
	for range sent {
		send(t, l.sendNear, make([]byte, 1000))
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond) // the command is on its way; nothing visible shows its arrival
		for range sent {
			send(t, l.sendNear, make([]byte, 100))
		}
	}()
	if err := s.until(t, "the end", func() bool { return false }); err != io.EOF {
		t.Fatal(err)
	}
	late := 0
	for _, f := range s.frames {
		if f.Length == 100 {
			late++
		}
	}
	var losses capture.Losses
	s.r.Losses(&losses)
	if len(s.frames)-late != sent || losses.RingFull != 0 || late > sent/2 {
		t.Errorf("sent %d, read %d and %d late ones, lost %d", sent, len(s.frames)-late, late, losses.RingFull)
	}
}

// TestStopWhileStalled: the process obeys commands and ends even if nobody reads.
func TestStopWhileStalled(t *testing.T) {
	l := newLink(t)
	s := start(t, Config{})
	s.watch(t, l.farIndex)
	for range 10000 {
		send(t, l.sendNear, make([]byte, 1000))
	}
	wait.Until(t, "the pipe is full", func() bool { return lab.IsFull(t, s.r.stream.(syscall.Conn)) })
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Command.Wait() }()
	if err := wait.For(t, "the process ends", ended); err != nil {
		t.Error(err)
	}
}

// TestSignalsAreIgnored: a signal to the whole process group does not damage the stream.
func TestSignalsAreIgnored(t *testing.T) {
	l := newLink(t)
	s := start(t, Config{})
	s.watch(t, l.farIndex)
	for _, sig := range []os.Signal{unix.SIGINT, unix.SIGHUP, unix.SIGTERM} {
		if err := s.Command.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	send(t, l.sendNear, make([]byte, 60)) // a process that the signals end cannot read it: they come first
	s.count(t, 1)
}

func TestPromiscuous(t *testing.T) {
	l := newLink(t)
	for _, promiscuous := range []bool{false, true} {
		s := start(t, Config{})
		if err := s.Watch(l.farIndex, 0, promiscuous); err != nil {
			t.Fatal(err)
		}
		if err := s.until(t, "watch", func() bool { return len(s.events) > 0 }); err != nil || s.events[0].Err != nil {
			t.Fatal(err, s.events)
		}
		out, err := exec.Command("ip", "-d", "link", "show", "far").Output()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(out, []byte("promiscuity 1")) != promiscuous {
			t.Errorf("promiscuous %v: %s", promiscuous, out)
		}
		_ = s.Stop()
		_ = s.Command.Wait()
	}
}

// TestRawLink: an interface without Ethernet headers has another link type, the LINKTYPE_ value that differs from
// Linux's DLT_ value.
func TestRawLink(t *testing.T) {
	newLink(t)
	tun, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		lab.Lacks(t, "/dev/net/tun: "+err.Error())
	}
	defer unix.Close(tun)
	request, err := unix.NewIfreq("raw")
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(tun, unix.TUNSETIFF, request); err != nil {
		t.Fatal(err)
	}
	run(t, "ip", "link", "set", "raw", "up")
	s := start(t, Config{})
	s.watch(t, uint32(device(t, "raw").Index))
	if s.events[0].Link != packet.LinkRaw {
		t.Errorf("link type %d", s.events[0].Link)
	}
	ip := recorded(t, 1, "dns-dnsmasq-dig.pcap")[0][14:]
	if _, err := unix.Write(tun, ip); err != nil { // comes in on the interface
		t.Fatal(err)
	}
	s.count(t, 1)
	if g := s.frames[0]; g.data != string(ip) || g.Link != packet.LinkRaw {
		t.Errorf("%+v, sent %x", g, ip)
	}
}

// TestLoopbackOnce: a packet on the loopback interface goes out and comes in there, and is captured once.
func TestLoopbackOnce(t *testing.T) {
	newLink(t)
	run(t, "ip", "link", "set", "lo", "up")
	s := start(t, Config{Filter: "udp port 9"})
	s.watch(t, uint32(device(t, "lo").Index))
	c, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	s.count(t, 1)
}

// TestLatency: a lone frame leaves in 20 ms: 10 in the kernel's buffer, 10 in ours. The bound is wide, since the
// machine may be busy.
func TestLatency(t *testing.T) {
	l := newLink(t)
	s := start(t, Config{})
	s.watch(t, l.farIndex)
	var took []time.Duration
	for i := range 21 {
		began := time.Now()
		send(t, l.sendNear, make([]byte, 60))
		if err := s.until(t, "frame", func() bool { return len(s.frames) > i }); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	t.Logf("median %v, longest %v", took[10], took[20])
	if took[10] > 100*time.Millisecond {
		t.Errorf("median %v", took[10])
	}
}

func TestKilled(t *testing.T) {
	l := newLink(t)
	s := start(t, Config{})
	s.watch(t, l.farIndex)
	if err := s.Command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.until(t, "end", func() bool { return false }); err != ErrDied {
		t.Errorf("%v", err)
	}
}

// TestReaderGone: the end of the reader ends the process, even without traffic.
func TestReaderGone(t *testing.T) {
	l := newLink(t)
	s := start(t, Config{})
	s.watch(t, l.farIndex)
	s.r.Close()
	ended := make(chan error, 1)
	go func() { ended <- s.Command.Wait() }()
	if err := wait.For(t, "the process ends", ended); err != nil {
		t.Error(err)
	}
}

// BenchmarkCapture measures the capturing process's cost of a frame: its CPU time, kernel's part included. One thread
// sends as quickly as it can; losses are reported.
func BenchmarkCapture(b *testing.B) {
	l := newLink(b)
	s := start(b, Config{})
	s.watch(b, l.farIndex)
	done := make(chan error)
	read := 0
	go func() {
		var err error
		for err == nil {
			err = s.r.Read(time.Second, func(*capture.Frame) { read++ })
		}
		done <- err
	}()
	frame := make([]byte, 200)
	for b.Loop() {
		send(b, l.sendNear, frame)
	}
	if err := s.Stop(); err != nil { // reads all earlier frames
		b.Fatal(err)
	}
	if err := <-done; err != io.EOF {
		b.Fatal(err)
	}
	_ = s.Command.Wait()
	state := s.Command.ProcessState
	b.ReportMetric(float64((state.UserTime()+state.SystemTime()).Nanoseconds())/float64(max(read, 1)), "cpu-ns/frame")
	b.ReportMetric(float64(s.r.losses.RingFull)/float64(b.N), "lost/frame")
}
