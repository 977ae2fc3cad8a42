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

// liveRecords bounds the records of a handover. A worker has up to five of them before it waits for the output: of a
// flood that is memory for nothing.
const liveRecords = 1 << 10

// Live takes frames from live sources, one for each worker, and produces flow records. A worker is its source's only
// reader; its results go to Handovers.
type Live struct {
	workers   []*LiveWorker
	collector collector
	// Interfaces maps the frames' interfaces to their names.
	Interfaces Interfaces
	handovers  chan *Handover

	leaving atomic.Bool

	mu     sync.Mutex
	totals []Totals // of each worker, at its last batch
	hints  Totals   // of the collector, at the last batch
}

// LiveWorker is a worker with its source.
type LiveWorker struct {
	*worker
	live    *Live
	number  int
	spare   chan *batch
	frames  uint64
	batches uint64
	seen    atomic.Uint64 // frames and batches, at the last reading
	frame   Frame
	ticked  int64 // the last tick
	traffics
	countsTraffic bool // the kernel does not

	arriving []resumed // flows of another process, until Run
	left     []byte    // nLeft flows for another process, from leave on
	nLeft    uint32
}

// NewLive returns n workers. hints bounds the memory of DNS names, 0 for the default.
func NewLive(c Config, n, hints int) *Live {
	l := &Live{
		collector: collector{classifier: c.Classifier, hints: classify.NewHints(hints), onEvent: c.OnEvent,
			kept: liveRecords},
		handovers: make(chan *Handover, 2*n), totals: make([]Totals, n),
	}
	l.Interfaces.init(l.collector.interfaceNumber)
	for i := range n {
		w := &LiveWorker{worker: newWorker(c), live: l, number: i, spare: make(chan *batch, 2)}
		l.workers = append(l.workers, w)
	}
	return l
}

// Worker returns worker i.
func (l *Live) Worker(i int) *LiveWorker { return l.workers[i] }

// Handovers delivers the workers' results, of each at least once a second, until Close. The records' times are on the
// wall clock at the moment of Emit; differences between them are right even if the clock was set meanwhile.
func (l *Live) Handovers() <-chan *Handover { return l.handovers }

// Totals returns the counters of all workers, at their last ticks.
func (l *Live) Totals() (t Totals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.totals {
		t.addAll(&l.totals[i])
	}
	t.addAll(&l.hints)
	return t
}

// Progress grows while the workers have frames to read, or records to hand on.
func (l *Live) Progress() (n uint64) {
	for _, w := range l.workers {
		n += w.seen.Load()
	}
	return n
}

// Close ends Handovers. Call it after the workers' Run has returned.
func (l *Live) Close() { close(l.handovers) }

// Run reads the source until it is closed, then ends all flows. counter is nil if the kernel does not count. The caller
// has locked and pinned the thread.
func (w *LiveWorker) Run(source capture.Source, counter capture.Counter) error {
	if counter != nil {
		w.accounting = newKernelAccounting(w.worker, counter, &w.live.Interfaces)
	}
	w.countsTraffic = counter == nil
	w.ticked = capture.Now()
	w.advance(w.ticked) // sets the table's clock before the first flow
	w.arrive(w.ticked)
	for {
		until := time.Duration(w.ticked + tick - capture.Now())
		err := source.Read(max(min(until, w.accounting.patience()), 0), w.take)
		w.seen.Store(w.frames + w.batches)
		if w.live.leaving.Load() {
			return w.leave()
		}
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

// take passes one captured frame to the engine.
func (w *LiveWorker) take(f *capture.Frame) {
	w.frames++
	w.frame = Frame{
		Data: f.Data, Length: f.Length, Time: f.Time, Number: w.frames, Interface: w.live.Interfaces.Number(f.Interface,
			f.Time), Link: f.Link,
		Segments: f.Segments, isCounted: f.Flow.Slot != capture.NotCounted, ref: f.Flow, depths: allDepths,
	}
	w.worker.frame(&w.frame)
	if w.countsTraffic && !f.IsOutgoing {
		w.traffics.count(f, &w.packets[0])
	}
}

// pass does periodic work.
func (w *LiveWorker) pass(now int64) error {
	due := now-w.ticked >= tick
	if due {
		w.ticked = now
		w.publish()
	}
	if w.wanted() != w.events.types {
		w.events.change(w.wanted())
	}
	if err := w.accounting.pass(now, due); err != nil {
		return err
	}
	if due || w.batch.n >= liveRecords || len(w.batch.events) >= handOverEvery {
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

// finishAll ends all flows with the kernel's final counts: nothing is attached any more.
func (w *LiveWorker) finishAll() error {
	w.publish()
	w.giveUpFragments(0, -1)
	w.events.close()
	// All flows end faster than an output takes their records.
	bounded := func() {
		if w.batch.n >= liveRecords {
			w.handOn()
		}
	}
	w.accounting.close(capture.Now(), bounded)
	w.table.Each(func(i flow.Index) {
		w.table.End(i, flow.Shutdown)
		w.accounting.flush(bounded)
		bounded() // not all flows are the accounting's
	})
	w.accounting.flush(bounded)
	w.accounting = ownAccounting{w.worker} // the counters may be unmapped
	w.handOn()
	return nil
}
