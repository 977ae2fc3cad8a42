// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
)

// Subscriber takes what the hub hands on. A goroutine of its own calls the methods, so that one which blocks stops
// nobody else; their first error ends the agent.
type Subscriber interface {
	// Flow takes a record, which is valid during the call.
	Flow(*record.Flow) error
	// Second comes after the records of a second, for what is shown or flushed from time to time.
	Second(*Status) error
	// End comes after the last record.
	End() error
}

// Subscription is a Subscriber and how it is served.
type Subscription struct {
	Subscriber Subscriber
	// Dropped counts the records for which its queue had no room.
	Dropped metric.ID
	// Progress, if it is not nil, goes up as long as the subscriber gets on with what it was given last.
	Progress func() uint64
}

// ErrStalled is Run's error where a subscriber took no more at the end.
var ErrStalled = errors.New("nobody read them in time")

// How long a subscriber is waited for once a signal has ended the agent: as long as it gets on, endTime at most, which
// leaves the rest of the minute that the helper grants (internal/helper) for saying what was not delivered. One that
// does not get on for stallTime has stalled.
const (
	stallTime = 1400 * time.Millisecond
	endTime   = 45 * time.Second
	lookEvery = 100 * time.Millisecond // how often a subscriber that is waited for is looked after
)

// parcel is what goes to all subscribers at a time. The last one that is done with it gives it back.
type parcel struct {
	record.Batch
	status *Status // of the second that ends with it, or nil
	users  atomic.Int32
}

// size is how much of a queue a parcel takes: its records, and itself.
func (p *parcel) size() int { return len(p.Flows) + 1 }

// subscription is a Subscription at work.
type subscription struct {
	Subscription
	limit   int           // of the queue, see parcel.size
	parcels *parcels      // where they go back to
	wake    chan struct{} // has one when there is something to do
	moved   chan struct{} // has one when a parcel is done
	ended   chan struct{} // closed when no method is called any more
	failed  func(error)
	dropped atomic.Uint64 // records
	taken   atomic.Uint64 // records
	waited  atomic.Uint64 // looks after it while it is waited for
	stalled atomic.Bool   // it was waited for in vain

	mu     sync.Mutex // over what follows
	queue  []*parcel
	filled int  // the sizes of the parcels in the queue
	isLast bool // nothing more comes
}

func newSubscription(s Subscription, limit int, back *parcels, failed func(error)) *subscription {
	return &subscription{Subscription: s, limit: limit, parcels: back, failed: failed, wake: make(chan struct{}, 1),
		moved: make(chan struct{}, 1), ended: make(chan struct{})}
}

// offer puts a parcel into the queue, where there is room.
func (s *subscription) offer(p *parcel) bool {
	s.mu.Lock()
	hasRoom := s.filled == 0 || s.filled+p.size() <= s.limit
	if hasRoom {
		s.queue, s.filled = append(s.queue, p), s.filled+p.size()
	}
	s.mu.Unlock()
	signal(s.wake)
	return hasRoom
}

// last says that nothing more comes.
func (s *subscription) last() {
	s.mu.Lock()
	s.isLast = true
	s.mu.Unlock()
	signal(s.wake)
}

func (s *subscription) next() (p *parcel, isOver bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.queue = nil // what a burst took
		return nil, s.isLast
	}
	p = s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	return p, false
}

// done makes the room of a parcel free.
func (s *subscription) done(p *parcel) {
	s.mu.Lock()
	s.filled -= p.size()
	s.mu.Unlock()
	s.parcels.put(p)
	signal(s.moved)
}

// run delivers until the last parcel is done. After an error parcels are taken all the same, and not delivered.
func (s *subscription) run() {
	defer close(s.ended)
	var err error
	for {
		p, isOver := s.next()
		switch {
		case p != nil:
			if err == nil {
				if err = s.deliver(p); err != nil {
					s.failed(err)
				}
			}
			s.done(p)
		case isOver:
			if err == nil {
				if err = s.Subscriber.End(); err != nil {
					s.failed(err)
				}
			}
			return
		default:
			<-s.wake
		}
	}
}

func (s *subscription) deliver(p *parcel) error {
	for i := range p.Flows {
		if err := s.Subscriber.Flow(&p.Flows[i]); err != nil {
			return err
		}
		s.taken.Add(1)
	}
	if p.status == nil {
		return nil
	}
	return s.Subscriber.Second(p.status)
}

// progress goes up while the subscriber gets on.
func (s *subscription) progress() uint64 {
	n := s.taken.Load()
	if s.Progress != nil {
		n += s.Progress()
	}
	return n
}

// wait waits for a condition that a parcel's end may bring, and says whether it came. Once the hub is hurried it waits
// only as long as the subscriber gets on.
func (s *subscription) wait(h *hub, is func() bool) bool {
	for !is() {
		if s.stalled.Load() {
			return false
		}
		select {
		case <-s.moved:
		case <-s.ended:
			return is()
		case <-h.hurried:
			s.stalled.Store(!s.waitWhileItMoves(h.deadline, is))
			return !s.stalled.Load()
		}
	}
	return true
}

func (s *subscription) waitWhileItMoves(deadline time.Time, is func() bool) bool {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	reached, since := s.progress(), time.Now()
	for !is() {
		select {
		case <-s.moved:
		case <-s.ended:
			return is()
		case now := <-look.C:
			if n := s.progress(); n != reached {
				reached, since = n, now
			}
			if now.Sub(since) >= stallTime || !now.Before(deadline) {
				return false
			}
			s.waited.Add(1)
		}
	}
	return true
}

func (s *subscription) isEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// parcels are used again, so that handing records on takes no memory in the long run.
type parcels struct {
	mu    sync.Mutex
	spare []*parcel
}

// maxSpare bounds the parcels that wait to be used again.
const maxSpare = 8

func (ps *parcels) get() *parcel {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if n := len(ps.spare); n > 0 {
		p := ps.spare[n-1]
		ps.spare = ps.spare[:n-1]
		return p
	}
	return new(parcel)
}

// put takes a parcel back from one of its users.
func (ps *parcels) put(p *parcel) {
	if p.users.Add(-1) > 0 {
		return
	}
	p.Reset()
	p.status = nil
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if len(ps.spare) < maxSpare {
		ps.spare = append(ps.spare, p)
	}
}

// signal makes a channel of one element full.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
