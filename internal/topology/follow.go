// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Follower follows the routes, rules, addresses and links of a network namespace. Events only tell that something has
// changed; what it is now the kernel is asked for as a whole. So no loss and no order of events matters, and there is
// one way to know the network.
type Follower struct {
	sides                     Sides
	events, lists, neighbours *netlink.Conn
}

// NewFollower opens its sockets, in the network namespace of the calling thread, for which no right is needed.
func NewFollower(sides Sides) (*Follower, error) { return newFollower(sides, 0) }

// Now is the network as it is at present.
func Now(sides Sides) (*Network, error) {
	f, err := NewFollower(sides)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Now()
}

func newFollower(sides Sides, netNS int) (*Follower, error) {
	if err := sides.Check(); err != nil {
		return nil, err
	}
	config := &netlink.Config{NetNS: netNS, MessageBufferSize: messageBuffer}
	events, err := netlink.Dial(unix.NETLINK_ROUTE, config)
	if err != nil {
		return nil, fmt.Errorf("watch routes: %w", err)
	}
	for _, group := range []uint32{
		unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE,
		unix.RTNLGRP_IPV6_ROUTE,
		unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE,
	} {
		if err := events.JoinGroup(group); err != nil {
			events.Close()
			return nil, fmt.Errorf("watch routes: %w", err)
		}
	}
	lists, err := netlink.Dial(unix.NETLINK_ROUTE, config)
	if err != nil {
		events.Close()
		return nil, fmt.Errorf("watch routes: %w", err)
	}
	neighbours, err := netlink.Dial(unix.NETLINK_ROUTE, config)
	if err != nil {
		events.Close()
		lists.Close()
		return nil, fmt.Errorf("watch routes: %w", err)
	}
	return &Follower{sides, events, lists, neighbours}, nil
}

// Now asks the kernel for the network as it is, and is not called while Run runs.
func (f *Follower) Now() (*Network, error) {
	links, err := listLinks(f.lists)
	if err != nil {
		return nil, err
	}
	var routes []Route
	var rules [2][]Rule
	for i, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		of, err := listRoutes(f.lists, family)
		if err != nil {
			return nil, err
		}
		routes = append(routes, of...)
		if rules[i], err = listRules(f.lists, family); errors.Is(err, unix.EOPNOTSUPP) {
			// a kernel without policy rules
			rules[i] = []Rule{{Table: unix.RT_TABLE_LOCAL}, {Table: unix.RT_TABLE_MAIN}, {Table: unix.RT_TABLE_DEFAULT}}
		} else if err != nil {
			return nil, err
		}
	}
	return NewNetwork(f.sides, links, routes, rules), nil
}

// Neighbours asks for the neighbours on the links of n. It may be called at any time, by one goroutine.
func (f *Follower) Neighbours(n *Network) ([]Neighbour, error) {
	return listNeighbours(f.neighbours, n.links)
}

// Close closes the sockets of a Follower that isn't run.
func (f *Follower) Close() error {
	return errors.Join(f.lists.Close(), f.events.Close(), f.neighbours.Close())
}

// Pauses between a change and the asking, in which further ones may come: at least settleTime, and so long that the
// asking takes a tenth of the time where there are very many routes.
const (
	settleTime = 10 * time.Millisecond
	busyFactor = 10
	maxPause   = 30 * time.Second
)

// Run gives the network as it is and then each time it has changed, until ctx ends: then it returns nil. It closes the
// sockets, and is called once.
func (f *Follower) Run(ctx context.Context, each func(*Network)) error {
	defer f.Close()
	changed, failed := make(chan struct{}, 1), make(chan error, 1)
	go func() { failed <- f.listen(changed) }()
	pause := settleTime
	for {
		began := time.Now()
		n, err := f.Now()
		if err != nil {
			return fmt.Errorf("watch routes: %w", err)
		}
		pause = min(max(settleTime, busyFactor*time.Since(began)), maxPause)
		each(n)
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return fmt.Errorf("watch routes: %w", err)
		case <-changed:
		}
		if !rest(ctx, pause) {
			return nil
		}
		select {
		case <-changed: // meanwhile: what comes from here on is asked for again
		default:
		}
	}
}

// listen reads events until the socket is closed.
func (f *Follower) listen(changed chan<- struct{}) error {
	for {
		_, err := f.events.Receive()
		if err != nil && !errors.Is(err, unix.ENOBUFS) { // which means that events were lost
			if errors.Is(err, os.ErrClosed) {
				return nil
			}
			return err
		}
		select {
		case changed <- struct{}{}:
		default:
		}
	}
}
