// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"sync"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/capture/kernel"
	"github.com/weirnet/weir/internal/engine"
)

// workers run an engine's workers over their sources.
type workers struct {
	live     *engine.Live
	sources  []capture.Source
	counters []capture.Counter // nil: the workers count
	cpus     []int

	running sync.WaitGroup
	mu      sync.Mutex
	broken  error
	ended   chan struct{} // closed when a worker ended by itself
	once    sync.Once
}

func newWorkers(a *agent, config engine.Config) *workers {
	return &workers{
		live: engine.NewLive(config, a.options.Workers, 0, a.output.Flow), cpus: a.options.CPUs,
		ended: make(chan struct{}),
	}
}

func (w *workers) start() error {
	for i := range w.sources {
		w.running.Go(func() {
			err := pin(w.cpus[i%len(w.cpus)])
			if err == nil {
				var counter capture.Counter
				if w.counters != nil {
					counter = w.counters[i]
				}
				err = w.live.Worker(i).Run(w.sources[i], counter)
			}
			if err != nil {
				w.mu.Lock()
				w.broken = errors.Join(w.broken, err)
				w.mu.Unlock()
				w.once.Do(func() { close(w.ended) })
			}
		})
	}
	return nil
}

func (w *workers) failed() <-chan struct{} { return w.ended }

func (w *workers) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.broken, w.live.Err())
}

func (w *workers) progress() uint64 { return w.live.Progress() }

func (w *workers) setInterfaces(names map[uint32]string) { w.live.Interfaces.Set(names, capture.Now()) }

// stop closes the sources, which the workers read to their ends.
func (w *workers) stop() error {
	var errs error
	for _, s := range w.sources {
		errs = errors.Join(errs, s.Close())
	}
	w.running.Wait()
	return errors.Join(errs, w.live.Close())
}

// ebpf is the agent's half of mode ebpf.
type ebpf struct {
	*workers
	view *kernel.View
}

func newEBPF(a *agent, config engine.Config, s *setup, descriptors []int) (capturer, error) {
	view, err := kernel.NewView(s.Geometry, descriptors)
	if err != nil {
		return nil, err
	}
	e := &ebpf{newWorkers(a, config), view}
	for i := range s.Geometry.Workers {
		source, err := view.Source(i)
		if err != nil {
			return nil, err
		}
		e.sources = append(e.sources, source)
		e.counters = append(e.counters, view.Counter(i, a.client))
	}
	return e, nil
}

func (*ebpf) watching(uint32, *watched, []int) error { return nil }

func (*ebpf) gone(uint32) {}

func (e *ebpf) status(s *Status) {
	s.Totals = e.live.Totals()
	s.Sampled = e.view.Sampled()
	s.KernelCounts = true
	e.view.Losses(&s.Losses)
}
