// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// namespace moves the test's thread to a network namespace of its own. The thread ends with the test.
func namespace(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		lab.Lacks(t, "needs root for a network namespace")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		lab.Lacks(t, "unshare: "+err.Error())
	}
	// The kernel's own packets must not mix with the test's frames.
	for _, path := range []string{"default", "all"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+path+"/disable_ipv6", []byte("1"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ip(t, "link set lo up")
}

func ip(t testing.TB, args string) string {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
	return string(out)
}

// veth makes a pair of interfaces that are up and returns their indices.
func veth(t testing.TB, a, b string) (uint32, uint32) {
	t.Helper()
	ip(t, "link add name "+a+" type veth peer name "+b)
	for _, n := range []string{a, b} {
		ip(t, "link set dev "+n+" mtu 9000 arp off up")
	}
	awaitUp(t, a)
	awaitUp(t, b)
	return index(t, a), index(t, b)
}

// awaitUp waits until the kernel sends on an interface: after its peer has come up, its link watch has to run first.
func awaitUp(t testing.TB, name string) {
	t.Helper()
	wait.Until(t, name+" is up", func() bool { return strings.Contains(ip(t, "-o link show dev "+name), " state UP ") })
}

func index(t testing.TB, name string) uint32 {
	t.Helper()
	i, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(i.Index)
}

// sender returns a function that sends unchanged frames on an interface.
func sender(t testing.TB, ifindex uint32) func([]byte) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	to := unix.SockaddrLinklayer{Ifindex: int(ifindex)}
	return func(frame []byte) {
		for {
			err := unix.Sendto(fd, frame, 0, &to)
			if err == nil {
				return
			}
			if err != unix.ENOBUFS {
				t.Fatalf("send %d bytes: %v", len(frame), err)
			}
			runtime.Gosched() // the queue is full
		}
	}
}

// sources opens an interface and returns a source per worker.
func sources(t testing.TB, c Config) []*Source {
	t.Helper()
	if c.Geometry == (Geometry{}) {
		c.Geometry = GeometryFor(DefaultRingBytes, 1)
	}
	port, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	var all []*Source
	for _, fd := range port.Sockets {
		s, err := NewSource(false)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		add(t, s, fd, c.Interface, c.Geometry)
		all = append(all, s)
	}
	return all
}

func add(t testing.TB, s *Source, fd int, ifindex uint32, g Geometry) {
	t.Helper()
	r, err := NewRing(fd, ifindex, g)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Add(r); err != nil {
		t.Fatal(err)
	}
}

// drain reads until no frame has come for a while, and returns copies of the frames.
func drain(t testing.TB, s *Source) (frames []capture.Frame) {
	t.Helper()
	for quiet := 0; quiet < 3; quiet++ {
		err := s.Read(40*time.Millisecond, func(f *capture.Frame) {
			quiet = 0
			c := *f
			c.Data = append([]byte(nil), f.Data...)
			frames = append(frames, c)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return frames
}
