// SPDX-License-Identifier: Apache-2.0

// Package topology knows the machine's network as the kernel tells it over rtnetlink: its links (interfaces), its
// neighbours, and on which side, LAN or WAN, the addresses, routes and rules put an address. It also decides which
// links to watch.
//
// A Follower follows all of it; List, Now and Passed ask once. A Network, and any Links that this package hands out,
// belong to whoever has them: the package changes neither.
//
// Nothing here needs a capability. The system calls are those of a socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE): bind,
// getsockname, setsockopt, sendmsg, recvmsg, recvfrom, close, and epoll by way of the Go runtime.
package topology

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Follower follows the links, addresses, routes and rules of a network namespace, and asks for its neighbours. Its
// sockets are never replaced: it can be made before a process gives up the right to open any.
//
// Links have a socket of their own. Each of their events counts, so a loss there costs a new list, and whoever attached
// something to links looks whether it is still there. Of addresses, routes and rules it only matters that something
// has changed: a storm of them (a routing daemon that starts) may overrun its socket without harm to anything.
type Follower struct {
	sides    Sides
	links    *netlink.Conn // events of links, and lists of them in order with these
	changes  *netlink.Conn // events of addresses, routes, nexthops and rules
	requests *netlink.Conn // lists of routes, rules and neighbours
}

// Handler takes in what a Follower tells. Link and Network are called by two goroutines: neither waits for the other.
type Handler struct {
	// Link takes in all links, then Synced, then every change. It should return soon: while it runs no event is read.
	Link func(Event)
	// Network takes in the network as it is, and then each time when it may have changed.
	Network func(*Network)
	// Failed takes in why the network can't be asked for, once until it can again. It is called as Network is.
	Failed func(error)
}

// NewFollower opens the sockets, in the network namespace of the calling thread.
func NewFollower(sides Sides) (*Follower, error) { return newFollower(sides, 0, receiveBuffer) }

// newFollower opens them in the namespace of the descriptor netNS, or with 0 in the calling thread's.
func newFollower(sides Sides, netNS, buffer int) (*Follower, error) {
	if err := sides.Check(); err != nil {
		return nil, err
	}
	f := &Follower{sides: sides}
	if err := f.open(netNS, buffer); err != nil {
		return nil, errors.Join(fmt.Errorf("follow the network: %w", err), f.Close())
	}
	return f, nil
}

func (f *Follower) open(netNS, buffer int) (err error) {
	for _, conn := range []**netlink.Conn{&f.links, &f.changes, &f.requests} {
		if *conn, err = dial(netNS); err != nil {
			return err
		}
	}
	if err := f.links.SetReadBuffer(buffer); err != nil {
		return err
	}
	if err := f.links.JoinGroup(unix.RTNLGRP_LINK); err != nil {
		return err
	}
	for _, group := range []uint32{
		unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE,
		unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE,
	} {
		if err := f.changes.JoinGroup(group); err != nil {
			return err
		}
	}
	// A nexthop that is deleted takes its routes with it, of which no event tells. Before Linux 5.3 there are none.
	if err := f.changes.JoinGroup(unix.RTNLGRP_NEXTHOP); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// Close closes the sockets of a Follower that isn't run. Twice is harmless.
func (f *Follower) Close() error {
	var errs []error
	for _, conn := range []*netlink.Conn{f.links, f.changes, f.requests} {
		if conn != nil {
			errs = append(errs, conn.Close())
		}
	}
	return errors.Join(errs...)
}

// Run follows until ctx ends, and returns nil then. It needs sendmsg, recvmsg and recvfrom only. It closes the sockets
// when it returns, and is called once.
func (f *Follower) Run(ctx context.Context, h Handler) error {
	defer f.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, f.interrupt)()

	changed, listed := make(chan struct{}, 1), make(chan struct{})
	links := newLinkEvents(linkSocket{f.links}, h.Link, changed, listed)
	networks := networks{
		read: func() (*Network, error) { return readNetwork(f.requests, f.sides, links.snapshot()) },
		each: h.Network, failed: h.Failed,
	}
	failures := make([]error, 3)
	var all sync.WaitGroup
	for i, run := range []func() error{
		func() error { return links.run(ctx) },
		func() error { return awaitChanges(ctx, f.changes, changed) },
		func() error { return networks.run(ctx, listed, changed) },
	} {
		all.Go(func() {
			defer cancel()
			failures[i] = run()
		})
	}
	all.Wait()
	return errors.Join(failures...)
}

// interrupt ends what waits for a socket.
func (f *Follower) interrupt() {
	for _, conn := range []*netlink.Conn{f.links, f.changes, f.requests} {
		conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// Neighbours asks for the neighbours on the links of n. One goroutine may call it at any time, beside Run; it waits for
// a list of routes that is under way, and fails when Run has ended.
func (f *Follower) Neighbours(n *Network) ([]Neighbour, error) {
	return listNeighbours(f.requests, n.links)
}

// networks gives networks. An event only says that something has changed; what it is now the kernel is asked for as a
// whole. So no loss and no order of events matters.
type networks struct {
	read   func() (*Network, error)
	each   func(*Network)
	failed func(error)
}

// Pauses between a change and the asking, in which further ones may come: at least settleTime, and so long that the
// asking takes a tenth of the time where there are very many routes. At most maxPause, as after a failure.
const (
	settleTime = 10 * time.Millisecond
	busyFactor = 10
	maxPause   = 30 * time.Second
)

// run gives the network once the links are listed, and then each time that something changed, until ctx ends.
func (n networks) run(ctx context.Context, listed, changed <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return nil
	case <-listed:
	}
	for hasFailed := false; ; {
		select {
		case <-changed: // till now: what comes from here on is asked for again
		default:
		}
		began := time.Now()
		network, err := n.read()
		pause := min(max(settleTime, busyFactor*time.Since(began)), maxPause)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if !hasFailed {
				n.failed(err)
			}
			hasFailed, pause = true, maxPause
		default:
			hasFailed = false
			n.each(network)
			select {
			case <-ctx.Done():
				return nil
			case <-changed:
			}
		}
		if !rest(ctx, pause) {
			return nil
		}
	}
}

// rest lets a pause pass in which the kernel is not asked, and says whether it has: not when ctx ended.
func rest(ctx context.Context, pause time.Duration) bool {
	over := time.NewTimer(pause)
	defer over.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-over.C:
		return true
	}
}
