// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// TestFollowNetworks: the Follower reports changes, even after lost events.
func TestFollowNetworks(t *testing.T) {
	namespace := newNamespace(t)
	ip(t, append(up("lan", "wan"), "address add 192.168.1.1/24 dev lan", "address add 203.0.113.5/24 dev wan")...)
	f, err := newFollower(Sides{}, namespace, receiveBuffer)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.changes.SetReadBuffer(1); err != nil { // the smallest, so that the kernel drops events
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	networks, ended := make(chan *Network, 1000), make(chan error, 1)
	go func() {
		ended <- f.Run(ctx, Handler{
			Link: func(e Event) {
				if e.Kind == Resynced {
					t.Error("events of links were lost with those of routes")
				}
			},
			Network: func(n *Network) { networks <- n },
			Failed:  func(err error) { t.Error(err) },
		})
	}()
	await := func(address, side string) {
		t.Helper()
		for what := address + " is " + side; !isSo(wait.For(t, what, networks), []at{{address, "", side}}); {
		}
	}
	await("203.0.113.9", "lan")
	ip(t, "route add default via 203.0.113.1")
	await("203.0.113.9", "wan")
	ip(t, "route delete default", "route add default via 192.168.1.254")
	await("192.168.1.9", "wan")
	ip(t, "address add 10.3.0.1/16 dev lan", "route delete default")
	await("10.3.0.1", "gateway")
	var flood []string
	for i := range 250 {
		flood = append(flood, fmt.Sprintf("route add 10.200.%d.0/24 via 203.0.113.10", i))
	}
	ip(t, append(flood, "route add 172.20.0.0/16 via 192.168.1.3")...)
	await("172.20.3.4", "lan")
	ip(t, "link set lan name inside")
	ip(t, "rule add from 10.3.3.3 lookup 100", "route add default via 203.0.113.1 table 100")
	await("203.0.113.9", "wan")
	cancel()
	if err := wait.For(t, "Run ends with its context", ended); err != nil {
		t.Error(err)
	}
	if _, err := f.Neighbours(NewNetwork(Sides{}, nil, nil, [2][]Rule{})); err == nil {
		t.Error("neighbours are known after the end")
	}
}

// TestFollowQuietRoutes: routes that the kernel removes without an event of their own.
func TestFollowQuietRoutes(t *testing.T) {
	namespace := newNamespace(t)
	for _, all := range []string{"all", "default"} { // IPv6 sends events of its own at other moments
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+all+"/disable_ipv6", []byte("1"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ip(t, "link add lan type veth peer name other", "link set lan up", "address add 198.51.100.1/24 dev lan",
		"link add hop type bridge", "link set hop up", "address add 10.1.0.1/24 dev hop",
		"nexthop add id 7 via 10.1.0.2 dev hop", "route add 192.0.2.0/24 nhid 7")
	f := follow(t, namespace, receiveBuffer)
	f.awaitSides(at{"198.51.100.9", "", "lan"}, at{"192.0.2.9", "", "lan"})
	ip(t, "nexthop delete id 7")
	f.awaitSides(at{"198.51.100.9", "", "lan"}, at{"192.0.2.9", "", "wan"})
	events := f.since()
	ip(t, "link set lan down") // it has no carrier, so it was not Up before either
	f.awaitSides(at{"198.51.100.9", "", "wan"}, at{"192.0.2.9", "", "wan"})
	if changes := events(Changed, "lan"); len(changes) > 0 {
		t.Errorf("an event without a change: %+v", changes)
	}
}

// TestFollowBeside: neither the links nor the network waits for the other.
func TestFollowBeside(t *testing.T) {
	namespace := newNamespace(t)
	ip(t, append(up("lan", "wan"), "address add 192.168.1.1/24 dev lan", "address add 203.0.113.5/24 dev wan")...)
	f := follow(t, namespace, receiveBuffer)
	f.awaitSides(at{"203.0.113.9", "", "lan"})

	goOn := f.heldUp()
	ip(t, "link add new type bridge", "route add default via 203.0.113.1")
	f.awaitSides(at{"203.0.113.9", "", "wan"})
	if events := f.since(); len(events(Added, "new")) > 0 {
		t.Error("the links were not held up")
	}
	goOn()
	f.await("a link", func() bool { _, ok := f.links.Named("new"); return ok })

	hold := make(chan struct{})
	f.holdNetworks(hold)
	ip(t, "route delete default", "link add newer type bridge")
	f.await("another link", func() bool { _, ok := f.links.Named("newer"); return ok })
	ip(t, "link delete new")
	f.await("a link gone", func() bool { _, ok := f.links.Named("new"); return !ok })
	close(hold)
	f.awaitSides(at{"203.0.113.9", "", "lan"})
}

// TestFollowRouteStorm: routes that overflow every buffer cost no event of links, even with a blocked handler of links.
func TestFollowRouteStorm(t *testing.T) {
	namespace := newNamespace(t)
	ip(t, append(up("lan"), "address add 192.168.1.1/24 dev lan")...)
	f := follow(t, namespace, receiveBuffer)
	events := f.since()
	goOn := f.heldUp()
	lines := []string{"link add first type bridge"}
	for i := range 20_000 {
		lines = append(lines, fmt.Sprintf("route add 10.%d.%d.0/24 via 192.168.1.2", i/250, i%250))
	}
	ip(t, append(lines, "link add last type bridge", "route add 203.0.113.0/24 via 192.168.1.2")...)
	goOn()
	f.await("the last link", func() bool { return len(events(Added, "last")) == 1 })
	f.awaitSides(at{"203.0.113.9", "", "lan"})
	if f.lost() > 0 {
		t.Error("events of links were lost")
	}
}

// TestNetworksPause: changes gather, and long dumps take at most a tenth of the time.
func TestNetworksPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		listed, changed := make(chan struct{}), make(chan struct{}, 1)
		var asked []time.Duration // times since the beginning
		began, takes := time.Now(), time.Duration(0)
		n := networks{
			read: func() (*Network, error) {
				asked = append(asked, time.Since(began))
				time.Sleep(takes) // the kernel's time, in the bubble
				return &Network{}, nil
			},
			each:   func(*Network) {},
			failed: func(err error) { t.Error(err) },
		}
		ended := make(chan error)
		go func() { ended <- n.run(ctx, listed, changed) }()
		expect := func(what string, want ...time.Duration) {
			t.Helper()
			synctest.Wait()
			if !slices.Equal(asked, want) {
				t.Errorf("%s: dumps at %v, want %v", what, asked, want)
			}
			asked, began = nil, time.Now()
		}
		notify(changed)
		wait.Pass(time.Second)
		expect("no links yet")
		close(listed)
		wait.Pass(time.Hour)
		expect("links, and changes before them", 0)
		notify(changed)
		for range 9 {
			wait.Pass(time.Millisecond)
			notify(changed)
		}
		wait.Pass(time.Hour)
		expect("ten changes within the settle time", settleTime)
		takes = 2 * time.Second
		notify(changed)
		wait.Pass(settleTime + time.Second)
		notify(changed) // during a dump, which may or may not show it
		wait.Pass(time.Hour)
		expect("a change during a dump", settleTime, settleTime+takes+busyFactor*takes)
		takes = time.Minute
		notify(changed)
		wait.Pass(time.Hour)
		notify(changed)
		wait.Pass(time.Hour)
		expect("asking takes a minute", busyFactor*2*time.Second, time.Hour+maxPause)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestNetworksFail: successive failures are reported once, and further dumps follow.
func TestNetworksFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		listed, changed := make(chan struct{}), make(chan struct{}, 1)
		var mu sync.Mutex // over what follows
		var failure error
		asked, given, failed := 0, 0, 0
		locked := func(f func()) {
			mu.Lock()
			defer mu.Unlock()
			f()
		}
		n := networks{
			read: func() (_ *Network, err error) {
				locked(func() { asked++; err = failure })
				return &Network{}, err
			},
			each:   func(*Network) { locked(func() { given++ }) },
			failed: func(error) { locked(func() { failed++ }) },
		}
		fail := func(err error) { locked(func() { failure = err }) }
		ended := make(chan error)
		go func() { ended <- n.run(ctx, listed, changed) }()
		expect := func(what string, a, g, f int) {
			t.Helper()
			synctest.Wait()
			locked(func() {
				if asked != a || given != g || failed != f {
					t.Errorf("%s: asked %d, given %d, failed %d times, want %d, %d, %d", what, asked, given, failed,
						a, g, f)
				}
			})
		}
		close(listed)
		wait.Pass(time.Hour)
		expect("at first", 1, 1, 0)
		fail(errors.New("the kernel has no memory"))
		notify(changed)
		wait.Pass(settleTime + 3*maxPause)
		expect("four failures", 5, 1, 1)
		fail(nil)
		wait.Pass(time.Hour)
		expect("again", 6, 2, 1)
		fail(errors.New("the kernel has no memory"))
		notify(changed)
		wait.Pass(settleTime)
		expect("another failure", 7, 2, 2)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestFollowErrors: the error of a failed Follower says what failed.
func TestFollowErrors(t *testing.T) {
	if _, err := newFollower(Sides{}, 1<<20, 1); err == nil || !strings.Contains(err.Error(), "follow the network") {
		t.Errorf("no such namespace: %v", err)
	}
	for _, open := range []func(Sides) error{
		func(s Sides) error { _, err := NewFollower(s); return err },
		func(s Sides) error { _, err := Now(s); return err },
	} {
		if err := open(Sides{WAN: []string{"eth[0"}}); err == nil || !strings.Contains(err.Error(), "eth[0") {
			t.Errorf("a bad pattern: %v", err)
		}
	}
	unused, err := NewFollower(Sides{})
	if err != nil {
		t.Fatal(err)
	}
	if err := unused.Close(); err != nil {
		t.Error(err)
	}
	f, err := NewFollower(Sides{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.Run(ctx, Handler{}); err != nil {
		t.Errorf("ended before it began: %v", err)
	}
}
