// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/record"
)

// Handover carries the workers' results of a period to the one goroutine that takes the records.
type Handover struct {
	engine  emitter
	batches []*batch
	worker  int    // of Live: the batch's worker
	totals  Totals // of that worker
}

// emitter is the engine of a Handover.
type emitter interface {
	emit(h *Handover, each func(*record.Flow) error) error
}

// Emit completes the records with the DNS names learnt so far, and passes them to each, valid during the call, until
// that fails. Call it once per handover, in their order, on one goroutine.
func (h *Handover) Emit(each func(*record.Flow) error) error { return h.engine.emit(h, each) }

// newHandover takes over the batches of all workers.
func (p *Pipeline) newHandover(batches []*batch) *Handover {
	return &Handover{engine: p, batches: slices.Clone(batches)}
}

func (p *Pipeline) emit(h *Handover, each func(*record.Flow) error) error {
	err := p.collector.take(h.batches, 0, each)
	p.giveBack(h.batches)
	return err
}

func (l *Live) emit(h *Handover, each func(*record.Flow) error) error {
	step := capture.Step() // how far the wall clock was set
	err := l.collector.take(h.batches, step, func(f *record.Flow) error {
		f.FirstSeen += step
		f.LastSeen += step
		f.Step = step
		return each(f)
	})
	l.mu.Lock()
	l.totals[h.worker] = h.totals
	l.hints.Hints, l.hints.Names = l.collector.hints.Evicted, l.collector.hints.NamesEvicted
	l.mu.Unlock()
	select {
	case l.workers[h.worker].spare <- h.batches[0]:
	default:
	}
	return err
}
