// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/topology"
)

// network is what the kernel says of the network around the flows: links, addresses, routes, and the connections that
// it tracks.
type network struct {
	topology    *topology.Follower
	table       *conntrack.Table    // nil: connections are not followed
	connections *conntrack.Follower // nil with it
	noConntrack string              // why

	stop      context.CancelFunc // ends the following of connections
	following sync.WaitGroup
}

// openNetwork opens what needs system calls that the process gives up. list asks for all connections.
func openNetwork(o *agent.Options, s *agent.Setup, named map[string]int, list func() error) (*network, error) {
	n := &network{noConntrack: s.NoConntrack, stop: func() {}}
	var err error
	if fd, ok := named[agent.DescriptorConntrack]; ok {
		n.table = conntrack.NewTable(max(conntrack.DefaultMax, 4*o.MaxFlows))
		n.table.Remember(defaults.ConnectionMemory(o.TCPIdle, o.Idle))
		if n.connections, err = conntrack.NewFollower(fd, n.table, list); err != nil {
			return nil, err
		}
	}
	n.topology, err = topology.NewFollower(o.Sides)
	return n, err
}

// follow follows links and routes until ctx ends, and connections until drain. The channel gets the error that ended
// the former, without which nothing can be watched; any other failure is logged, and leaves the records less complete.
func (n *network) follow(ctx context.Context, event func(topology.Event), changed func(*topology.Network),
	log func(string, ...any)) <-chan error {
	followed := make(chan error, 1)
	go func() {
		followed <- n.topology.Run(ctx, topology.Handler{Link: event, Network: changed, Failed: func(err error) {
			log("sides are as they were, for the routes can't be read: %v", err)
		}})
	}()
	if n.connections == nil {
		return followed
	}
	ctx, n.stop = context.WithCancel(context.Background())
	n.following.Go(func() {
		if err := n.connections.Run(ctx); err != nil {
			log("connections are not followed any more: %v", err)
		}
	})
	return followed
}

// drain reads the events that have come until now, and ends the following: the last records are made when all else has
// ended.
func (n *network) drain() {
	n.stop()
	n.following.Wait()
}

// describe says in one line what is LAN and what is WAN.
func (n *network) describe(now *topology.Network) string {
	text := fmt.Sprintf("LAN: %s; WAN: %s", list(now.LANs()), list(now.WANs()))
	if n.noConntrack != "" {
		return text + "; connections are not followed: " + n.noConntrack
	}
	return text
}

// list is names for people.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
