// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

func TestMain(m *testing.M) {
	if os.Getenv("WEIR_LAB_TEST") == "crash" {
		crash()
	}
	os.Exit(m.Run())
}

// TestGateway: the gateway forwards every packet, and the interfaces count them.
func TestGateway(t *testing.T) {
	for name, o := range map[string]Options{"plain": {}, "many": {Clients: 3, Servers: 2, WireSize: true},
		"routed": {NoNAT: true}} {
		t.Run(name, func(t *testing.T) {
			l := New(t, o)
			client, server := l.Clients[len(l.Clients)-1], l.Servers[len(l.Servers)-1]
			for _, v6 := range []bool{false, true} {
				before, err := l.Gateway.Counters("lan0")
				if err != nil {
					t.Fatal(err)
				}
				d, err := Datagrams{Count: 2000, Rate: 20000, IPv6: v6}.Send(t.Context(), client, server)
				if err != nil || d.Received != 2000 || d.LostCount() != 0 || d.Duplicated != 0 || d.Reordered != 0 {
					t.Error(d, err)
				}
				after, err := l.Gateway.Counters("lan0")
				if err != nil || after.RxPackets-before.RxPackets < 2000 ||
					after.RxBytes-before.RxBytes < 2000*(64+8+20+14) {
					t.Error("lan0 counted", before, after, err)
				}
			}
		})
	}
}

