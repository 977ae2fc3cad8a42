// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/sandbox"
)

// Bounds of the process.
const (
	// memoryLimit is for the garbage collector; the queues' bounds come on top.
	memoryLimit = 64 << 20
	maxFile     = 1 << 20 // of a certificate, a key, a password
	signEvery   = 500 * time.Millisecond
	stateEvery  = 2 * time.Second
	tidyEvery   = time.Minute
	// endTime is what the outputs have at the end for what waits; hurryTime after a second signal.
	endTime   = 5 * time.Second
	leaveTime = time.Second // if the process begins anew: what waits for a name won't get it
	hurryTime = 200 * time.Millisecond
)

// Options are those of Run.
type Options struct {
	Plan    *Plan
	Servers []Server
	// Listen makes more Servers of the sockets that the helper has opened, and the plan's files.
	Listen func(files map[string][]byte) ([]Server, error)
	// IsFirst: the agent starts, too, so that all its records are wanted.
	IsFirst bool
	Version string // of weir
	Log     *logging.Logger
	Release func() // gives back memory that only the start needed
}

// process is the running process.
type process struct {
	*Options
	link    *link
	id      string // of this run, for the agent, which adds the counts of all up
	runners []*runner
	// records that the agent dropped on the way here, and lines that are no record
	dropped, unread atomic.Uint64
	running         sync.WaitGroup // the followers, the runners and the listeners

	// ended is closed when no more is followed: the agent has ended, or this process is about to.
	ended chan struct{}
	// leaving is over when the streams shall be closed, though the agent has not ended.
	leaving context.Context
	leave   func()
}

// Run is the process export, which its helper starts in the sandbox, with the plan's files as its first ones. It
// serves until the helper closes its connection, and then writes what the agent has still sent.
func Run(o *Options) error {
	limit := int64(memoryLimit)
	for _, t := range o.Plan.Targets {
		limit += t.Queue
	}
	debug.SetMemoryLimit(limit)
	runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), 2))
	net.DefaultResolver.PreferGo = true // the C library's needs more than the sandbox has
	// A terminal's Ctrl-C and systemd's stop reach all processes; only the helper knows when the agent has ended.
	signal.Ignore(unix.SIGINT)
	hurry, reopen := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(hurry, unix.SIGTERM)
	signal.Notify(reopen, unix.SIGHUP)
	conn, err := sandbox.Conn()
	if err != nil {
		return err
	}
	files, err := readFiles(o.Plan.Files)
	if err != nil {
		return err
	}
	if o.Listen != nil {
		more, err := o.Listen(files)
		if err != nil {
			return err
		}
		o.Servers = append(o.Servers, more...)
	}
	confinement, err := sandbox.Confine()
	if err != nil {
		return err
	}
	p := &process{Options: o, link: newLink(conn), id: newID(), ended: make(chan struct{})}
	p.leaving, p.leave = context.WithCancel(context.Background())
	defer p.leave()
	if err := p.open(files); err != nil {
		return err
	}
	o.Log.Infof("export: %s", confinement)
	o.Release()
	return p.run(hurry, reopen)
}

func newID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// readFiles reads the files that the helper has opened.
func readFiles(names []string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for i, name := range names {
		f := os.NewFile(uintptr(sandbox.FirstFile+i), name)
		content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		if len(content) > maxFile {
			return nil, fmt.Errorf("%s has more than %d bytes", name, maxFile)
		}
		files[name] = content
	}
	return files, nil
}

// open makes the outputs.
func (p *process) open(files map[string][]byte) error {
	for _, t := range p.Plan.Targets {
		log := func(format string, args ...any) { p.Log.Warnf("%s: %s", t, fmt.Sprintf(format, args...)) }
		out, err := t.Made.Open(&Environment{Log: log, Files: files, Version: p.Version})
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		p.runners = append(p.runners, &runner{target: t, queue: NewQueue(maxQueued, t.Queue), output: out, log: p.Log})
	}
	return nil
}

// run works until the end.
func (p *process) run(hurry, reopen <-chan os.Signal) error {
	writing, stopWriting := context.WithCancel(context.Background())
	defer stopWriting()
	serving, stopServing := context.WithCancel(context.Background())
	defer stopServing()
	failed := p.serve(serving)
	written := p.start(writing)
	state, tidy := time.NewTicker(stateEvery), time.NewTicker(tidyEvery)
	defer state.Stop()
	defer tidy.Stop()
	looks := p.Plan.resolves() && sandbox.CanReadNames()
	for {
		select {
		case err := <-failed:
			return err
		case <-p.link.ended:
			stopServing()
			close(p.ended)
			return p.end(endTime, written, stopWriting, hurry)
		case <-reopen:
			p.reopen()
		case <-tidy.C:
			p.Release()
		case <-state.C:
			p.tell()
			if looks && !sandbox.CanReadNames() {
				stopServing()
				close(p.ended)
				p.leave()
				return errors.Join(p.end(leaveTime, written, stopWriting, hurry), sandbox.ErrNames)
			}
		}
	}
}

