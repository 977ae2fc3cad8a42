// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/testing/lab/wait"
	"github.com/weirnet/weir/internal/topology"
)

// reader is a subscriber that may be slow.
type reader struct {
	pause   time.Duration // before each record
	stopsAt int           // records after which it stops until goOn is closed; 0: never
	goOn    chan struct{}
	fails   error // at the first record

	names   []string
	seconds int
	ended   bool
	moved   atomic.Uint64
}

func (r *reader) Flow(f *record.Flow) error {
	if r.stopsAt > 0 && len(r.names) == r.stopsAt {
		<-r.goOn
	}
	time.Sleep(r.pause) // the bubble's time
	r.names = append(r.names, string(f.Hostname))
	return r.fails
}

func (r *reader) Second(*Status) error { r.seconds++; return nil }

func (r *reader) End() error { r.ended = true; return nil }

const roomForTest = 1000

// testHub makes a hub with a subscription for each reader, with queues of roomForTest records.
func testHub(readers ...*reader) *hub {
	var all []Subscription
	for _, r := range readers {
		all = append(all, Subscription{Subscriber: r, Dropped: metric.RecordsUnwritten, Progress: r.moved.Load})
	}
	h := newHub(all, roomForTest)
	nothing := topology.NewNetwork(topology.Sides{}, nil, nil, [2][]topology.Rule{})
	h.enrichment = newEnrichment(&agent.Options{TCPIdle: time.Minute, Idle: time.Minute}, nil, nothing, h.emit)
	h.devices = &devices{due: make(chan struct{}, 1), pause: 1}
	h.status = func() Status { return Status{} }
	h.now = time.Now()
	h.start()
	return h
}

// give delivers n records, as of one second.
func give(h *hub, n int) {
	for i := range n {
		_ = h.flow(&record.Flow{Hostname: fmt.Appendf(nil, "host%d", i), State: record.StateEnd})
	}
	h.second()
}

// TestHubQueues: the hub knows how many records wait, and how many waited at most.
func TestHubQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &reader{stopsAt: 10, goOn: make(chan struct{})}
		h := testHub(slow)
		h.subscriptions[0].Name = "slow"
		queue := func() Queue { all := h.queues(); return all[len(all)-1] }
		give(h, 300)
		give(h, 200)
		synctest.Wait()
		if got := queue(); got != (Queue{"slow", 500, 500, roomForTest}) {
			t.Errorf("%+v", got)
		}
		close(slow.goOn)
		synctest.Wait()
		for _, want := range []Queue{{"slow", 0, 500, roomForTest}, {"slow", 0, 0, roomForTest}} {
			if got := queue(); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
		h.end()
	})
}

func dropped(h *hub) uint64 {
	var s metric.Snapshot
	h.Collect(&s)
	return s[metric.RecordsUnwritten]
}

// TestHubDelivers: each subscriber gets each record in order, and then the second, the last status and the end.
func TestHubDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &reader{}, &reader{pause: time.Millisecond}
		h := testHub(a, b)
		give(h, 600)
		h.end()
		for _, r := range []*reader{a, b} {
			if len(r.names) != 600 || r.names[599] != "host599" || !r.ended || r.seconds != 2 {
				t.Errorf("%d records, ended %v, %d seconds", len(r.names), r.ended, r.seconds)
			}
		}
		if !slices.Equal(a.names, b.names) {
			t.Error("they got other records")
		}
		if h.err() != nil || h.offered.Load() != 600 || dropped(h) != 0 {
			t.Errorf("%v, %d offered, %d dropped", h.err(), h.offered.Load(), dropped(h))
		}
	})
}

// TestHubWaitsForNobody: a stopped subscriber loses only its own records, each of which is counted, and later receives
// those that its queue holds.
func TestHubWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck, quick := &reader{stopsAt: 1, goOn: make(chan struct{})}, &reader{}
		h := testHub(stuck, quick)
		begun := time.Now()
		for range 100 {
			give(h, 50)
			synctest.Wait()
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("the hub waited %v", took)
		}
		close(stuck.goOn)
		h.end()
		if len(quick.names) != 5000 || quick.seconds != 101 {
			t.Errorf("%d records, %d seconds for one that reads", len(quick.names), quick.seconds)
		}
		got := uint64(len(stuck.names))
		if got+dropped(h) != 5000 || got < roomForTest*9/10 || got > roomForTest {
			t.Errorf("%d records and %d dropped, want 5000 and nearly %d of them", got, dropped(h), roomForTest)
		}
	})
}

