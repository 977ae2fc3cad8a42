// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/flow"
)

// Live takes frames from sources that go on, one for each worker, and gives out flow records. A worker is its source's
// only reader; what it finds goes to Handovers.
type Live struct {
	workers   []*LiveWorker
	collector collector
	// Interfaces are those that frames come in by, and their names.
	Interfaces Interfaces
	handovers  chan *Handover

	mu     sync.Mutex
	totals []Totals // of each worker, as of its last batch
	hints  Totals   // of the collector, as of the last batch
}

// LiveWorker is a worker and its source.
type LiveWorker struct {
	*worker
	live    *Live
	number  int
	spare   chan *batch
	frames  uint64
	batches uint64
	seen    atomic.Uint64 // frames and batches, as of the last reading
	frame   Frame
	ticked  int64 // when the last tick was
}

// NewLive returns n workers. hints bounds the memory of DNS names, 0 for the default.
func NewLive(c Config, n, hints int) *Live {
	l := &Live{
		collector: collector{classifier: c.Classifier, hints: classify.NewHints(hints)},
		handovers: make(chan *Handover, 2*n), totals: make([]Totals, n),
	}
	l.Interfaces.init(l.collector.interfaceNumber)
	for i := range n {
		w := &LiveWorker{worker: newWorker(c), live: l, number: i, spare: make(chan *batch, 2)}
		l.workers = append(l.workers, w)
	}
	return l
}

// Worker is worker i.
func (l *Live) Worker(i int) *LiveWorker { return l.workers[i] }

// Handovers are what the workers hand on, at least once a second each, until Close. Times of the records are of the
// wall clock at the moment of Emit, and the time between them is right even where it was set meanwhile.
func (l *Live) Handovers() <-chan *Handover { return l.handovers }

// Totals are the counters of all workers, as of their last ticks.
func (l *Live) Totals() (t Totals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.totals {
		t.addAll(&l.totals[i])
	}
	t.addAll(&l.hints)
	return t
}

// Progress goes up while the workers have frames to read, or records to hand on.
func (l *Live) Progress() (n uint64) {
	for _, w := range l.workers {
		n += w.seen.Load()
	}
	return n
}

// Close ends Handovers; after the workers' Run has returned.
func (l *Live) Close() { close(l.handovers) }

// Run reads the source until it is closed, then ends all flows. counter is nil where the kernel doesn't count. The
// caller has locked and pinned the thread.
func (w *LiveWorker) Run(source capture.Source, counter capture.Counter) error {
	if counter != nil {
		w.accounting = newKernelAccounting(w.worker, counter, &w.live.Interfaces)
	}
	w.ticked = capture.Now()
	w.advance(w.ticked) // sets the table's clock, before there are flows
	for {
		until := time.Duration(w.ticked + tick - capture.Now())
		err := source.Read(max(min(until, w.accounting.patience()), 0), w.take)
		w.seen.Store(w.frames + w.batches)
		if errors.Is(err, net.ErrClosed) {
			return w.finishAll()
		}
		if err == nil {
			err = w.pass(capture.Now())
		}
		if err != nil {
			return errors.Join(err, w.finishAll())
		}
	}
}

// take is the way of one captured frame into the engine.
func (w *LiveWorker) take(f *capture.Frame) {
	w.frames++
	w.frame = Frame{
		Data: f.Data, Length: f.Length, Time: f.Time, Number: w.frames, Interface: w.live.Interfaces.Number(f.Interface,
			f.Time), Link: f.Link,
		Segments: f.Segments, isCounted: f.Flow.Slot != capture.NotCounted, ref: f.Flow, depths: allDepths,
	}
	w.worker.frame(&w.frame)
}

// pass does what time makes due.
func (w *LiveWorker) pass(now int64) error {
	due := now-w.ticked >= tick
	if due {
		w.ticked = now
	}
	if err := w.accounting.pass(now, due); err != nil {
		return err
	}
	if due || w.batch.n >= handOverEvery {
		w.handOn()
	}
	return nil
}

func (w *LiveWorker) handOn() {
	w.batches++
	w.seen.Store(w.frames + w.batches)
	w.live.handovers <- &Handover{engine: w.live, batches: []*batch{w.worker.handOver(w.spare)}, worker: w.number,
		totals: w.totals()}
}

// finishAll ends all flows with what the kernel has counted until now: nothing is attached any more.
func (w *LiveWorker) finishAll() error {
	w.giveUpFragments(0, -1)
	w.accounting.close(capture.Now())
	w.table.Each(func(i flow.Index) {
		w.table.End(i, flow.Shutdown)
		w.accounting.flush()
		if w.batch.n >= handOverEvery {
			w.handOn()
		}
	})
	w.accounting.flush()
	w.accounting = ownAccounting{w.worker} // the counters may be unmapped
	w.handOn()
	return nil
}
