// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/topology"
)

type panicFunc = func(protocol string, c *dissect.Conversation, cause any)

// Status is what the agent has seen so far.
type Status struct {
	Mode       string
	Interfaces []string // that are watched
	Elapsed    time.Duration
	Totals     engine.Totals
	Sampled    uint64 // frames that were shown to the workers
	Losses     capture.Losses
	Counters   metric.Snapshot // all of these, and those of what completes the records
	// KernelCounts: packets that had no room on the way to the workers are in their flows all the same.
	KernelCounts bool
}

// capturer is the agent's half of a mode.
type capturer interface {
	// run reads until stop, and returns when all flows have ended. The engine's totals are then final.
	start() error
	// watching is told of an interface that the helper watches now, with what it sent.
	watching(ifindex uint32, w *watched, descriptors []int) error
	// gone is told of one that it doesn't watch any more.
	gone(ifindex uint32)
	// stop ends the reading: what is there is still read, and all flows end.
	stop() error
	// failed is closed when reading has ended by itself.
	failed() <-chan struct{}
	status(*Status)
	setInterfaces(map[uint32]string)
	err() error
	// progress goes up while there is something to be read.
	progress() uint64
}

// agent is the confined process at work.
type agent struct {
	options   *Options
	selection topology.Selection
	output    Output
	client    *helper.Client
	mode      string
	began     time.Time
	capturer  capturer
	around    *surroundings
	life      *life
	records   atomic.Uint64 // that have gone their way

	mu      sync.Mutex // over what follows
	links   topology.Links
	watched map[uint32]string
	carried map[uint32]struct{} // see noteCarried
	synced  bool
	how     string // interfaces are watched
	refused error  // why an interface that was asked for by name can't be watched

	refusals chan struct{} // has one when refused is set
	quit     chan struct{} // closed when the end begins: nobody waits for an interface any more
}

// How long steps may take that can't tell how they get on: the helper kills an agent that gives no sign.
const (
	startTime = 30 * time.Second // reading the catalog, confining
	drainTime = 10 * time.Second // reading what has come, closing sockets
	saveTime  = 20 * time.Second // writing to a slow disk
)

// Run is the confined process: it follows the links, has the helper watch those that match, and names flows until it is
// told to stop, the duration is over or the output fails. It returns what it has seen in all.
func Run(o *Options, out Output) (Status, error) {
	selection, err := o.Check()
	if err != nil {
		return Status{}, err
	}
	conn, err := sandbox.Conn()
	if err != nil {
		return Status{}, err
	}
	client, first, err := helper.NewClient(conn)
	if err != nil {
		return Status{}, err
	}
	stop := sandbox.StopSignals()
	alive := newLife()
	alive.step(startTime, nil)
	go func() { // also when all ends already, and waits for a reader
		<-stop
		if out.Hurry != nil {
			out.Hurry()
		}
		alive.tell(client.Alive, out.Progress)
	}()
	a := &agent{options: o, selection: selection, output: out, client: client, mode: first.Mode, life: alive,
		links: topology.Links{}, watched: map[uint32]string{}, began: time.Now(), refusals: make(chan struct{}, 1),
		quit: make(chan struct{})}
	var s setup
	if err := json.Unmarshal(first.Payload, &s); err != nil {
		return Status{}, fmt.Errorf("read what the helper said: %w", err)
	}
	a.output.Flow = func(r *record.Flow) error {
		a.records.Add(1)
		return out.Flow(r)
	}
	for _, r := range s.Refused {
		out.Log("not used: %s", r)
	}
	extra, descriptors, err := splitExtras(s.Extra, first.FDs)
	if err != nil {
		return Status{}, err
	}
	if err := a.newSurroundings(&s, extra); err != nil {
		return Status{}, err
	}
	if err := a.open(&s, descriptors); err != nil {
		return Status{}, err
	}
	watcher, err := topology.NewWatcher()
	if err != nil {
		return Status{}, err
	}
	// A worker keeps its place among these while it naps. The others are for the collector, connections and the garbage
	// collector, which takes a quarter of all.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), o.Workers+1+o.Workers/4))
	confinement, err := sandbox.Confine()
	if err != nil {
		return Status{}, err
	}
	out.Log("%s", confinement)
	if err := a.capturer.start(); err != nil {
		return Status{}, err
	}
	settle() // what reading the catalog took, too
	alive.step(0, nil)
	err = a.follow(watcher, stop)
	return a.end(err)
}

