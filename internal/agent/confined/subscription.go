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

// Subscriber takes the hub's records. A goroutine of its own calls the methods, so that a blocked subscriber stops
// nobody else; the first error ends the agent.
type Subscriber interface {
	// Flow takes a record, which is valid during the call.
	Flow(*record.Flow) error
	// Second follows the records of a second, for periodic display or flushing. One with the final counts follows the
	// last record. The status stays valid.
	Second(*Status) error
	// End follows the last Second.
	End() error
}

// EventSubscriber is a Subscriber that takes event records, too.
type EventSubscriber interface {
	// Event takes an event, which is valid during the call. Those of a handover come before its flow records.
	Event(*record.Event) error
}

// Subscription is a Subscriber with its counters.
type Subscription struct {
	Subscriber Subscriber
	// Name is that of its queue in Status.Queues; "": it is not there.
	Name string
	// Dropped counts the records that its full queue dropped.
	Dropped metric.ID
	// Progress, unless nil, grows while the subscriber works on the latest records.
	Progress func() uint64
}

// ErrStalled is Run's error when a subscriber stopped taking records at the end.
var ErrStalled = errors.New("nobody read them in time")

// The wait for a subscriber after a signal has ended the agent: it lasts while the subscriber makes progress, at most
// endTime, which leaves the rest of the helper's minute (internal/helper) for the report of undelivered records. A
// subscriber without progress for stallTime has stalled.
const (
	stallTime = 1400 * time.Millisecond
	endTime   = 45 * time.Second
	lookEvery = 100 * time.Millisecond // interval of checks while the hub waits for a subscriber
)

// parcel goes to all subscribers at once. The last of them to finish returns it to parcels.
type parcel struct {
	record.Batch
	status *Status // of the second that ends with the parcel, or nil
	users  atomic.Int32
}

// size is the room that a parcel takes in a queue: its records, and one for itself.
func (p *parcel) size() int { return p.records() + 1 }

func (p *parcel) records() int { return len(p.Flows) + len(p.Events) }

// subscription serves a Subscription.
type subscription struct {
	Subscription
	limit   int           // of the queue, in the unit of parcel.size
	parcels *parcels      // where finished parcels return
	wake    chan struct{} // has one when there is work
	moved   chan struct{} // has one when a parcel is finished
	ended   chan struct{} // closed after the last call of a method
	failed  func(error)
	dropped atomic.Uint64 // records
	taken   atomic.Uint64 // records
	waited  atomic.Uint64 // checks while the hub waits for it
	stalled atomic.Bool   // the wait for it was in vain

	mu     sync.Mutex // guards what follows
	queue  []*parcel
	filled int // sum of the sizes in the queue, and of the parcel in hand
	// records is the sum of the records there, and peak its maximum since the last status.
	records, peak int
	isLast        bool // no parcel follows
}

func newSubscription(s Subscription, limit int, back *parcels, failed func(error)) *subscription {
	return &subscription{Subscription: s, limit: limit, parcels: back, failed: failed, wake: make(chan struct{}, 1),
		moved: make(chan struct{}, 1), ended: make(chan struct{})}
}

// offer appends a parcel to the queue, if there is room.
func (s *subscription) offer(p *parcel) bool {
	s.mu.Lock()
	hasRoom := s.filled == 0 || s.filled+p.size() <= s.limit
	if hasRoom {
		s.queue, s.filled, s.records = append(s.queue, p), s.filled+p.size(), s.records+p.records()
		s.peak = max(s.peak, s.records)
	}
	s.mu.Unlock()
	signal(s.wake)
	return hasRoom
}

// last marks the end of the parcels.
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
		s.queue = nil // releases the memory of a burst
		return nil, s.isLast
	}
	p = s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	return p, false
}

// done frees the room of a parcel.
func (s *subscription) done(p *parcel) {
	s.mu.Lock()
	s.filled, s.records = s.filled-p.size(), s.records-p.records()
	s.mu.Unlock()
	s.parcels.put(p)
	signal(s.moved)
}

// run delivers until the last parcel is done. After an error it still takes parcels, but delivers none.
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
	if taker, ok := s.Subscriber.(EventSubscriber); ok {
		for i := range p.Events {
			if err := taker.Event(&p.Events[i]); err != nil {
				return err
			}
			s.taken.Add(1)
		}
	}
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

// progress grows while the subscriber makes progress.
func (s *subscription) progress() uint64 {
	n := s.taken.Load()
	if s.Progress != nil {
		n += s.Progress()
	}
	return n
}

// wait waits for a condition that a finished parcel may bring, and reports whether it came. In a hurried hub it gives
// up a subscriber that makes no progress.
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

func (s *subscription) isEnded() bool { return isClosed(s.ended) }

// parcels recycles parcels, so that handing records on allocates nothing in the long run.
type parcels struct {
	mu    sync.Mutex
	spare []*parcel
}

// maxSpare bounds the spare parcels.
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

// put returns a parcel from one of its users.
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

// signal fills a channel of one element.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// isClosed reports whether a channel on which nobody sends is closed.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
