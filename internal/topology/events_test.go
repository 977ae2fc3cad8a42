// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// following records the events of a Follower.
type following struct {
	t     *testing.T
	netNS int
	mu    sync.Mutex
	links Links
	// guards writes of log, besides mu: some tests read log with mu held, some without
	logMu    sync.Mutex
	log      []Event
	hold     chan struct{} // while set, the handler of links waits until it is closed
	losses   int           // of messages
	networks chan *Network // the last one
	pause    chan struct{} // while set, the handler of networks waits until it is closed
}

// follow starts a Follower in the namespace and waits for its first dump.
func follow(t *testing.T, netNS, buffer int) *following {
	t.Helper()
	f := &following{t: t, netNS: netNS, links: Links{}, networks: make(chan *Network, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	follower, err := newFollower(Sides{}, netNS, buffer)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		ended <- follower.Run(ctx, Handler{Link: f.each, Network: f.keep, Failed: func(err error) { t.Error(err) }})
	}()
	t.Cleanup(func() {
		cancel()
		if err := wait.For(t, "Run ends with its context", ended); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	f.await("the first list", func() bool {
		return slices.ContainsFunc(f.log, func(e Event) bool { return e.Kind == Synced }) // changes may have come since
	})
	return f
}

func (f *following) keep(n *Network) {
	f.mu.Lock()
	pause := f.pause
	f.mu.Unlock()
	if pause != nil {
		<-pause
	}
	select {
	case <-f.networks:
	default:
	}
	f.networks <- n
}

// awaitSides waits for a network that places the addresses on their sides.
func (f *following) awaitSides(all ...at) {
	f.t.Helper()
	for what := fmt.Sprint("a network with ", all); !isSo(wait.For(f.t, what, f.networks), all); {
	}
}

// holdNetworks blocks the handler of networks, from the next one on, until hold is closed.
func (f *following) holdNetworks(hold chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pause = hold
}

// heldUp blocks the handler of links, in the next event, until the test releases it.
func (f *following) heldUp() (goOn func()) {
	hold := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hold = hold
	return func() {
		f.mu.Lock()
		f.hold = nil
		f.mu.Unlock()
		close(hold)
	}
}

func (f *following) each(e Event) {
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	if hold != nil {
		<-hold
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	old, known := f.links[e.Link.Index]
	switch e.Kind {
	case Added:
		if known {
			f.t.Errorf("%s added as %s while %s has its index", e.Link.Name, e.Link.Name, old.Name)
		}
		if same, ok := f.links.Named(e.Link.Name); ok {
			f.t.Errorf("%s added while index %d has its name", e.Link.Name, same.Index)
		}
	case Changed:
		if !known || !old.Equal(e.Old) || old.Equal(e.Link) {
			f.t.Errorf("changed to %+v from %+v, known was %+v", e.Link, e.Old, old)
		}
	case Removed:
		if !known {
			f.t.Errorf("%+v removed twice", e.Link)
		}
	}
	if e.Kind == Resynced {
		f.losses++
	}
	f.links.Apply(e)
	f.logMu.Lock()
	f.log = append(f.log, e)
	f.logMu.Unlock()
}

// lost returns the number of losses so far.
func (f *following) lost() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.losses
}

// await waits until a condition on the events holds.
func (f *following) await(what string, done func() bool) time.Duration {
	f.t.Helper()
	began := time.Now()
	is := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return done()
	}
	if !wait.Reached(is) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.t.Fatalf("%s: not within %v; %d events, the last: %+v", what, wait.Limit, len(f.log),
			f.log[max(0, len(f.log)-3):])
	}
	return time.Since(began)
}

// awaitKernel waits until the events match the kernel's own dump, which changes by itself: a carrier comes up later
// than its link.
func (f *following) awaitKernel() time.Duration {
	f.t.Helper()
	return f.await("the kernel's list", func() bool {
		kernel, err := list(f.netNS)
		return err == nil && equal(f.links, kernel)
	})
}

func equal(a, b Links) bool {
	if len(a) != len(b) {
		return false
	}
	for i, l := range a {
		if !l.Equal(b[i]) {
			return false
		}
	}
	return true
}

// since returns the number of events so far, and a function that returns the later ones.
func (f *following) since() func(kind EventKind, name string) (found []Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	start := len(f.log)
	return func(kind EventKind, name string) (found []Event) {
		f.logMu.Lock()
		defer f.logMu.Unlock()
		for _, e := range f.log[start:] {
			if e.Kind == kind && (name == "" || e.Link.Name == name) {
				found = append(found, e)
			}
		}
		return found
	}
}

// TestFollowLinks is check C8 of the reliability research: the Follower reports every change of interfaces. The test
// logs the delays.
func TestFollowLinks(t *testing.T) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, f *following)
	}{
		{"flap", testFlap}, {"rename", testRename}, {"recreate", testRecreate}, {"many", testMany}, {"move", testMove},
		{"bridge", testBridge}, {"index reused", testIndexReused},
	} {
		t.Run(c.name, func(t *testing.T) {
			fd := newNamespace(t)
			ip(t, "link add p0 type veth peer name p1", "link set p1 up", "link set p0 up")
			c.run(t, follow(t, fd, receiveBuffer))
		})
	}
}

