// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/capture/libpcap"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/helper"
)

// LibpcapCommand is the sub-command by which the capturing process is started; it calls libpcap.Capture.
const LibpcapCommand = "libpcap-capture"

// libpcapBackend is the privileged half of mode libpcap: it commands the capturing process.
type libpcapBackend struct{ *libpcap.Process }

func openLibpcap(o *Options) (backend, error) {
	if !libpcap.Built {
		return nil, libpcap.ErrNotBuilt
	}
	if err := mayCapture(); err != nil {
		return nil, err
	}
	watched, err := matching(o)
	if err != nil {
		return nil, err
	}
	c := libpcap.Config{Filter: o.Filter}
	if len(watched) > 1 {
		c.Direction = libpcap.DirectionIn // a forwarded packet would be counted twice
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.Command(self, LibpcapCommand)
	command.Stderr = os.Stderr
	p, err := libpcap.Open(command, c)
	if err != nil {
		return nil, err
	}
	return &libpcapBackend{p}, nil
}

func (*libpcapBackend) mode() string { return ModeLibpcap }

func (b *libpcapBackend) describe(*setup) []int { return []int{int(b.Stream.Fd())} }

// Watch asks for the interface's frames. Whether that is possible is told in the stream.
func (b *libpcapBackend) Watch(l helper.Link) ([]int, []byte, error) {
	if l.Carried {
		return nil, nil, errors.New("mode libpcap takes what comes in, and has no use for links that are carried")
	}
	if err := b.Control.Watch(l.Index, l.Promiscuous); err != nil {
		return nil, nil, err
	}
	payload, err := json.Marshal(watched{How: ModeLibpcap})
	return nil, payload, err
}

func (b *libpcapBackend) Unwatch(index uint32) error { return b.Control.Unwatch(index) }

// Retire and Release are of mode ebpf.
func (*libpcapBackend) Retire([]uint32) error { return errors.New("no flow counters in mode libpcap") }

// Release is never asked for either.
func (*libpcapBackend) Release([]uint32) error { return errors.New("no flow counters in mode libpcap") }

// Close ends the capturing process.
func (b *libpcapBackend) Close() error {
	errs := errors.Join(b.Control.File.Close(), b.Stream.Close())
	_ = b.Command.Wait() // how it ended is told in the stream
	return errs
}

// stream is the agent's half of mode libpcap: one stream of frames, which the engine's pipeline deals out to its workers.
type stream struct {
	agent    *agent
	reader   *libpcap.Reader
	pipeline *engine.Pipeline
	frames   atomic.Uint64
	bytes    atomic.Uint64
	until    atomic.Int64 // frames after this time are not taken any more; 0: all are
	stopping atomic.Bool
	renamed  atomic.Bool // numbers are of names that were
	closed   atomic.Bool // the pipeline has given out everything
	running  sync.WaitGroup
	ended    chan struct{}

	mu       sync.Mutex // over what follows
	names    map[uint32]string
	numbers  map[uint32]uint16
	answered map[uint32]answer // by interface
	losses   capture.Losses
	broken   error
}

func newStream(a *agent, config engine.Config, descriptors []int) (capturer, error) {
	if len(descriptors) != 1 {
		return nil, fmt.Errorf("%d descriptors for a stream", len(descriptors))
	}
	if err := unix.SetNonblock(descriptors[0], true); err != nil { // so that reading has deadlines
		return nil, fmt.Errorf("libpcap's stream: %w", err)
	}
	s := &stream{
		agent: a, pipeline: engine.NewPipeline(config, a.options.Workers, 0, a.output.Flow), ended: make(chan struct{}),
		numbers: map[uint32]uint16{}, answered: map[uint32]answer{},
	}
	s.reader = libpcap.NewReader(os.NewFile(uintptr(descriptors[0]), "libpcap's stream"), s.event)
	return s, nil
}

// answer is what the capturing process has told of an interface.
type answer struct {
	given bool
	err   *libpcap.Error // nil: it is watched
}

// event is told of interfaces: it is called within Read.
func (s *stream) event(e libpcap.Event) {
	s.mu.Lock()
	if e.Err != nil && e.Err.Code == libpcap.CodeUnwatched {
		delete(s.answered, e.Interface) // it may be watched again meanwhile, of which the next event tells
		s.mu.Unlock()
		return
	}
	was := s.answered[e.Interface]
	s.answered[e.Interface] = answer{true, e.Err}
	s.mu.Unlock()
	if e.Err == nil || e.Err.Code == libpcap.CodeGone {
		return
	}
	if was.given && was.err == nil || e.Err.Code == libpcap.CodeDown {
		go s.agent.lost(e.Interface) // which may wait for one who waits for the next event
	}
}

func (s *stream) start() error {
	s.running.Go(s.run)
	return nil
}

// idleEnd is for how long no frame may come of a capture that ends: the capturing process flushes every 20 ms. lastWords is how long it
// may take then to say that its interfaces are not watched any more, and before each what was lost there.
const (
	idleEnd   = 100 * time.Millisecond
	lastWords = 500 * time.Millisecond
)

func (s *stream) run() {
	defer close(s.ended)
	const patience = 50 * time.Millisecond
	var stopped time.Time
	for {
		isStopping := s.stopping.Load()
		err := s.reader.Read(patience, s.frame)
		now := time.Now()
		s.pipeline.Tick(now.UnixNano())
		s.mu.Lock()
		s.losses = capture.Losses{}
		s.reader.Losses(&s.losses)
		if err != nil && !s.stopping.Load() {
			s.broken = err
		}
		watched := s.watchedLocked()
		s.mu.Unlock()
		if err != nil {
			return
		}
		if isStopping && stopped.IsZero() {
			stopped = now
		}
		if isStopping && (watched == 0 || now.Sub(stopped) > lastWords) {
			return
		}
	}
}

// watchedLocked is how many interfaces are watched, as the stream tells; with mu held.
func (s *stream) watchedLocked() (n int) {
	for _, a := range s.answered {
		if a.given && a.err == nil {
			n++
		}
	}
	return n
}

// frame is the way of one frame into the pipeline.
func (s *stream) frame(f *capture.Frame) {
	if until := s.until.Load(); until > 0 && f.Time > until {
		return
	}
	s.frames.Add(1)
	s.bytes.Add(uint64(f.Length))
	frame := engine.Frame{Data: f.Data, Length: f.Length, Time: f.Time, Interface: s.number(f.Interface), Link: f.Link}
	s.pipeline.Frame(&frame)
}

func (s *stream) number(index uint32) uint16 {
	if s.renamed.Load() {
		s.renamed.Store(false)
		clear(s.numbers)
	}
	if n, ok := s.numbers[index]; ok {
		return n
	}
	s.mu.Lock()
	name := s.names[index]
	s.mu.Unlock()
	if name == "" {
		return s.pipeline.AddInterface("")
	}
	n := s.pipeline.AddInterface(name)
	s.numbers[index] = n
	return n
}

// answerTime is how long the capturing process is waited for that was told to watch an interface: it takes some ten milliseconds.
const answerTime = 5 * time.Second

// watching waits until the interface is watched indeed, or can't be.
func (s *stream) watching(index uint32, _ string, _ []int) error {
	for end := time.Now().Add(answerTime); time.Now().Before(end) && !s.agent.isEnding(); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		is := s.answered[index]
		s.mu.Unlock()
		if is.given && is.err != nil {
			return is.err
		}
		if is.given {
			break
		}
	}
	return nil
}

