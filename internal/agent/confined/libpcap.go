// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/capture/libpcap"
	"github.com/weirnet/weir/internal/engine"
)

// stream is the confined half of mode libpcap: one stream of frames, which the engine's pipeline deals out to its
// workers.
type stream struct {
	lost       func(index uint32, isCurrent func() bool) // of links
	quit       <-chan struct{}
	reader     *libpcap.Reader
	pipeline   *engine.Pipeline
	interfaces *engine.Interfaces
	frames     atomic.Uint64
	bytes      atomic.Uint64
	until      atomic.Int64 // frames after this time are not taken any more; 0: all are
	anyLeft    atomic.Bool  // left has some
	stopping   atomic.Bool
	closed     atomic.Bool // the pipeline has given out everything
	running    sync.WaitGroup
	ended      chan struct{}

	mu      sync.Mutex               // over what follows
	answers map[uint32]answer        // by the number of the Watch, as long as somebody waits, or the interface is watched
	waiting map[uint32]chan struct{} // by that number, closed when the answer comes
	current map[uint32]uint32        // the number of the last Watch of an interface that is not given up
	left    map[uint32]int64         // since when an interface is not watched any more: what came later is not its
	open    int                      // interfaces that the capturing process watches
	losses  capture.Losses
	broken  error
}

func newLibpcap(c captureConfig) (capturer, error) {
	if len(c.descriptors) != 1 {
		return nil, fmt.Errorf("%d descriptors for a stream", len(c.descriptors))
	}
	if err := unix.SetNonblock(c.descriptors[0], true); err != nil { // so that reading has deadlines
		return nil, fmt.Errorf("libpcap's stream: %w", err)
	}
	s := &stream{
		quit: c.quit, lost: c.lost, pipeline: engine.NewLivePipeline(c.engine, c.options.Workers, 0),
		ended:   make(chan struct{}),
		answers: map[uint32]answer{}, waiting: map[uint32]chan struct{}{},
		current: map[uint32]uint32{}, left: map[uint32]int64{},
	}
	s.interfaces = s.pipeline.NewInterfaces()
	s.reader = libpcap.NewReader(os.NewFile(uintptr(c.descriptors[0]), "libpcap's stream"), s.event)
	return s, nil
}

// answer is what the capturing process has told of a Watch.
type answer struct {
	given bool
	err   *libpcap.Error // nil: it is watched
}

// event is told of interfaces: it is called within Read.
func (s *stream) event(e libpcap.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.answers[e.Number]
	s.answers[e.Number] = answer{true, e.Err}
	if answered, ok := s.waiting[e.Number]; ok {
		close(answered)
		delete(s.waiting, e.Number)
	}
	if e.Err == nil {
		s.open++
		delete(s.left, e.Interface)
		s.anyLeft.Store(len(s.left) > 0)
		return
	}
	isCurrent := s.current[e.Interface] == e.Number
	if was.given && was.err == nil {
		s.open--
		if !isCurrent { // nobody waits any more
			delete(s.answers, e.Number)
		}
	}
	if was.given && isCurrent && e.Err.Code != libpcap.CodeUnwatched && e.Err.Code != libpcap.CodeGone {
		// which may wait for one who waits for the next event
		go s.lost(e.Interface, func() bool { return s.isLost(e.Interface, e.Number) })
	}
}

// isLost says whether the Watch with the number is still the interface's last one.
func (s *stream) isLost(index, number uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current[index] == number
}

func (s *stream) start() error {
	s.running.Go(s.run)
	return nil
}

// lastWords is how long the capturing process may take at the end to give what it has and say that its interfaces are
// not watched any more, and before each what was lost there.
const lastWords = 8 * time.Second

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
		open := s.open
		s.mu.Unlock()
		if err != nil {
			return
		}
		if isStopping && stopped.IsZero() {
			stopped = now
		}
		if isStopping && (open == 0 || now.Sub(stopped) > lastWords) {
			return
		}
	}
}

// frame is the way of one frame into the pipeline.
func (s *stream) frame(f *capture.Frame) {
	if until := s.until.Load(); until > 0 && f.Time > until || s.anyLeft.Load() && s.isLate(f) {
		return
	}
	s.frames.Add(1)
	s.bytes.Add(uint64(f.Length))
	frame := engine.Frame{Data: f.Data, Length: f.Length, Time: f.Time, Interface: s.interfaces.Number(f.Interface,
		f.Time), Link: f.Link}
	s.pipeline.Frame(&frame)
}

// isLate says whether a frame came in by an interface that was not watched any more.
func (s *stream) isLate(f *capture.Frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	since, ok := s.left[f.Interface]
	return ok && f.Time > since
}

// answerTime is how long the capturing process is waited for that was told to watch an interface: it takes some ten
// milliseconds, on a busy machine seconds.
const answerTime = 30 * time.Second

// watching waits until the interface is watched indeed, or can't be.
func (s *stream) watching(index uint32, w *agent.Watched, _ []int) error {
	answered := make(chan struct{})
	s.mu.Lock()
	s.current[index] = w.Number
	if s.answers[w.Number].given {
		close(answered)
	} else {
		s.waiting[w.Number] = answered
	}
	s.mu.Unlock()
	limit := time.NewTimer(answerTime)
	defer limit.Stop()
	err := fmt.Errorf("the capturing process gave no answer for %v", answerTime)
	select {
	case <-answered:
	case <-s.ended:
		err = errors.New("the capturing process has ended")
	case <-s.quit:
		err = errors.New("weir ends")
	case <-limit.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, w.Number)
	is := s.answers[w.Number]
	switch {
	case !is.given:
		return err
	case is.err != nil:
		return is.err
	}
	return nil
}

func (s *stream) gone(index uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := s.current[index]
	delete(s.current, index)
	if is, ok := s.answers[number]; ok && is.err != nil { // else the answer that it has ended comes yet
		delete(s.answers, number)
	}
	s.left[index] = capture.Now()
	s.anyLeft.Store(true)
	if len(s.left) > maxLeft { // those that came since are no more
		clear(s.left)
		s.left[index] = capture.Now()
	}
}

// maxLeft bounds the interfaces that are remembered which are not watched any more.
const maxLeft = 4096

func (s *stream) setInterfaces(names map[uint32]string) { s.interfaces.Set(names, capture.Now()) }

// drain has nothing taken that comes from now on. What came before, the capturing process gives before it says of each
// interface that it is not watched any more.
func (s *stream) drain() { s.until.Store(capture.Now()) }

func (s *stream) stop() error {
	s.stopping.Store(true)
	s.running.Wait()
	err := s.pipeline.Close()
	s.closed.Store(true)
	return errors.Join(err, s.reader.Close())
}

func (s *stream) handovers() <-chan *engine.Handover { return s.pipeline.Handovers() }

func (s *stream) progress() uint64 { return s.frames.Load() }

func (s *stream) failed() <-chan struct{} { return s.ended }

func (s *stream) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
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
