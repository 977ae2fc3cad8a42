// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/enrich"
	"github.com/weirnet/weir/internal/explain"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// surroundings are what the confined process knows of the network around the flows.
type surroundings struct {
	chain       *enrich.Chain
	explainer   *explain.Explainer
	hosts       *hosts.Table
	store       *hosts.Store // nil: they are not kept
	topology    *topology.Follower
	table       *conntrack.Table
	connections *conntrack.Follower // nil: they are not followed
	untracked   string              // why
	asking      net.Listener        // nil: nobody can ask
	counters    metric.Registry
	settle      func()    // ends the following of connections, when all that came has been read
	ticked      time.Time // of the goroutine that emits records
}

// newSurroundings opens what needs system calls that the process gives up, takes over the extra descriptors, and has
// records completed on their way to the output.
func (a *agent) newSurroundings(s *setup, extra map[string]int) error {
	u := &surroundings{untracked: s.Untracked, hosts: hosts.New()}
	var err error
	if fd, ok := extra[extraConntrack]; ok {
		u.table = conntrack.NewTable(max(conntrack.DefaultMax, 4*a.options.MaxFlows))
		u.table.Remember(defaults.ConnectionMemory(a.options.TCPIdle, a.options.Idle))
		if u.connections, err = conntrack.NewFollower(fd, u.table, a.client.List); err != nil {
			return err
		}
	}
	if fd, ok := extra[extraControl]; ok {
		if u.asking, err = u.answers(fd); err != nil {
			return fmt.Errorf("control socket: %w", err)
		}
	} else if a.options.Socket != "none" {
		a.output.Log("other commands can't ask this weir: %s", s.Unasked)
	}
	if fd, ok := extra[stateNames[0]]; ok {
		u.loadState([]int{fd, extra[stateNames[1]]}, a.output.Log)
	}
	if u.topology, err = topology.NewFollower(a.options.Sides); err != nil {
		return err
	}
	n, err := u.topology.Now() // before the first record
	if err != nil {
		return err
	}
	u.counters.Register(u.hosts)
	if u.connections != nil {
		u.counters.Register(u.connections)
	}
	u.settle = func() {}
	a.around = u
	u.complete(&a.output)
	u.chain.SetIdle(a.options.TCPIdle, a.options.Idle)
	u.counters.Register(u.chain)
	u.chain.SetNetwork(n)
	return nil
}

// complete has records completed, and learnt from, before they go to the output.
func (u *surroundings) complete(out *Output) {
	emit := out.Flow
	u.chain = enrich.New(u.table, func(r *record.Flow) error {
		u.explainer.Keep(r)
		u.hosts.Flow(r, u.chain.Network().Place)
		return emit(r)
	})
	u.explainer = explain.New(u.chain.Network)
	out.Flow = func(r *record.Flow) error { return u.chain.Flow(r, time.Now()) }
	if out.Names != nil {
		out.Names(u.hosts.Name)
	}
}

// follow follows routes and connections until ctx ends. A failure is told, and leaves the records less complete.
func (u *surroundings) follow(ctx context.Context, log func(string, ...any)) {
	go func() {
		if err := u.topology.Run(ctx, u.chain.SetNetwork); err != nil {
			log("routes are not followed any more: %v", err)
		}
	}()
	if u.asking != nil {
		context.AfterFunc(ctx, func() { u.asking.Close() })
		go control.Serve(u.asking, u.answer)
	}
	if u.connections != nil {
		u.followConnections(log)
	}
	go u.followNeighbours(ctx, log)
}

// tick has the chain do once a second what time makes due. The goroutine that emits records calls it.
func (u *surroundings) tick() error {
	now := time.Now()
	if now.Sub(u.ticked) < time.Second {
		return nil
	}
	u.ticked = now
	return u.chain.Tick(now)
}

// followConnections follows them until settle is called: the last records are made when all else has ended.
func (u *surroundings) followConnections(log func(string, ...any)) {
	ctx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() {
		if err := u.connections.Run(ctx); err != nil {
			log("connections are not followed any more: %v", err)
		}
	})
	u.settle = func() {
		cancel()
		following.Wait()
	}
}

// How often the kernel's table of neighbours is read, at first sooner, and after how many such readings the devices are
// saved.
const (
	neighboursFirst = time.Second
	neighboursEvery = 15 * time.Second
	saveFirst       = 5
	saveEvery       = 20
)

// followNeighbours has the devices known that the kernel knows.
func (u *surroundings) followNeighbours(ctx context.Context, log func(string, ...any)) {
	pause := neighboursFirst
	next := time.NewTimer(pause)
	defer next.Stop()
	for count := 1; ; count++ {
		n := u.chain.Network()
		all, err := u.topology.Neighbours(n)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			log("neighbours are not followed any more: %v", err)
			return
		}
		u.hosts.Neighbours(slices.DeleteFunc(all, func(x topology.Neighbour) bool { return !n.IsLAN(x.Interface) }),
			n.Place, time.Now().UTC())
		if count == saveFirst || count%saveEvery == 0 {
			u.saveState(log)
		}
		next.Reset(pause)
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		pause = min(2*pause, neighboursEvery)
	}
}

// describe says in one line what is LAN and what is WAN.
func (u *surroundings) describe() string {
	n := u.chain.Network()
	text := fmt.Sprintf("LAN: %s; WAN: %s", list(n.LANs()), list(n.WANs()))
	if u.untracked != "" {
		return text + "; connections are not followed: " + u.untracked
	}
	return text
}