// open makes the workers.
func (a *agent) open(s *setup, descriptors []int) error {
	apps, err := catalog.Load(a.options.Catalogs...)
	if err != nil {
		return err
	}
	a.around.explainer.SetCatalog(apps)
	o := a.options
	config := engine.Config{
		MaxPacketsTCP: o.MaxPacketsTCP, MaxPacketsOther: o.MaxPacketsOther, KeepTunnels: o.KeepTunnels,
		IgnoreVLAN: o.IgnoreVLAN, UpdateEvery: o.UpdateEvery,
		Flows:      flow.Config{MaxFlows: o.MaxFlows / o.Workers, TCPIdle: o.TCPIdle, Idle: o.Idle},
		Classifier: classify.New(apps), Protocols: dissect.NewTable(protocols.All()),
		OnPanic: a.output.OnPanic, Between: a.around.tick,
	}
	switch a.mode {
	case ModeEBPF:
		a.capturer, err = newEBPF(a, config, s, descriptors)
	case ModeAFPacket:
		a.capturer, err = newPackets(a, config, s, descriptors)
	case ModeLibpcap:
		a.capturer, err = newStream(a, config, descriptors)
	default:
		err = fmt.Errorf("unknown mode %q", a.mode)
	}
	return err
}

// follow follows the links and waits for the end.
func (a *agent) follow(watcher *topology.Watcher, stop <-chan struct{}) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a.around.follow(ctx, a.output.Log)
	followed := make(chan error, 1)
	go func() {
		followed <- watcher.Run(ctx, a.event)
	}()
	var over <-chan time.Time
	if a.options.Duration > 0 {
		end := time.NewTimer(a.options.Duration)
		defer end.Stop()
		over = end.C
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-over:
			return nil
		case <-a.output.Done:
			return nil
		case <-a.refusals:
			return a.refusal()
		case <-a.capturer.failed():
			return a.capturer.err()
		case err := <-followed:
			return fmt.Errorf("follow the interfaces: %w", err)
		case <-second.C:
			if a.output.Tick != nil {
				a.output.Tick(a.status())
			}
			if err := a.capturer.err(); err != nil {
				return err
			}
		}
	}
}

func (a *agent) refusal() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refused
}

// unwatchTime is how long the programs are taken off for at the end: the kernel takes some 20 ms for each interface.
// What is left the helper takes off when all is reported.
const unwatchTime = 700 * time.Millisecond

// end takes the programs off first, so that nothing is counted any more, and then lets the workers end with all that
// was. However long that takes, it may, as long as it gets on.
func (a *agent) end(err error) (Status, error) {
	close(a.quit)
	work := func() uint64 { return a.records.Load() + a.capturer.progress() }
	if c, ok := a.capturer.(interface{ drain() }); ok {
		a.life.step(drainTime, work)
		c.drain()
	}
	a.life.step(0, nil)
	a.unwatchAll()
	a.life.step(drainTime, nil)
	a.around.settle()
	a.life.step(drainTime, work)
	err = errors.Join(err, a.capturer.stop())
	a.life.step(0, work)
	err = errors.Join(err, a.around.chain.Close(time.Now()))
	a.life.step(saveTime, nil)
	a.around.saveState(a.output.Log)
	a.life.step(0, nil)
	return a.status(), err
}

// unwatchAll has no interface watched any more.
func (a *agent) unwatchAll() {
	a.mu.Lock()
	defer a.mu.Unlock()
	began := time.Now()
	for index := range a.watched {
		if time.Since(began) > unwatchTime {
			break
		}
		if err := a.client.Unwatch(index); err != nil && !isGone(err) {
			a.output.Log("%v", err)
		}
		a.life.step(0, nil)
	}
}

func (a *agent) status() Status {
	s := Status{Mode: a.mode, Elapsed: time.Since(a.began)}
	a.capturer.status(&s)
	s.Counters = a.around.counters.Snapshot()
	s.Totals.Collect(&s.Counters)
	s.Losses.Collect(&s.Counters, s.KernelCounts)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.links.Sorted() {
		if name, ok := a.watched[l.Index]; ok {
			s.Interfaces = append(s.Interfaces, name)
		}
	}
	return s
}
