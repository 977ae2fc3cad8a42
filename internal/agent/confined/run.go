// SPDX-License-Identifier: Apache-2.0

// Package confined is the agent's process that reads packets and has no other right: it holds the workers, the
// enrichment of their records, and the answers to other commands. Run is the entry.
package confined

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/geo"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/topology"
)

// Status is the agent's state and its counts so far.
type Status struct {
	Mode       string
	Interfaces []string // the watched ones
	Elapsed    time.Duration
	Totals     engine.Totals
	Sampled    uint64 // frames that the workers inspected
	Losses     capture.Losses
	Counters   metric.Snapshot // all of these, and those of the enrichment
	// KernelCounts: flows also count the packets that were dropped on the way to the workers.
	KernelCounts bool
	// Offered counts the records offered to each subscription.
	Offered uint64
	// At and Monotonic are the moment of the status, by the wall clock and by CLOCK_MONOTONIC in nanoseconds; BootID is
	// the kernel's, "" if unknown.
	At        time.Time
	Monotonic int64
	BootID    string
	// Processes and Links, the watched ones, are empty without Output.Measure.
	Processes []Process
	Links     []LinkCounts
	// Clock and Queues are empty without Output.Measure.
	Clock  Clock
	Queues []Queue
}

// process is the running confined process.
type process struct {
	options    *agent.Options
	output     Output
	mode       string
	began      time.Time
	links      *links
	network    *network
	enrichment *enrichment
	devices    *devices
	processes  *processes  // nil: nobody wants them, or they can't be found
	linkCounts *linkCounts // nil: nobody wants them
	usage      *usage
	clock      *clock
	bootID     string
	exports    exports
	listener   net.Listener // nil: no control socket
	capturer   capturer
	counters   metric.Registry
	hub        *hub
	life       *life
	pulse      *pulse
	hangups    <-chan os.Signal
	reloader   *reloader
	left       *os.File // memory for the flows that go on after a restart; nil: none
}

// Bounds of steps that cannot show their progress: the helper kills an agent without a sign of life.
const (
	startTime = 30 * time.Second // reading the catalog, confining
	drainTime = 10 * time.Second // reading what has come, closing sockets
	saveTime  = 20 * time.Second // writing to a slow disk
)

// Run is the confined process: it follows the links, requests the capture on those that match, and names flows until a
// signal, the end of the duration or a failed output ends it. It returns the final status.
func Run(o *agent.Options, out Output) (Status, error) {
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
	stop, hangups := sandbox.StopSignals(), sandbox.ReloadSignals()
	p := &process{options: o, output: out, mode: first.Mode, began: time.Now(), life: newLife(), clock: newClock(),
		hub:   newHub(out.Subscriptions, max(o.MaxFlows, queueRecords)),
		links: newLinks(o, selection, first.Mode, client, out.Log)}
	p.hangups = hangups
	p.life.step(startTime, nil)
	leave := sandbox.LeaveSignals()
	go func() { // also during the end, which may wait for a reader
		select {
		case <-stop:
		case <-leave:
		}
		p.hub.hurryUp()
		p.life.tell(client.Alive, p.hub.progress)
	}()
	if err := p.open(client, &first); err != nil {
		return Status{}, err
	}
	// A napping worker keeps its place among these. The others are for the hub, connections and the garbage collector,
	// which takes a quarter of all.
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), o.Workers+1+o.Workers/4))
	confinement, err := sandbox.Confine()
	if err != nil {
		return Status{}, err
	}
	out.Log.Infof("%s", confinement)
	go p.hub.run(p.capturer.handovers())
	if err := p.capturer.start(); err != nil {
		return Status{}, err
	}
	agent.ReleaseMemory() // reading the catalog took memory too
	p.life.step(0, nil)
	err = p.follow(stop, leave)
	return p.end(err, err == nil && isClosed(leave))
}

