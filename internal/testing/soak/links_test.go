// SPDX-License-Identifier: Apache-2.0

package soak

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/testing/lab"
	"github.com/weirnet/weir/internal/testing/lab/program"
	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// TestLinks: interfaces come, go, flap and change their names beside the forwarded traffic.
func TestLinks(t *testing.T) {
	eachWay(t, func(t *testing.T, way string, flags []string) {
		if way == "afpacket plain" || flaps < 1000 && way != "ebpf tcx" && way != "afpacket" {
			return // the short form has one mode of each kind; plain resembles afpacket
		}
		t.Parallel()
		var found string
		report(t, "C8", "interfaces, "+way, &found)
		l := lab.New(t, lab.Options{})
		a := watch(t, l.Gateway, nil, append([]string{"-i", "x*"}, flags...)...)
		x := &traffic{t: t, lab: l, rate: 5_000}
		var slowest, many time.Duration
		x.while(1, func() { slowest, many = changes(t, l.Gateway, a) })
		if a.Ended() {
			t.Fatalf("weir ended; it said\n%s", program.Tail(a.Said.String()))
		}
		n := sendThrough(t, l.Gateway, "y0", 1000)
		lab.Landed(t)
		a.stop()
		all := flows(t, a.Stdout.String())
		seen, forwarded := packetsTo(all, 7777), packetsTo(all, 9000)
		found = fmt.Sprintf("%d flaps; a link watched %v after it came at the latest, of %d at once the last after "+
			"%v; %v, of which weir saw %d",
			flaps, slowest.Round(time.Millisecond), links, many.Round(time.Millisecond), x, forwarded)
		x.verdict()
		if x.spoilt == 0 && forwarded != uint64(x.sent) {
			t.Errorf("%d datagrams were forwarded, and weir saw %d", x.sent, forwarded)
		}
		if seen != n {
			t.Errorf("%d frames were sent through the last link, and weir saw %d", n, seen)
		}
	})
}

// followTime bounds how long weir takes to follow changes of many links: all tests share the kernel's lock of links.
const followTime = 10 * wait.Limit

// changes makes and changes links whose names begin with x, which weir has to follow. It returns the longest delay for
// one link, and for the last of many made at once.
func changes(t *testing.T, h *lab.Host, a *agent) (slowest, atOnce time.Duration) {
	run := func(lines ...string) bool {
		text, err := h.Run(context.Background(), "sh", "-ec", strings.Join(lines, "\n"))
		if err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		return err == nil
	}
	count := func(words string) int { return strings.Count(a.Said.String(), words) }
	follows := func(words string, times int) bool { // after the caller's change
		began := time.Now()
		if !a.Within(followTime, func() bool { return count(words) >= times }) {
			t.Errorf("weir said %d times %q, not %d times", count(words), words, times)
			return false
		}
		slowest = max(slowest, time.Since(began))
		return true
	}
	const newLink = "ip link add x0 type veth peer name y0; ip link set x0 up; ip link set y0 up"
	if !run(newLink) || !follows("watching x0\n", 1) {
		return slowest, 0
	}
	run(fmt.Sprintf("for i in $(seq %d); do ip link set x0 down; ip link set x0 up; done", flaps))
	for range 5 { // the same name, another link
		before := count("watching x0\n")
		if !run("ip link delete x0", newLink) || !follows("watching x0\n", before+1) {
			return slowest, 0
		}
	}
	run("ip link set x0 name x1")
	follows("x0 is now x1\n", 1)
	run("ip link set x1 name z1")
	follows("no longer watching z1\n", 1)
	before := count("watching x0\n")
	run("ip link set z1 name x0")
	follows("watching x0\n", before+1)
	many := func(action string) string {
		return fmt.Sprintf("for i in $(seq %d); do echo link %s; done | ip -batch -", links, action)
	}
	one := slowest
	run(many("add xx$i type veth peer name yy$i; echo link set xx$i up; echo link set yy$i up"))
	if slowest = 0; follows("\nweir: watching xx", links) {
		slowest, atOnce = one, slowest
	}
	run("unshare -n sleep 1 & sleep 0.2; ip link set xx1 netns $!; wait") // moved to a namespace, and gone with it
	run("for i in $(seq 2 " + fmt.Sprint(links) + "); do echo link delete xx$i; done | ip -batch -")
	// Links that come and go immediately, while weir processes the events.
	run("for i in $(seq 30); do ip link add xq type veth peer name yq; ip link delete xq; done")
	return slowest, atOnce
}

// sendThrough sends numbered frames of one UDP flow out of a link, to port 7777.
func sendThrough(t *testing.T, h *lab.Host, name string, n int) uint64 {
	t.Helper()
	frame := datagram([4]byte{10, 9, 0, 1}, [4]byte{10, 9, 0, 2}, 5555, 7777)
	sent, err := h.SendFrames(context.Background(), name, [][]byte{frame}, lab.Sending{Rate: 5000, Loops: n})
	if err != nil {
		t.Error(err)
	}
	return sent.Frames - sent.Dropped
}