func (s *stream) gone(index uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.answered, index)
}

func (s *stream) setInterfaces(names map[uint32]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = names
	s.renamed.Store(true)
}

// drain reads what came until now: when an interface isn't watched any more, libpcap throws away what it has not handed over.
func (s *stream) drain() {
	const limit = time.Second
	now := time.Now()
	s.until.Store(now.UnixNano())
	for frames := s.frames.Load(); time.Since(now) < limit; {
		select {
		case <-s.ended:
			return
		case <-time.After(idleEnd):
		}
		if n := s.frames.Load(); n != frames {
			frames = n
			continue
		}
		return
	}
}

func (s *stream) stop() error {
	s.stopping.Store(true)
	s.running.Wait()
	err := s.pipeline.Close()
	s.closed.Store(true)
	return errors.Join(err, s.reader.Close())
}

func (s *stream) progress() uint64 { return s.frames.Load() }

func (s *stream) failed() <-chan struct{} { return s.ended }

func (s *stream) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.broken, s.pipeline.Err())
}

func (s *stream) status(to *Status) {
	if s.closed.Load() {
		to.Totals = s.pipeline.Totals()
	} else {
		to.Totals.Packets, to.Totals.WireBytes = s.frames.Load(), s.bytes.Load()
	}
	to.Sampled = s.frames.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	to.Losses = s.losses
}