// open takes over the helper's descriptors, and opens what needs system calls that the process soon gives up.
func (p *process) open(client *helper.Client, first *helper.Setup) error {
	var s agent.Setup
	if err := json.Unmarshal(first.Payload, &s); err != nil {
		return fmt.Errorf("read what the helper sent: %w", err)
	}
	for _, r := range s.Refused {
		p.output.Log.Infof("not used: %s", r)
	}
	named, descriptors, err := agent.SplitDescriptors(s.Named, first.FDs)
	if err != nil {
		return err
	}
	p.usage, p.bootID = newUsage(named), s.BootID
	p.pulse = &pulse{every: s.Pulse, tell: client.Tell, state: p.describe, work: p.hub.seconds.Load,
		begun: make(chan struct{})}
	if p.network, err = openNetwork(p.options, &s, named, client.List); err != nil {
		return err
	}
	now, err := topology.Now(p.options.Sides) // the first record needs it
	if err != nil {
		return err
	}
	p.enrichment = newEnrichment(p.options, p.network.table, now, p.hub.emit)
	p.devices = newDevices(p.enrichment.hosts, p.network.topology, p.enrichment.chain.Network, p.output.Log.Warnf)
	if p.output.Measure {
		p.linkCounts = newLinkCounts(p.network.topology, p.output.Log.Warnf)
		p.linkCounts.read()
	}
	p.hub.events = p.options.Events
	p.hub.stats = &stats{every: p.options.StatsEvery, follow: p.enrichment.followers, measure: p.measureStats}
	p.hub.enrichment, p.hub.devices, p.hub.linkCounts, p.hub.status = p.enrichment, p.devices, p.linkCounts, p.status
	p.devices.load(named)
	if fd, ok := named[agent.DescriptorControl]; !ok {
		if p.options.Socket != "none" {
			p.output.Log.Warnf("other commands cannot query this weir: %s", s.NoSocket)
		}
	} else if p.listener, err = takeListener(fd); err != nil {
		return err
	}
	if fd, ok := named[agent.DescriptorPseudonym]; ok && p.output.PseudonymKey != nil {
		if err := takeKey(fd, p.output.PseudonymKey); err != nil {
			return fmt.Errorf("the key of pseudonyms: %w", err)
		}
	}
	if fd, ok := named[agent.DescriptorShip]; ok && p.output.Uplink != nil {
		if err := p.output.Uplink(fd); err != nil {
			return fmt.Errorf("uplink: %w", err)
		}
	}
	if p.output.Names != nil {
		p.output.Names(p.enrichment.hosts.Name)
	}
	if p.output.Hosts != nil {
		p.output.Hosts(p.enrichment.hosts.All)
	}
	if p.output.Explain != nil {
		p.output.Explain(p.enrichment.explainer.Explain)
	}
	if p.output.MACs != nil {
		p.output.MACs(p.enrichment.hosts.MACs)
	}
	if p.output.Devices != nil {
		p.output.Devices(p.enrichment.hosts.Changed)
	}
	if p.processes, err = openProcesses(named, &s, p.output.Log); err != nil {
		return fmt.Errorf("processes: %w", err)
	}
	p.register()
	err = p.openCapture(captureConfig{options: p.options, setup: &s, descriptors: descriptors, helper: client,
		lost: p.links.lost, quit: p.links.quit})
	if err == nil {
		p.takeOver(named)
	}
	return err
}

// takeKey reads a key from a descriptor, and closes it.
func takeKey(fd int, take func([]byte) error) error {
	f := os.NewFile(uintptr(fd), "key")
	defer f.Close()
	const mostBytes = 1024
	key, err := io.ReadAll(io.LimitReader(f, mostBytes))
	if err != nil {
		return err
	}
	return take(key)
}

// register adds the counters of the enrichment.
func (p *process) register() {
	p.counters.Register(p.enrichment.hosts)
	if p.network.connections != nil {
		p.counters.Register(p.network.connections)
	}
	p.counters.Register(p.enrichment.chain)
	if p.processes != nil {
		p.enrichment.chain.SetProcesses(p.processes.table)
		p.counters.Register(p.processes.table)
	}
	p.counters.Register(p.hub)
	p.counters.Register(&p.exports)
	p.counters.Register(p.output.Counters...)
}

// openCapture makes the capturer with its workers.
func (p *process) openCapture(c captureConfig) error {
	apps, err := catalog.Load(p.options.Catalogs...)
	if err != nil {
		return err
	}
	p.enrichment.explainer.SetCatalog(apps)
	origins, err := geo.Open(p.options.MMDB...)
	if err != nil {
		return err
	}
	p.enrichment.chain.SetOrigins(origins)
	o, classifier := p.options, classify.New(apps)
	p.reloader = &reloader{request: c.helper.Reload, classifier: classifier, explainer: p.enrichment.explainer,
		network: p.network.topology, links: p.links, log: p.output.Log,
		applied: func() { _ = c.helper.Tell(p.describe()) }}
	c.engine = engine.Config{
		MaxPacketsTCP: o.MaxPacketsTCP, MaxPacketsOther: o.MaxPacketsOther, KeepTunnels: o.KeepTunnels,
		IgnoreVLAN: o.IgnoreVLAN, TCPHealth: o.TCPHealth, UpdateEvery: o.UpdateEvery, IsFollowed: p.isFollowed,
		Events: &p.enrichment.followers.types, OnEvent: p.hub.event,
		FollowEvery: p.followEvery,
		Flows:       flow.Config{MaxFlows: o.MaxFlows / o.Workers, TCPIdle: o.TCPIdle, Idle: o.Idle},
		Classifier:  classifier, Protocols: dissect.NewTable(protocols.All()),
		OnPanic: p.output.OnPanic,
	}
	p.capturer, err = newCapturer(p.mode, c)
	p.links.capture = p.capturer
	return err
}