func testFlap(t *testing.T, f *following) {
	f.await("p0 is up", func() bool { a, _ := f.links.Named("p0"); return a.Up })
	events := f.since()
	var lines []string
	for range 100 {
		lines = append(lines, "link set p0 down", "link set lo up", "link set p0 up", "link set lo down")
	}
	ip(t, lines...)
	// The loopback interface has no carrier, and the kernel reports each flap. The kernel's link watch reports a veth's
	// new carrier, possibly after the veth goes down again.
	took := f.await("lo was up", func() bool {
		ups := 0
		for _, e := range events(Changed, "lo") {
			if e.Link.Up && !e.Old.Up {
				ups++
			}
		}
		return ups == 100
	})
	t.Logf("100 flaps, the last known %v after ip ended", took)
	f.await("p0 is up again", func() bool { a, _ := f.links.Named("p0"); return a.Up })
	if len(events(Changed, "p0")) == 0 {
		t.Error("no events of p0's flaps")
	}
	f.awaitKernel()
	if f.lost() > 0 {
		t.Error("messages were lost")
	}
}

func testRename(t *testing.T, f *following) {
	events := f.since()
	ip(t, "link set p0 down", "link set p0 name wan0", "link set wan0 up")
	f.await("the new name", func() bool {
		for _, e := range events(Changed, "wan0") {
			if e.Old.Name == "p0" {
				return true
			}
		}
		return false
	})
	if n := len(events(Removed, "")) + len(events(Added, "")); n != 0 {
		t.Errorf("%d events of links that came or went", n)
	}
	f.awaitKernel()
}

func testRecreate(t *testing.T, f *following) {
	events := f.since()
	ip(t, "link del p0", "link add p0 type veth peer name p1")
	f.await("a again", func() bool { return len(events(Removed, "p0")) == 1 && len(events(Added, "p0")) == 1 })
	if before, after := events(Removed, "p0")[0].Link.Index, events(Added, "p0")[0].Link.Index; before == after {
		t.Errorf("index %d for both", before)
	}
	f.awaitKernel()
}

func testMany(t *testing.T, f *following) {
	events := f.since()
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("link add x%d type veth peer name y%d", i, i))
	}
	ip(t, lines...)
	took := f.await("200 links", func() bool { return len(events(Added, "")) == 200 })
	t.Logf("200 links, the last known %v after ip ended", took)
	f.awaitKernel()
}

func testMove(t *testing.T, f *following) {
	events := f.since()
	other := exec.Command("unshare", "--net", "sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Process.Kill(); other.Wait() })
	own, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "unshare is in a namespace of its own", func() bool {
		its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", other.Process.Pid))
		return err == nil && its != own
	})
	ip(t, fmt.Sprintf("link set p0 netns %d", other.Process.Pid))
	f.await("a gone", func() bool { return len(events(Removed, "p0")) == 1 })
	f.awaitKernel()
}

