// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// follower is a weir that watches 'w*', with the frames sent over links w… meanwhile: w<x> is the peer of v<x>.
type follower struct {
	*run
	want map[int]sentOver // by port
}

type sentOver struct {
	link    string // its name in the records
	packets uint64
}

// send sends frames into v<x>, and expects them on a link.
func (f *follower) send(t *testing.T, x, link string) {
	t.Helper()
	const flows, each = 10, 5
	port := 1000 + len(f.want)
	frames := datagrams(flows)
	for _, b := range frames {
		binary.BigEndian.PutUint16(b[14+22:], uint16(port))
	}
	if link != "" { // a new link drops frames until its state has settled
		sh(t, f.host, "until [ $(cat /sys/class/net/v"+x+"/operstate) = up ]; do sleep 0.01; done")
	}
	sent, err := f.host.SendFrames(context.Background(), "v"+x, frames, lab.Sending{Rate: 20000, Loops: each})
	if err != nil {
		t.Fatal(err)
	}
	if link == "" {
		sent.Frames = 0
	}
	f.want[port] = sentOver{link, sent.Frames}
}

// says runs commands, and waits until weir has logged the words that many times since.
func (f *follower) says(t *testing.T, words string, times int, commands ...string) {
	t.Helper()
	before := strings.Count(f.Said.String(), words)
	sh(t, f.host, commands...)
	said := func() int { return strings.Count(f.Said.String(), words) - before }
	if !f.Within(30*time.Second, func() bool { return said() >= times }) {
		t.Errorf("weir said %q %d times, want %d", words, said(), times)
	}
}

// end stops weir and checks all that was sent.
func (f *follower) end(t *testing.T) {
	t.Helper()
	type found struct {
		packets uint64
		link    string
	}
	got := map[int]found{}
	for _, r := range f.stop() {
		port := min(r.Client.Port, r.Server.Port)
		one := got[port]
		if one.link != "" && one.link != r.Interface {
			t.Errorf("port %d is on %s and on %s", port, one.link, r.Interface)
		}
		got[port] = found{one.packets + r.Client.Packets + r.Server.Packets, r.Interface}
	}
	for port, want := range f.want {
		if g := got[port]; g.packets != want.packets || g.link != want.link {
			t.Errorf("port %d: %d packets on %q, want %d on %q", port, g.packets, g.link, want.packets, want.link)
		}
	}
	for _, bad := range []string{"panic", "goroutine", program.SaidRingLost, program.SaidUncounted} {
		if strings.Contains(f.Said.String(), bad) {
			t.Errorf("weir said %q", bad)
		}
	}
}

// TestLinksChange: links come and go, flap and change their names while weir watches.
func TestLinksChange(t *testing.T) {
	for _, mode := range liveModes(t) {
		t.Run(mode, func(t *testing.T) {
			h := quietHost(t, 0)
			make1 := func(x string) string {
				return fmt.Sprintf("ip link add v%s mtu 9000 type veth peer name w%s mtu 9000; ip link set v%s up; "+
					"ip link set w%s up", x, x, x, x)
			}
			sh(t, h, make1("0"))
			f := &follower{watch(t, h, "--interface", "w*", "--mode", mode), map[int]sentOver{}}
			f.send(t, "0", "w0")

			for range 20 {
				sh(t, h, "ip link set w0 down; ip link set w0 up")
			}
			f.send(t, "0", "w0")

			f.says(t, "w0 is now w0b", 1, "ip link set w0 down; ip link set w0 name w0b; ip link set w0b up")
			f.send(t, "0", "w0b")
			f.says(t, "no longer watching", 1, "ip link set w0b down; ip link set w0b name x0; ip link set x0 up")
			f.send(t, "0", "")
			f.says(t, "watching w0\n", 1, "ip link set x0 down; ip link set x0 name w0; ip link set w0 up")
			f.send(t, "0", "w0")

			for range 5 {
				f.says(t, "watching w0\n", 1, "ip link delete w0", make1("0"))
				f.send(t, "0", "w0")
			}

			other, _ := lab.NewPair(t)
			sh(t, h, "ip link set w0 netns "+other.Path())
			var left []string
			if !wait.Reached(func() bool { left = attached(t, other); return len(left) == 0 }) {
				t.Errorf("what moved to another namespace keeps %v", left)
			}
			sh(t, other, "ip link set w0 up")
			f.send(t, "0", "")
			if left := attached(t, other); len(left) > 0 {
				t.Errorf("what moved to another namespace has got %v", left)
			}
			f.says(t, "watching w0\n", 1, "nsenter --net="+other.Path()+" ip link set w0 netns $$", "ip link set w0 up")
			f.send(t, "0", "w0")

			// weir logs the packets that passed before the capture.
			sh(t, h, "ip link add v1 mtu 9000 type veth peer name y1 mtu 9000; ip link set v1 up; ip link set y1 up",
				"until [ $(cat /sys/class/net/v1/operstate) = up ]; do sleep 0.01; done")
			f.send(t, "1", "")
			f.says(t, "packets had passed by w1 before that", 1,
				"ip link set y1 down; ip link set y1 name w1; ip link set w1 up")
			f.send(t, "1", "w1")

			const many = 50
			var lines []string
			for i := range many {
				lines = append(lines, make1(fmt.Sprint("m", i)))
			}
			f.says(t, "watching wm", many, lines...)
			for i := range many {
				f.send(t, fmt.Sprint("m", i), fmt.Sprint("wm", i))
			}
			f.end(t)
			clean(t, h)
		})
	}
}

// TestLoopbackOnce: a packet leaves and enters by lo, and counts once.
func TestLoopbackOnce(t *testing.T) {
	for _, mode := range append(liveModes(t), "ebpf clsact", "afpacket plain") {
		t.Run(mode, func(t *testing.T) {
			mode, hook, _ := strings.Cut(mode, " ")
			h, _ := lab.NewPair(t)
			r := watch(t, h, "--interface", "lo", "--mode", mode, "--hook", hook)
			const pings = 20
			sh(t, h, fmt.Sprintf("ping -q -c %d -i 0.01 127.0.0.1", pings), fmt.Sprintf("ping -q -c %d -i 0.01 ::1",
				pings))
			lab.Landed(t)
			got := map[string]uint64{}
			for _, f := range r.stop() {
				got[f.Client.IP] += f.Client.Packets + f.Server.Packets // both ends have one address
			}
			for _, who := range []string{"127.0.0.1", "::1"} {
				if got[who] != 2*pings {
					t.Errorf("%s: %d packets, want %d", who, got[who], 2*pings)
				}
			}
		})
	}
}