// isFollowed reports whether somebody watches the flows as they come.
func (p *process) isFollowed() bool { return p.options.Follow || p.enrichment.followers.isFollowed() }

// followEvery returns how often those who watch want to hear of a live flow; 0: as usual.
func (p *process) followEvery() time.Duration {
	every := p.enrichment.followers.followEvery()
	if p.options.Follow {
		every = min(every, usualEvery)
	}
	return every
}

// follow follows links, routes, connections and devices, and waits for a reason to end.
func (p *process) follow(stop, leave <-chan struct{}) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	followed := p.network.follow(ctx, p.event, p.enrichment.chain.SetNetwork, p.output.Log)
	go p.devices.follow(ctx)
	p.processes.start()
	go p.pulse.run(ctx)
	go p.reloader.onHangup(ctx, p.hangups)
	stopCounts := p.linkCounts.start()
	defer func() { // the last counters, before ctx ends and closes their socket
		p.life.step(drainTime, nil)
		stopCounts()
	}()
	if p.listener != nil {
		context.AfterFunc(ctx, func() { p.listener.Close() })
		answers := &answerer{hosts: p.enrichment.hosts, explainer: p.enrichment.explainer,
			followers: p.enrichment.followers, history: &p.enrichment.history, status: p.hub.latest.Load,
			uplink: p.output.UplinkState, exports: &p.exports, traffic: p.output.Traffic,
			reload: p.reloader.reload}
		go control.Serve(p.listener, answers.answer)
	}
	var over <-chan time.Time
	if p.options.Duration > 0 {
		end := time.NewTimer(p.options.Duration)
		defer end.Stop()
		over = end.C
	}
	select {
	case <-stop:
		return nil
	case <-leave:
		return nil
	case <-over:
		return nil
	case <-p.output.Done:
		return nil
	case <-p.links.refusals:
		return p.links.refusal()
	case <-p.capturer.failed():
		return p.capturer.err()
	case <-p.hub.failed:
		return p.hub.err()
	case err := <-followed:
		return fmt.Errorf("follow the network: %w", err)
	}
}

// event takes a link's event, and logs LAN and WAN after the first dump. With that the capture has begun.
func (p *process) event(e topology.Event) {
	p.links.event(e)
	if e.Kind == topology.Synced && len(p.links.names()) > 0 {
		p.output.Log.Infof("%s", p.network.describe(p.enrichment.chain.Network()))
	}
	if e.Kind == topology.Synced && !isClosed(p.pulse.begun) {
		close(p.pulse.begun)
	}
}

// end detaches the programs first, so that nothing is counted any more, and then lets the workers finish their flows.
// It may take long while it makes progress. If another weir goes on, the programs stay, and the flows that live have no
// end.
func (p *process) end(err error, goesOn bool) (Status, error) {
	close(p.links.quit)
	work := func() uint64 { return p.hub.progress() + p.capturer.progress() }
	if c, ok := p.capturer.(interface{ drain() }); ok {
		p.life.step(drainTime, work)
		c.drain()
	}
	p.life.step(0, nil)
	c, canLeave := p.capturer.(leaver)
	if goesOn = goesOn && canLeave && p.left != nil; goesOn {
		c.leave()
	} else {
		p.links.close(func() { p.life.step(0, nil) })
	}
	p.life.step(drainTime, nil)
	p.network.drain()
	p.processes.drain()
	p.life.step(drainTime, work)
	err = errors.Join(err, p.capturer.stop())
	p.life.step(0, work)
	<-p.hub.ended
	if failure := p.hub.err(); !errors.Is(err, failure) {
		err = errors.Join(err, failure)
	}
	p.life.step(saveTime, nil)
	if goesOn {
		err = errors.Join(err, p.writeLeft(c))
	}
	p.devices.save()
	p.life.step(0, nil)
	return p.status(), err
}

func (p *process) status() Status {
	s := Status{Mode: p.mode, Elapsed: time.Since(p.began), Interfaces: p.links.names(),
		Offered: p.hub.offered.Load(), At: time.Now(), Monotonic: monotonic(), BootID: p.bootID}
	if p.output.Measure {
		s.Processes, s.Clock, s.Queues = p.usage.read(), p.clock.now(), p.hub.queues()
		s.Links = p.linkCounts.of(p.links.present(), p.enrichment.chain.Network())
		for i := range s.Links {
			s.Links[i].Traffic = p.capturer.traffic(s.Links[i].Index)
		}
	}
	p.capturer.status(&s)
	s.Counters = p.counters.Snapshot()
	s.Totals.Collect(&s.Counters)
	s.Losses.Collect(&s.Counters, s.KernelCounts)
	return s
}
