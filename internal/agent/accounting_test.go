// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// Flows or loss counters account for each frame sent: none is missing, none counts twice.

// datagrams returns frames of UDP datagrams from that many ports to one, 64 bytes from the network header on.
func datagrams(flows int) [][]byte {
	const wire = 64
	frames := make([][]byte, flows)
	for i := range frames {
		b := append([]byte{0, 0, 0x5e, 0, 0x53, 2, 0, 0, 0x5e, 0, 0x53, 1, 8, 0}, make([]byte, wire)...)
		ip := b[14:]
		ip[0], ip[8], ip[9] = 0x45, 64, unix.IPPROTO_UDP
		binary.BigEndian.PutUint16(ip[2:], wire)
		copy(ip[12:], []byte{192, 0, 2, byte(i >> 14), 198, 51, 100, 1})
		binary.BigEndian.PutUint16(ip[20:], uint16(20000+i&0x3fff))
		binary.BigEndian.PutUint16(ip[22:], 9)
		binary.BigEndian.PutUint16(ip[24:], wire-20)
		frames[i] = b
	}
	return frames
}

// account compares the frames sent with the flows and the losses.
func account(t *testing.T, r *run, sent lab.Sent, before, after lab.Counters, flows []flowRecord) {
	t.Helper()
	packets, bytes := sums(flows)
	lost, _ := r.Lost()
	arrived := after.RxPackets - before.RxPackets
	t.Logf("%d sent at %.0f/s, %d arrived, %d in %d flows, %d lost", sent.Frames,
		float64(sent.Frames)/sent.Elapsed.Seconds(),
		arrived, packets, len(flows), lost)
	if sent.Frames != arrived+sent.Dropped {
		t.Errorf("%d frames were sent, %d dropped by the link, but %d came in", sent.Frames, sent.Dropped, arrived)
	}
	if packets+lost != arrived {
		t.Errorf("%d packets in flows and %d lost are not the %d that came in: %d", packets, lost, arrived,
			int64(packets+lost-arrived))
	}
	if said := r.Number("packets, "); said != packets {
		t.Errorf("weir says %d packets, its flows have %d", said, packets)
	}
	if onWire := after.RxBytes - before.RxBytes - 14*arrived; lost == 0 && bytes != onWire {
		t.Errorf("flows have %d bytes, %d came in", bytes, onWire)
	}
}

// TestAccounting overloads weir so that it loses frames, and checks the accounts.
func TestAccounting(t *testing.T) {
	weir(t)
	type load struct {
		name    string
		flags   []string
		flows   int
		sending lab.Sending
		pause   time.Duration // how long the agent is stopped meanwhile
		mayLose bool          // packets, not only their inspection
	}
	loads := []load{
		// as many as each mode's rings hold, so that a busy machine loses none either
		{name: "normal", flows: 1000, sending: lab.Sending{Rate: 20000, Loops: 10}},
		{name: "stopped", flows: 500, sending: lab.Sending{Rate: 20000, Duration: 2500 * time.Millisecond},
			pause: 2 * time.Second},
		{name: "few slots", flags: []string{"--max-flows", "128", "--workers", "2"}, flows: 10000,
			sending: lab.Sending{Rate: 20000, Loops: 2}, mayLose: true},
		{name: "few slots, stopped", flags: []string{"--max-flows", "128", "--workers", "2"}, flows: 10000,
			sending: lab.Sending{Rate: 20000, Duration: 2500 * time.Millisecond}, pause: 2 * time.Second,
			mayLose: true},
	}
	for _, mode := range []string{"ebpf", "afpacket", "afpacket plain", "libpcap"} {
		for _, l := range loads {
			if l.mayLose && l.pause > 0 && (mode == "libpcap" || mode == "afpacket plain") {
				continue // no slots: the same as without the pause
			}
			t.Run(mode+" "+l.name, func(t *testing.T) {
				if mode == "libpcap" {
					needLibpcap(t)
				}
				h := quietHost(t, 1)
				mode, hook, _ := strings.Cut(mode, " ")
				r := watch(t, h, append([]string{"--interface", "in0", "--mode", mode, "--hook", hook}, l.flags...)...)
				before, err := h.Counters("in0")
				if err != nil {
					t.Fatal(err)
				}
				if l.pause > 0 {
					child := r.child()
					time.AfterFunc(200*time.Millisecond, func() { _ = unix.Kill(child, unix.SIGSTOP) })
					time.AfterFunc(200*time.Millisecond+l.pause, func() { _ = unix.Kill(child, unix.SIGCONT) })
				}
				sent, err := h.SendFrames(context.Background(), "out0", datagrams(l.flows), l.sending)
				if err != nil {
					t.Fatal(err)
				}
				lab.Landed(t)
				after, err := h.Counters("in0")
				if err != nil {
					t.Fatal(err)
				}
				flows := r.stop()
				account(t, r, sent, before, after, flows)
				workersCount := mode == "libpcap" || hook == "plain"
				lost, _ := r.Lost()
				if lost > 0 && !l.mayLose && !(workersCount && l.pause > 0) {
					t.Errorf("%d packets were lost", lost)
				}
				if l.flags == nil && lost == 0 && len(flows) != l.flows {
					t.Errorf("%d flows, want %d", len(flows), l.flows)
				}
			})
		}
	}
}

