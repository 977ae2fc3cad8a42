// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/sides"
	"github.com/weirnet/weir/internal/topology"
)

// tracking adds to a backend the socket by which the kernel tells of its connections.
type tracking struct {
	backend
	socket *conntrack.Socket
	err    error // why there is none
}

func openTracking(b backend, o *Options) *tracking {
	t := &tracking{backend: b}
	if o.NoConntrack {
		t.err = errors.New("--no-conntrack")
		return t
	}
	t.socket, t.err = conntrack.Open()
	return t
}

// describe puts the socket's descriptor behind the backend's.
func (t *tracking) describe(s *setup) []int {
	descriptors := t.backend.describe(s)
	fd := 0
	if t.err == nil {
		fd, t.err = t.socket.Descriptor()
	}
	if t.err != nil {
		s.Untracked = t.err.Error()
		return descriptors
	}
	return append(descriptors, fd)
}

// List is for the helper.
func (t *tracking) List() error {
	if t.socket == nil {
		return errors.New("connections are not followed")
	}
	return t.socket.List()
}

// Close closes the socket. The backend is its owner's to close.
func (t *tracking) Close() error {
	if t.socket == nil {
		return nil
	}
	return t.socket.Close()
}

// surroundings are what the confined process knows of the network around the flows.
type surroundings struct {
	placer      *sides.Placer
	topology    *topology.Follower
	table       *conntrack.Table
	connections *conntrack.Follower // nil: they are not followed
	untracked   string              // why
	asking      net.Listener        // nil: nobody can ask
}

// newSurroundings opens what needs system calls that the process gives up, takes the socket's descriptor from the end of the list,
// and has records completed on their way to the output.
func (a *agent) newSurroundings(s *setup, descriptors []int) ([]int, error) {
	u := &surroundings{untracked: s.Untracked}
	last := func() int {
		fd := descriptors[len(descriptors)-1]
		descriptors = descriptors[:len(descriptors)-1]
		return fd
	}
	wanted := 0
	for _, why := range []string{s.Untracked, s.Unasked} {
		if why == "" {
			wanted++
		}
	}
	if len(descriptors) < wanted {
		return nil, errors.New("the helper sent too few descriptors")
	}
	var err error
	if s.Unasked == "" {
		if u.asking, err = u.answers(last()); err != nil {
			return nil, fmt.Errorf("control socket: %w", err)
		}
	} else if a.options.Socket != "none" {
		a.output.Log("other commands can't ask this weir: %s", s.Unasked)
	}
	if s.Untracked == "" {
		u.table = conntrack.NewTable(max(conntrack.DefaultMax, 4*a.options.MaxFlows))
		if u.connections, err = conntrack.NewFollower(last(), u.table, a.client.List); err != nil {
			return nil, err
		}
	}
	u.placer = sides.New(u.table, a.output.Flow)
	a.output.Flow = u.placer.Flow
	if u.topology, err = topology.NewFollower(a.options.Sides); err != nil {
		return nil, err
	}
	n, err := u.topology.Now() // before the first record
	if err != nil {
		return nil, err
	}
	u.placer.SetNetwork(n)
	a.around = u
	return descriptors, nil
}

// follow follows routes and connections until ctx ends. A failure is told, and leaves the records less complete.
func (u *surroundings) follow(ctx context.Context, log func(string, ...any)) {
	go func() {
		if err := u.topology.Run(ctx, u.placer.SetNetwork); err != nil {
			log("routes are not followed any more: %v", err)
		}
	}()
	if u.asking != nil {
		context.AfterFunc(ctx, func() { u.asking.Close() })
		go control.Serve(u.asking, u.answer)
	}
	if u.connections != nil {
		go func() {
			if err := u.connections.Run(ctx); err != nil {
				log("connections are not followed any more: %v", err)
			}
		}()
	}
	go func() { // not in the loop of the agent, which must not wait for who reads the output
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-second.C:
				_ = u.placer.Tick(now) // the output's failure is told with its next record
			}
		}
	}()
}

// describe says in one line what is LAN and what is WAN.
func (u *surroundings) describe() string {
	n := u.placer.Network()
	text := fmt.Sprintf("LAN: %s; WAN: %s", list(n.LANs()), list(n.WANs()))
	if u.untracked != "" {
		return text + "; connections are not followed: " + u.untracked
	}
	return text
}

var _ helper.Backend = (*tracking)(nil)