// TestHubAtTheEnd: the hub drops no last record while its reader makes progress, however slow. It hurries nobody before
// a signal; after one it gives up a reader that stalls or exceeds the time.
func TestHubAtTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		reader  *reader
		hurried bool
		read    int
		took    time.Duration
	}{
		"soon":              {&reader{}, true, 3000, 0},
		"slow":              {&reader{pause: 10 * time.Millisecond}, true, 3000, 30 * time.Second},
		"slow, no hurry":    {&reader{pause: time.Minute}, false, 3000, 3000 * time.Minute},
		"stalls":            {&reader{stopsAt: 1}, true, 1, stallTime},
		"stalls after some": {&reader{stopsAt: 20, pause: 100 * time.Millisecond}, true, 20, 2*time.Second + stallTime},
		"takes for ever":    {&reader{pause: time.Second}, true, 45, endTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := c.reader
				r.goOn = make(chan struct{})
				h := testHub(r)
				if c.hurried {
					h.hurryUp()
					h.hurryUp()
				}
				begun, before := time.Now(), h.progress()
				h.isEnding = true
				give(h, 3000)
				h.end()
				took := time.Since(begun)
				if took < c.took || took > c.took+2*lookEvery {
					t.Errorf("ended after %v, want %v", took, c.took)
				}
				if n := int(h.subscriptions[0].taken.Load()); n < c.read-1 || n > c.read {
					t.Errorf("%d records were read, want %d", n, c.read)
				}
				if stalled := errors.Is(h.err(), ErrStalled); stalled != (c.read < 3000) {
					t.Errorf("%v", h.err())
				}
				if took > 2*lookEvery && h.progress() == before {
					t.Error("no progress while it waits")
				}
				close(r.goOn)
				<-h.subscriptions[0].ended
			})
		})
	}
}

// TestHubProgress: a reader that is busy with one long record is not given up if it reports progress.
func TestHubProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{pause: 10 * time.Second}
		h := testHub(r)
		h.hurryUp()
		go func() {
			for range 9 {
				time.Sleep(time.Second) // the bubble's time
				r.moved.Add(1)
			}
		}()
		give(h, 1)
		h.end()
		if h.err() != nil || len(r.names) != 1 {
			t.Errorf("%v, %d records", h.err(), len(r.names))
		}
	})
}

// TestHubSubscriberFails: one subscriber's error ends the agent; the others still receive all records.
func TestHubSubscriberFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("no space left on device")
		broken, good := &reader{fails: full}, &reader{}
		h := testHub(broken, good)
		give(h, roomForTest-100)
		<-h.failed
		h.end()
		if !errors.Is(h.err(), full) || len(broken.names) != 1 || broken.ended || len(good.names) != roomForTest-100 {
			t.Errorf("%v, %d and %d records", h.err(), len(broken.names), len(good.names))
		}
	})
}

// TestHubRuns: the clock ticks without records, and the hub ends with the workers.
func TestHubRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{}
		h := testHub()
		h.subscriptions = append(h.subscriptions, newSubscription(Subscription{Subscriber: r}, roomForTest, &h.parcels,
			h.fail))
		handovers := make(chan *engine.Handover)
		go h.run(handovers)
		wait.Pass(10500 * time.Millisecond)
		due := len(h.devices.due)
		close(handovers)
		<-h.ended
		if r.seconds != 11 || !r.ended || due != 1 {
			t.Errorf("%d seconds, ended %v, %d readings of neighbours due", r.seconds, r.ended, due)
		}
	})
}

// TestHubDoesNotAllocate: in the long run handing on a record allocates nothing.
func TestHubDoesNotAllocate(t *testing.T) {
	s := &still{taken: make(chan struct{}, 1)}
	h := newHub([]Subscription{{Subscriber: s}}, roomForTest)
	h.start()
	f := &record.Flow{Hostname: []byte("www.example.com"), CommunityID: []byte("1:x"), Info: []byte(`"a":1`)}
	if n := testing.AllocsPerRun(100, func() {
		for range parcelRecords {
			_ = h.emit(f)
		}
		<-s.taken
	}); n > parcelRecords/20 { // the queue itself
		t.Errorf("%v allocations for %d records", n, parcelRecords)
	}
}

// still is a subscriber that keeps nothing, and signals each parcel.
type still struct {
	n     int
	taken chan struct{}
}

func (s *still) Flow(*record.Flow) error {
	if s.n++; s.n%parcelRecords == 0 {
		s.taken <- struct{}{}
	}
	return nil
}

func (*still) Second(*Status) error { return nil }

func (*still) End() error { return nil }