// start starts the followers and the outputs. written is closed when all of them, and the listeners, have ended.
func (p *process) start(ctx context.Context) (written <-chan struct{}) {
	for _, s := range p.Plan.streams() {
		f := &follower{stream: s, follow: p.stream, log: p.Log, dropped: &p.dropped, unread: &p.unread}
		for _, r := range p.runners {
			if r.target.stream() == s {
				f.queues = append(f.queues, r.queue)
			}
		}
		p.running.Go(func() { f.run(p.IsFirst, p.ended) })
	}
	for _, r := range p.runners {
		p.running.Go(func() { r.run(ctx) })
	}
	all := make(chan struct{})
	go func() {
		p.running.Wait()
		close(all)
	}()
	return all
}

// serve starts the listeners. failed has the error of the first that failed.
func (p *process) serve(ctx context.Context) (failed <-chan error) {
	errs := make(chan error, len(p.Servers))
	for _, s := range p.Servers {
		p.running.Go(func() {
			if err := s.Run(ctx, p); err != nil {
				errs <- err
			}
		})
	}
	return errs
}

// end lets the outputs write what waits. Meanwhile it gives the helper signs of life.
func (p *process) end(most time.Duration, written <-chan struct{}, stop func(), hurry <-chan os.Signal) error {
	signs, enough := time.NewTicker(signEvery), time.NewTimer(most)
	defer signs.Stop()
	defer enough.Stop()
	select {
	case <-hurry: // of a stop that reached all processes
	default:
	}
	p.link.sign()
	for {
		select {
		case <-written:
			return p.lost()
		case <-signs.C:
			p.link.sign()
		case <-hurry:
			enough.Reset(hurryTime)
		case <-enough.C:
			stop()
		}
	}
}

// lost logs what was not written.
func (p *process) lost() error {
	for _, r := range p.runners {
		if s := r.state(); s.Waiting > 0 {
			p.Log.Warnf("%s: %d records were not written", s.To, s.Waiting)
		}
	}
	return nil
}

func (p *process) reopen() {
	for _, r := range p.runners {
		if o, ok := r.output.(Reopener); ok {
			o.Reopen()
		}
	}
}

// tell tells the agent what became of the records; it does not matter if that fails once.
func (p *process) tell() {
	_, _ = p.Ask(&control.Request{Exported: &control.Exported{ID: p.id, Outputs: p.States(),
		Listeners: listening(p.Servers), Dropped: p.dropped.Load(), Unread: p.unread.Load()}})
}

// listening returns how the first listeners are: as many as fit into a request.
func listening(servers []Server) (all []control.ListenerState) {
	const most = 16
	for _, s := range servers[:min(len(servers), most)] {
		one := s.State()
		one.At = short(one.At)
		all = append(all, one)
	}
	return all
}

// stream is as Follow; the stream also ends when this process leaves.
func (p *process) stream(f *control.Flows) (*control.Stream, error) {
	s, err := p.Follow(f)
	if err != nil {
		return nil, err
	}
	in := s.Closer
	stay := context.AfterFunc(p.leaving, func() { in.Close() })
	s.Closer = closer(func() error {
		stay()
		return in.Close()
	})
	return s, nil
}

type closer func() error

func (c closer) Close() error { return c() }

// Follow implements Feed.
func (p *process) Follow(f *control.Flows) (*control.Stream, error) {
	conn, err := p.link.dial()
	if err != nil {
		return nil, err
	}
	return control.FollowOver(conn, &control.Request{Flows: f})
}

// Ask implements Feed.
func (p *process) Ask(r *control.Request) (*control.Answer, error) {
	conn, err := p.link.dial()
	if err != nil {
		return nil, err
	}
	return control.AskOver(conn, r)
}

// States implements Feed.
func (p *process) States() []control.OutputState {
	all := make([]control.OutputState, len(p.runners))
	for i, r := range p.runners {
		all[i] = r.state()
	}
	return all
}

// Logger implements Feed.
func (p *process) Logger() *logging.Logger { return p.Log }
