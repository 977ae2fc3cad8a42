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
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/topology"
)

// network is the kernel's view of the network around the flows: links, addresses, routes, and tracked connections.
type network struct {
	topology    *topology.Follower
	table       *conntrack.Table    // nil: connections are not followed
	connections *conntrack.Follower // nil if table is
	noConntrack string              // why table is nil

	stop      context.CancelFunc // ends the follower of connections
	following sync.WaitGroup
}

// openNetwork opens what needs system calls that the process soon gives up. list requests a dump of all connections.
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

// follow follows links and routes until ctx ends, and connections until drain. The channel delivers the error that
// ended the former, without which weir cannot watch anything; it logs other failures, after which the records are less
// complete.
func (n *network) follow(ctx context.Context, event func(topology.Event), changed func(*topology.Network),
	log *logging.Logger) <-chan error {
	followed := make(chan error, 1)
	go func() {
		followed <- n.topology.Run(ctx, topology.Handler{Link: event, Network: changed, Failed: func(err error) {
			log.Warnf("cannot read the routes, so the sides stay as they were: %v", err)
		}})
	}()
	if n.connections == nil {
		return followed
	}
	ctx, n.stop = context.WithCancel(context.Background())
	n.following.Go(func() {
		if err := n.connections.Run(ctx); err != nil {
			log.Warnf("stopped following connections: %v", err)
		}
	})
	return followed
}

// drain reads the events up to now, and ends the follower: weir makes the last records after that.
func (n *network) drain() {
	n.stop()
	n.following.Wait()
}

// describe lists the LAN and the WAN interfaces in one line.
func (n *network) describe(now *topology.Network) string {
	text := fmt.Sprintf("LAN: %s; WAN: %s", list(now.LANs()), list(now.WANs()))
	if n.noConntrack != "" {
		return text + "; connections are not followed: " + n.noConntrack
	}
	return text
}

// list joins names for people.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