// TestSamePorts makes successive connections between the same ports, and compares weir's records with those of weir
// replay on a capture of the same packets.
func TestSamePorts(t *testing.T) {
	weir(t)
	if _, err := exec.LookPath("tcpdump"); err != nil {
		lab.Lacks(t, "tcpdump is missing")
	}
	for _, mode := range []string{"ebpf", "afpacket", "afpacket plain", "libpcap"} {
		for _, end := range []string{"FIN", "RST"} {
			t.Run(mode+" "+end, func(t *testing.T) {
				if mode == "libpcap" {
					needLibpcap(t)
				}
				mode, hook, _ := strings.Cut(mode, " ")
				a, b := lab.NewPair(t)
				dump := launch(t, b, "tcpdump", "--immediate-mode", "-U", "-s", "2048", "-B", "16384", "-i", "eth0",
					"-w", "-", "tcp or udp dst port 9")
				dump.Await("listening on")
				r := watch(t, b, "--interface", "eth0", "--mode", mode, "--hook", hook)
				const connections = 50
				connect(t, a, b, connections, end == "RST")
				lab.Closed(t, a, b)
				mark(t, a)
				wait.Until(t, "tcpdump has written all", func() bool {
					return strings.Contains(dump.Stdout.String(), lastDatagram)
				})
				_ = dump.Process.Process.Signal(syscall.SIGINT)
				dump.End(5 * time.Second)
				got := tcpOnly(r.stop())
				want := tcpOnly(replay(t, bytes.NewReader([]byte(dump.Stdout.String()))))
				unplaced(want)
				unplaced(got)
				packets, _ := sums(want)
				t.Logf("%d connections, %d packets: %d records, %d of weir replay", connections, packets, len(got),
					len(want))
				if len(want) != connections {
					t.Errorf("weir replay has %d records of %d connections", len(want), connections)
				}
				if mode == "afpacket" && hook == "" {
					// The agent reads the kernel's counters at a tick, after the frames of several connections: it adds
					// what it reads to one of them.
					want, got = countsOnly(want), countsOnly(got)
				}
				compare(t, func(*flowRecord) string { return "" }, got, want)
			})
		}
	}
}

// countsOnly keeps only the counts of both ends.
func countsOnly(flows []flowRecord) []flowRecord {
	for i := range flows {
		f := &flows[i]
		f.all = map[string]any{"client": []uint64{f.Client.Packets, f.Client.Bytes},
			"server": []uint64{f.Server.Packets, f.Server.Bytes}}
	}
	return flows
}

// unplaced removes what a capture cannot show: the sides of the ends.
func unplaced(flows []flowRecord) {
	for _, f := range flows {
		delete(f.all, "direction")
		delete(f.all, "conntrack")
		for _, end := range []string{"client", "server"} {
			delete(f.all[end].(map[string]any), "side")
		}
	}
}

// lastDatagram is the payload of the last datagram.
const lastDatagram = "nothing comes after this"

// mark sends a datagram from a to the discard port of b: once it is captured, so is everything before it.
func mark(t *testing.T, a *lab.Host) {
	t.Helper()
	err := a.Do(func() error {
		c, err := net.Dial("udp4", "192.0.2.2:9")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte(lastDatagram))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func tcpOnly(flows []flowRecord) []flowRecord {
	return slices.DeleteFunc(flows, func(f flowRecord) bool { return f.Proto != "tcp" })
}

// connect makes successive connections from one port of a to one of b, each with a request and an answer.
func connect(t *testing.T, a, b *lab.Host, connections int, reset bool) {
	t.Helper()
	var listener net.Listener
	if err := b.Do(func() (err error) {
		listener, err = net.Listen("tcp4", "192.0.2.2:80")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var request [256]byte
				n, _ := c.Read(request[:])
				_, _ = c.Write(request[:n])
				_, _ = c.Read(request[:]) // the end of the stream
			}()
		}
	}()
	dialer := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 40000}, Timeout: 2 * time.Second,
		Control: func(_, _ string, c syscall.RawConn) (err error) {
			return c.Control(func(fd uintptr) {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			})
		},
	}
	for i := range connections {
		err := a.Do(func() error {
			var c net.Conn
			var err error
			wait.Reached(func() bool {
				c, err = dialer.Dial("tcp4", "192.0.2.2:80")
				return !errors.Is(err, unix.EADDRNOTAVAIL) // the server has not closed the previous one yet
			})
			if err != nil {
				return err
			}
			defer c.Close()
			if reset {
				if err := c.(*net.TCPConn).SetLinger(0); err != nil {
					return err
				}
			}
			message := "GET /" + strconv.Itoa(i) + " HTTP/1.1\r\nHost: www.example.com\r\n\r\n"
			if _, err := fmt.Fprint(c, message); err != nil {
				return err
			}
			answer := make([]byte, len(message))
			_, err = c.Read(answer)
			return err
		})
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		lab.Closed(t, a, b)
	}
}
