// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
)

// hub is where all findings of the process meet. Its one goroutine owns the clock and the enrichment, takes the
// workers' handovers, and offers each completed record to the subscribers. Until the end it waits for none of them:
// each has a bounded queue and a counter of dropped records.
type hub struct {
	enrichment    *enrichment
	devices       *devices
	linkCounts    *linkCounts
	status        func() Status
	subscriptions []*subscription
	events        record.Types // that the subscribers get
	stats         *stats
	parcels       parcels

	handovers    <-chan *engine.Handover
	handoverPeak int // how many waited at most since the last status

	now      time.Time // of the present handover or second
	filling  *parcel
	isEnding bool
	offered  atomic.Uint64          // records
	seconds  atomic.Uint64          // grows each second
	latest   atomic.Pointer[Status] // of the last second, for other goroutines

	hurry    sync.Once
	hurried  chan struct{} // closed by hurryUp: the hub gives up subscribers that stall
	deadline time.Time     // the hub then gives up all of them; set before hurried is closed
	failed   chan struct{} // has one when failure is set
	failMu   sync.Mutex
	failure  error
	ended    chan struct{} // closed when run returns
}

// parcelRecords bounds the records of one parcel.
const parcelRecords = 256

// queueRecords bounds the records that wait for a subscriber, unless the flow table is larger: all flows may end at
// once.
const queueRecords = 16384

// newHub makes a hub. The queue of each subscriber holds as many records as given. The caller sets enrichment before
// run.
func newHub(subscriptions []Subscription, records int) *hub {
	h := &hub{hurried: make(chan struct{}), failed: make(chan struct{}, 1), ended: make(chan struct{})}
	for _, s := range subscriptions {
		h.subscriptions = append(h.subscriptions, newSubscription(s, records, &h.parcels, h.fail))
	}
	h.filling = h.parcels.get()
	return h
}

// run takes handovers until their channel closes, and returns when the subscribers have taken all records, or stall.
func (h *hub) run(handovers <-chan *engine.Handover) {
	defer close(h.ended)
	h.handovers = handovers
	h.start()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case o, ok := <-handovers:
			h.now = time.Now()
			h.handoverPeak = max(h.handoverPeak, len(handovers)+1)
			if !ok {
				h.end()
				return
			}
			_ = o.Emit(h.flow) // which does not fail
			h.handOn(nil)
		case h.now = <-second.C:
			h.second()
		}
	}
}

// start serves the subscribers, each from its own goroutine.
func (h *hub) start() {
	for _, s := range h.subscriptions {
		go s.run()
	}
}

// flow takes a worker's record.
func (h *hub) flow(r *record.Flow) error { return h.enrichment.chain.Flow(r, h.now) }

// emit takes a completed record.
func (h *hub) emit(r *record.Flow) error {
	h.offered.Add(1)
	h.filling.Add(r)
	if len(h.filling.Flows) == parcelRecords {
		h.handOn(nil)
	}
	return nil
}

// event takes a worker's event.
func (h *hub) event(e *record.Event) error {
	h.enrichment.followers.event(e)
	if h.events&e.Type == 0 || len(h.subscriptions) == 0 {
		return nil
	}
	h.offered.Add(1)
	h.filling.AddEvent(e)
	if len(h.filling.Events) == parcelRecords {
		h.handOn(nil)
	}
	return nil
}

// second runs once a second.
func (h *hub) second() {
	_ = h.enrichment.chain.Tick(h.now) // emit does not fail
	h.devices.second()
	h.linkCounts.second()
	status := h.status()
	h.latest.Store(&status)
	h.stats.second(&status)
	h.enrichment.history.Second(h.now, status.Totals.WireBytes, status.Totals.Packets)
	h.handOn(&status)
	h.seconds.Add(1)
}

// handOn offers the filled parcel to the subscribers.
func (h *hub) handOn(s *Status) {
	p := h.filling
	if p.records() == 0 && s == nil || len(h.subscriptions) == 0 {
		p.Reset()
		return
	}
	p.status = s
	p.users.Store(int32(len(h.subscriptions)))
	h.filling = h.parcels.get()
	for _, subscription := range h.subscriptions {
		if !h.offer(subscription, p) {
			h.parcels.put(p)
		}
	}
}

// offer reports whether a subscription took a parcel. The hub drops no last record while the reader makes progress.
func (h *hub) offer(s *subscription, p *parcel) bool {
	if !h.isEnding {
		isTaken := s.offer(p)
		if !isTaken {
			s.dropped.Add(uint64(p.records()))
		}
		return isTaken
	}
	return s.wait(h, func() bool { return s.offer(p) })
}

// end hands on the records that are still waiting, and waits for the subscribers.
func (h *hub) end() {
	h.isEnding = true
	_ = h.enrichment.chain.Close(h.now)
	h.enrichment.followers.end()
	status := h.status()
	h.handOn(&status)
	for _, s := range h.subscriptions {
		s.last()
	}
	for _, s := range h.subscriptions {
		s.wait(h, s.isEnded)
	}
	h.enrichment.followers.wait(stallTime)
}

// hurryUp makes the end wait only for subscribers that make progress. Any goroutine may call it, more than once.
func (h *hub) hurryUp() {
	h.hurry.Do(func() {
		h.deadline = time.Now().Add(endTime)
		close(h.hurried)
	})
}

// fail keeps a subscriber's error.
func (h *hub) fail(err error) {
	h.failMu.Lock()
	if h.failure == nil {
		h.failure = err
	}
	h.failMu.Unlock()
	signal(h.failed)
}

// err returns the first error of a subscriber, or ErrStalled if one has stalled.
func (h *hub) err() error {
	h.failMu.Lock()
	defer h.failMu.Unlock()
	if h.failure != nil {
		return h.failure
	}
	for _, s := range h.subscriptions {
		if s.stalled.Load() {
			return ErrStalled
		}
	}
	return nil
}

// progress grows while the hub hands records on, and while it waits for a subscriber.
func (h *hub) progress() uint64 {
	n := h.offered.Load()
	for _, s := range h.subscriptions {
		n += s.progress() + s.waited.Load()
	}
	return n
}

// Collect adds the records that subscribers' queues, and those of followers, dropped.
func (h *hub) Collect(s *metric.Snapshot) {
	s.Add(metric.RecordsUnfollowed, h.enrichment.followers.lost.Load())
	for _, subscription := range h.subscriptions {
		s.Add(subscription.Dropped, subscription.dropped.Load())
	}
}
