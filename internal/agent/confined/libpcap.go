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

// stream is the confined half of mode libpcap: one stream of frames, which the engine's pipeline distributes to its
// workers.
type stream struct {
	lost       func(index uint32, isCurrent func() bool) // of links
	quit       <-chan struct{}
	reader     *libpcap.Reader
	pipeline   *engine.Pipeline
	interfaces *engine.Interfaces
	frames     atomic.Uint64
	bytes      atomic.Uint64
	until      atomic.Int64 // later frames are dropped; 0: none are
	anyLeft    atomic.Bool  // left is not empty
	stopping   atomic.Bool
	closed     atomic.Bool // the pipeline has handed over everything
	running    sync.WaitGroup
	ended      chan struct{}

	mu      sync.Mutex               // guards what follows
	answers map[uint32]answer        // by the number of the Watch, while somebody waits or the capture runs
	waiting map[uint32]chan struct{} // by that number; closed when the answer arrives
	current map[uint32]uint32        // the number of an interface's latest Watch, while that is wanted
	left    map[uint32]int64         // when the watch of an interface ended: later frames are not its
	open    int                      // interfaces under capture in the capturing process
	losses  capture.Losses
	broken  error
}

func newLibpcap(c captureConfig) (capturer, error) {
	if len(c.descriptors) != 1 {
		return nil, fmt.Errorf("%d descriptors for a stream", len(c.descriptors))
	}
	if err := unix.SetNonblock(c.descriptors[0], true); err != nil { // for read deadlines
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

// answer is the capturing process's answer to a Watch.
type answer struct {
	given bool
	err   *libpcap.Error // nil: the interface is watched
}

// event takes the capturing process's messages about interfaces, within Read.
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
		if !isCurrent { // nobody waits any longer
			delete(s.answers, e.Number)
		}
	}
	if was.given && isCurrent && e.Err.Code != libpcap.CodeUnwatched && e.Err.Code != libpcap.CodeGone {
		// in a goroutine of its own: it may wait for somebody who waits for the next event
		go s.lost(e.Interface, func() bool { return s.isLost(e.Interface, e.Number) })
	}
}

// isLost reports whether the numbered Watch is still the interface's latest.
func (s *stream) isLost(index, number uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current[index] == number
}

func (s *stream) start() error {
	s.running.Go(s.run)
	return nil
}

// lastWords bounds the end of the capturing process: it delivers its frames, then reports for each interface the losses
// and the end of the capture.
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

// frame passes one frame to the pipeline.
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

// isLate reports whether a frame came in by an interface after its capture ended.
func (s *stream) isLate(f *capture.Frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	since, ok := s.left[f.Interface]
	return ok && f.Time > since
}

// answerTime bounds the wait for the capturing process to start a capture: usually ten milliseconds, seconds on a busy
// machine.
const answerTime = 30 * time.Second

// watching waits until the capture on the interface runs, or has failed.
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
	if is, ok := s.answers[number]; ok && is.err != nil { // else the report of the end is still to come
		delete(s.answers, number)
	}
	s.left[index] = capture.Now()
	s.anyLeft.Store(true)
	if len(s.left) > maxLeft { // interfaces that have come since
		clear(s.left)
		s.left[index] = capture.Now()
	}
}

// maxLeft bounds the remembered interfaces whose capture has ended.
const maxLeft = 4096

func (s *stream) setInterfaces(names map[uint32]string) { s.interfaces.Set(names, capture.Now()) }

// drain drops frames that come from now on. The capturing process delivers the earlier ones before it reports the end
// of each interface's capture.
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

// traffic is unknown: libpcap does not tell which frames go out, and its filter may keep some.
func (*stream) traffic(uint32) Traffic { return Traffic{} }

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