func testBridge(t *testing.T, f *following) {
	events := f.since()
	ip(t, "link add br0 type bridge", "link set p0 master br0")
	f.await("a is a port", func() bool {
		a, _ := f.links.Named("p0")
		br, ok := f.links.Named("br0")
		return ok && a.Master == br.Index
	})
	ip(t, "link set p0 nomaster")
	f.await("a is no port", func() bool { a, _ := f.links.Named("p0"); return a.Master == 0 })
	if gone := events(Removed, ""); len(gone) != 0 {
		t.Errorf("leaving a bridge was taken for %+v", gone)
	}
	f.awaitKernel()
}

func testIndexReused(t *testing.T, f *following) {
	events := f.since()
	ip(t, "link add r0 index 500 type veth peer name s0", "link del r0", "link add r0 index 500 type bridge")
	f.await("r twice", func() bool { return len(events(Added, "r0")) == 2 && len(events(Removed, "r0")) == 1 })
	f.awaitKernel()
}

// TestFollowLoss: with a small buffer and a blocked reader the kernel drops messages. In the end the events match the
// kernel's dump, and include the loss.
func TestFollowLoss(t *testing.T) {
	fd := newNamespace(t)
	ip(t, "link add p0 type veth peer name p1", "link add stays type bridge",
		"link add n0 index 600 type veth peer name m0",
		"link add k0 index 700 address 02:00:00:00:00:01 type bridge", "link set stays up")
	f := follow(t, fd, 1) // the kernel grants its least, about 2 KiB
	for round := range 2 {
		events := f.since()
		goOn := f.heldUp()
		lines := []string{"link set stays down", "link set stays up"} // the first blocks, the kernel drops the rest
		for i := range 20 {
			lines = append(lines, fmt.Sprintf("link add x%d type veth peer name y%d", i, i))
		}
		for i := range 20 {
			if i%3 != round {
				lines = append(lines, fmt.Sprintf("link del x%d", i))
			}
		}
		lines = append(lines, "link del p0", "link add p0 type veth peer name p1", // the same name
			"link del n0", "link add n0 index 600 type bridge", // the same name and index
			"link del k0", "link add k2 index 700 address 02:00:00:00:00:02 type bridge", "link set k2 name k3")
		ip(t, lines...)
		goOn()
		f.await("a new list", func() bool { return len(events(Resynced, "")) > 0 })
		f.awaitKernel()
		f.mu.Lock()
		if len(events(Added, "p0")) != 1 || len(events(Removed, "p0")) != 1 {
			t.Errorf("round %d: made again with the same name: removed %d, added %d", round, len(events(Removed, "p0")),
				len(events(Added, "p0")))
		}
		if len(events(Added, "n0")) != 1 || len(events(Removed, "n0")) != 1 {
			t.Errorf("round %d: another device with the same name and index: %v %v", round, events(Removed, "n0"),
				events(Added, "n0"))
		}
		if len(events(Added, "k3")) != 1 || len(events(Removed, "k0")) != 1 {
			t.Errorf("round %d: another device with the same index and kind: %v %v", round, events(Removed, "k0"),
				events(Added, "k3"))
		}
		f.mu.Unlock()
		lines = []string{"link del n0", "link add n0 index 600 type veth peer name m0", "link del k3",
			"link add k0 index 700 address 02:00:00:00:00:01 type bridge"}
		for i := range 20 {
			if i%3 == round {
				lines = append(lines, fmt.Sprintf("link del x%d", i))
			}
		}
		ip(t, lines...)
		f.awaitKernel()
	}
}

// TestFollowStorm: links come and go without a pause, while the kernel drops messages all the time.
func TestFollowStorm(t *testing.T) {
	fd := newNamespace(t)
	f := follow(t, fd, 1)
	var lines []string
	for i := range 80 {
		lines = append(lines, fmt.Sprintf("link add x%d type veth peer name y%d", i%7, i%7),
			fmt.Sprintf("link set x%d up", i%7))
		if i%7 != 3 {
			lines = append(lines, fmt.Sprintf("link del x%d", i%7))
		} else {
			lines = append(lines, fmt.Sprintf("link del y%d", i%7))
		}
	}
	lines = append(lines, "link add last type bridge")
	ip(t, lines...)
	t.Logf("known %v after ip ended; %d losses", f.awaitKernel(), f.lost())
}
