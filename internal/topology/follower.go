// SPDX-License-Identifier: Apache-2.0

// Package topology follows the machine's network over rtnetlink: its links (interfaces) and its neighbours; and the
// addresses, routes and rules, which place an address on the LAN or the WAN side. It also selects the links to watch.
//
// A Follower follows all of it; List, Now, Passed and AllStatistics read it once. The package changes no Network and no
// Links after it has returned them.
//
// Nothing here needs a capability. The system calls are socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), bind, getsockname,
// setsockopt, sendmsg, recvmsg, recvfrom and close, and epoll through the Go runtime.
package topology

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Follower follows the links, addresses, routes and rules of a network namespace, and dumps its neighbours. It never
// replaces its sockets, so a process can make it before it gives up the right to open any.
//
// Links have their own socket. Each of their events matters: a loss there costs a new dump, and the owner of anything
// attached to links has to check it. Events of addresses, routes and rules only trigger a dump: a storm of them (a
// routing daemon starts) may overrun their socket without harm.
type Follower struct {
	sides    atomic.Pointer[Sides]
	changed  chan struct{} // has one when the network is to be read anew
	links    *netlink.Conn // events of links, and dumps of them, in one order
	changes  *netlink.Conn // events of addresses, routes, nexthops and rules
	requests *netlink.Conn // dumps of routes, rules and neighbours
}

// Handler takes what a Follower finds. Two goroutines call Link and Network, and neither waits for the other.
type Handler struct {
	// Link takes all links, then Synced, then every change. It should return soon: the Follower reads no event
	// meanwhile.
	Link func(Event)
	// Network takes the network at the start, and again after each possible change.
	Network func(*Network)
	// Failed takes the first of successive failures to read the network. The goroutine of Network calls it.
	Failed func(error)
}

// NewFollower opens the sockets, in the network namespace of the calling thread.
func NewFollower(sides Sides) (*Follower, error) { return newFollower(sides, 0, receiveBuffer) }

// newFollower opens the sockets in the namespace of the descriptor netNS; 0 means the calling thread's.
func newFollower(sides Sides, netNS, buffer int) (*Follower, error) {
	if err := sides.Check(); err != nil {
		return nil, err
	}
	f := &Follower{changed: make(chan struct{}, 1)}
	f.sides.Store(&sides)
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
	// A deleted nexthop takes its routes with it, without events of their own. Nexthop objects exist since Linux 5.3.
	if err := f.changes.JoinGroup(unix.RTNLGRP_NEXTHOP); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// Close closes the sockets of a Follower that does not run. Twice is harmless.
func (f *Follower) Close() error {
	var errs []error
	for _, conn := range []*netlink.Conn{f.links, f.changes, f.requests} {
		if conn != nil {
			errs = append(errs, conn.Close())
		}
	}
	return errors.Join(errs...)
}

// SetSides changes what decides on LAN and WAN, and has the network read anew. Any goroutine may call it.
func (f *Follower) SetSides(sides Sides) error {
	if err := sides.Check(); err != nil {
		return err
	}
	f.sides.Store(&sides)
	select {
	case f.changed <- struct{}{}:
	default: // it is to be read anew already
	}
	return nil
}

// Run follows until ctx ends, and then returns nil. It needs only sendmsg, recvmsg and recvfrom, and closes the sockets
// when it returns. Call it once.
func (f *Follower) Run(ctx context.Context, h Handler) error {
	defer f.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, f.interrupt)()

	changed, listed := f.changed, make(chan struct{})
	links := newLinkEvents(linkSocket{f.links}, h.Link, changed, listed)
	networks := networks{
		read: func() (*Network, error) { return readNetwork(f.requests, *f.sides.Load(), links.snapshot()) },
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

// interrupt ends the waits for the sockets.
func (f *Follower) interrupt() {
	for _, conn := range []*netlink.Conn{f.links, f.changes, f.requests} {
		conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// Neighbours dumps the neighbours on the links of n. One goroutine may call it at any time, beside Run. It waits for a
// running dump of routes, and fails after the end of Run.
func (f *Follower) Neighbours(n *Network) ([]Neighbour, error) {
	return listNeighbours(f.requests, n.links)
}

// networks reads the network after each change. An event only triggers a dump of everything, so neither the loss nor
// the order of events matters.
type networks struct {
	read   func() (*Network, error)
	each   func(*Network)
	failed func(error)
}

// Between two dumps networks pauses, so that further changes gather: for settleTime at least, and for busyFactor times
// the last dump's duration, so that very many routes cost a tenth of the time; for maxPause at most, and after a
// failure.
const (
	settleTime = 10 * time.Millisecond
	busyFactor = 10
	maxPause   = 30 * time.Second
)

// run passes on the network after the first dump of links, and after each change, until ctx ends.
func (n networks) run(ctx context.Context, listed, changed <-chan struct{}) error {
	select {
	case <-ctx.Done():
		return nil
	case <-listed:
	}
	for hasFailed := false; ; {
		select {
		case <-changed: // the dump that follows shows this change; later ones trigger another dump
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

// rest waits for a pause, and reports whether it passed before ctx ended.
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