func TestMasquerade(t *testing.T) {
	for _, o := range []Options{{}, {NoNAT: true}} {
		l := New(t, o)
		var listener net.Listener
		err := l.Servers[0].Do(func() (err error) { listener, err = net.Listen("tcp4", ":80"); return err })
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		seen := make(chan string, 1)
		go func() {
			if c, err := listener.Accept(); err == nil {
				seen <- c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().String()
				c.Close()
			}
		}()
		err = l.Clients[0].Do(func() error {
			c, err := net.DialTimeout("tcp4", l.Servers[0].Addr4.String()+":80", 3*time.Second)
			if err == nil {
				c.Close()
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		want := "198.51.100.1"
		if o.NoNAT {
			want = "192.168.77.10"
		}
		if got := <-seen; got != want {
			t.Errorf("%+v: the server sees %s, want %s", o, got, want)
		}
	}
}

func TestServerOfAnyAddress(t *testing.T) {
	l := New(t, Options{})
	if err := l.Servers[0].AddAddress("lo", netip.MustParsePrefix("203.0.113.7/32")); err != nil {
		t.Fatal(err)
	}
	d, err := Datagrams{Count: 10, To: netip.MustParseAddr("203.0.113.7")}.Send(t.Context(), l.Clients[0], l.Servers[0])
	if err != nil || d.Received != 10 {
		t.Error(d, err)
	}
}

// TestLoss: Send reports the numbers of dropped datagrams.
func TestLoss(t *testing.T) {
	a, b := NewPair(t)
	cmd := exec.Command("nft", "add table ip t; add chain ip t c { type filter hook input priority 0; };"+
		"add rule ip t c udp dport 9000 @ih,96,32 10-19 drop") // the lower half of the number
	if err := b.quick(cmd); err != nil {
		t.Fatal(err)
	}
	d, err := Datagrams{Count: 100, Rate: 10000}.Send(t.Context(), a, b)
	if err != nil || !slices.Equal(d.Lost, []Range{{10, 19}}) || d.LostCount() != 10 || d.Received != 90 {
		t.Error(d, err)
	}
}

func TestDelivery(t *testing.T) {
	r := reception{times: make([]uint8, 6), highest: -1}
	for _, n := range []int{0, 3, 2, 3, 5} {
		r.count(n)
	}
	d := r.delivery(6)
	if d.Received != 4 || d.Duplicated != 1 || d.Reordered != 1 || !slices.Equal(d.Lost, []Range{{1, 1}, {4, 4}}) {
		t.Error(d)
	}
}

func TestSendFrames(t *testing.T) {
	a, b := NewPair(t)
	short, long := make([]byte, 60), make([]byte, 1600)
	copy(short, "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x88\xb5") // local experiments (IEEE 802)
	copy(long, short)
	before, err := b.Counters("eth0")
	if err != nil {
		t.Fatal(err)
	}
	sent, err := a.SendFrames(t.Context(), "eth0", [][]byte{short, long, short}, Sending{Rate: 20000, Loops: 1000})
	if err != nil || sent.Frames != 2000 || sent.TooLong != 1000 || sent.Bytes != 120000 {
		t.Error(sent, err)
	}
	if sent.Elapsed < 100*time.Millisecond || sent.Elapsed > 2*time.Second {
		t.Errorf("3000 frames at 20000/s took %v", sent.Elapsed)
	}
	after, err := b.Counters("eth0")
	if got := after.RxPackets - before.RxPackets; err != nil || got+sent.Dropped < 2000 || got == 0 {
		t.Error("received", got, "of", sent, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := a.SendFrames(ctx, "eth0", [][]byte{short}, Sending{Rate: 1000, Duration: time.Minute}); !errors.Is(
		err, context.DeadlineExceeded) {
		t.Error("after the context's end:", err)
	}
	if _, err := a.SendFrames(t.Context(), "none", [][]byte{short}, Sending{}); err == nil {
		t.Error("a link that isn't there sends")
	}
}

func TestReplayCapture(t *testing.T) {
	a, b := NewPair(t)
	before, _ := b.Counters("eth0")
	const capture = "../../../testdata/tls13-nginx.pcap"
	sent, err := a.ReplayCapture(t.Context(), "eth0", capture, Sending{Rate: 5000, Loops: 3})
	if err != nil || sent.Frames == 0 || sent.Frames%3 != 0 || sent.OtherLink != 0 {
		t.Fatal(sent, err)
	}
	after, _ := b.Counters("eth0")
	if got := after.RxPackets - before.RxPackets; got < sent.Frames {
		t.Errorf("received %d of %d", got, sent.Frames)
	}
}

// TestPrograms: programs see the host's links, end with their context, and leave nothing behind.
func TestPrograms(t *testing.T) {
	l, a, _, err := MakePair()
	if err != nil {
		unavailable(t, err)
	}
	defer l.Close()
	out, err := a.Run(t.Context(), "sh", "-c", "ls /sys/class/net; ip -br link; cat /proc/net/dev")
	if err != nil || strings.Count(out, "eth0") != 3 || !strings.HasPrefix(out, "eth0\nlo\n") {
		t.Error(out, err)
	}
	link, err := a.Link("eth0")
	if err != nil || link.HardwareAddr.String() != "00:00:5e:00:53:01" {
		t.Error(link, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := a.Run(ctx, "sh", "-c", "sleep 60 & sleep 60"); err == nil || time.Since(start) > 5*time.Second {
		t.Error("a program outlived its context:", err, time.Since(start))
	}
	// A program that has left its process group, too.
	out, err = a.Run(t.Context(), "sh", "-c", "setsid sleep 61 >/dev/null 2>&1 & echo $!")
	if err != nil {
		t.Fatal(out, err)
	}
	daemon, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil || !alive(daemon) {
		t.Fatal(out, err)
	}
	l.Close()
	wait.Until(t, "the daemon ends", func() bool { return !alive(daemon) })
	if _, err := a.Run(t.Context(), "true"); err == nil {
		t.Error("a program starts after the end of the lab")
	}
	l.Close()
}

func TestDo(t *testing.T) {
	a, _ := NewPair(t)
	want := fmt.Errorf("some error")
	if err := a.Do(func() error { return want }); !errors.Is(err, want) {
		t.Error(err)
	}
	func() {
		defer func() {
			if p := recover(); p != "some panic" {
				t.Error("recovered", p)
			}
		}()
		_ = a.Do(func() error { panic("some panic") })
	}()
	outside, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // no thread that was inside is reused
		done := make(chan string)
		go func() { s, _ := os.Readlink("/proc/thread-self/ns/net"); done <- s }()
		if got := <-done; got != outside {
			t.Fatalf("a goroutine is in %s", got)
		}
	}
}

// crash makes a lab with programs in it and waits to be killed.
func crash() {
	l, a, _, err := MakePair()
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	defer l.Close()
	p, err := a.Start(exec.Command("sleep", "62"))
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	out, err := a.Run(context.Background(), "sh", "-c", "setsid sleep 63 >/dev/null 2>&1 & echo $!")
	fmt.Println(p.Process.Pid, strings.TrimSpace(out), err)
	if os.Getenv("WEIR_LAB_PANIC") != "" {
		panic("as asked")
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed, or the test ends
}

// TestKilled: the programs and namespaces of a lab whose process is killed or panics end with it, or with the next lab.
func TestKilled(t *testing.T) {
	NewPair(t) // skips the test if no lab is possible
	for _, way := range []string{"", "panic"} {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), "WEIR_LAB_TEST=crash", "WEIR_LAB_PANIC="+way)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.StdinPipe(); err != nil { // stays open until Wait
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		var direct, daemon int
		if _, err := fmt.Sscan(line, &direct, &daemon); err != nil {
			t.Fatal(line, err)
		}
		netns, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", daemon))
		if way == "" {
			_ = c.Process.Signal(syscall.SIGKILL)
		}
		_ = c.Wait()
		wait.Until(t, "the program ends", func() bool { return !alive(direct) })
		if !alive(daemon) {
			t.Log("the daemon ended already: another lab of this machine was made meanwhile")
		}
		NewPair(t)
		wait.Until(t, "the daemon ends", func() bool { return !alive(daemon) })
		files, _ := filepath.Glob("/proc/[0-9]*/ns/net")
		for _, f := range files {
			if in, _ := os.Readlink(f); in == netns && netns != "" {
				t.Errorf("%s is still in %s", f, netns)
			}
		}
	}
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ") && unix.Kill(pid, 0) == nil
}
