// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/engine"
)

// workers runs an engine's workers on their sources.
type workers struct {
	live     *engine.Live
	sources  []capture.Source
	counters []capture.Counter // nil: the workers count
	cpus     []int

	running sync.WaitGroup
	mu      sync.Mutex
	broken  error
	ended   chan struct{} // closed when a worker ends by itself
	once    sync.Once
}

func newWorkers(c captureConfig) *workers {
	return &workers{
		live: engine.NewLive(c.engine, c.options.Workers, 0), cpus: c.options.CPUs,
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
	return w.broken
}

func (w *workers) handovers() <-chan *engine.Handover { return w.live.Handovers() }

func (w *workers) progress() uint64 { return w.live.Progress() }

func (w *workers) setInterfaces(names map[uint32]string) { w.live.Interfaces.Set(names, capture.Now()) }

// stop closes the sources; the workers read them to their ends.
func (w *workers) stop() error {
	var errs error
	for _, s := range w.sources {
		errs = errors.Join(errs, s.Close())
	}
	w.running.Wait()
	w.live.Close()
	return errs
}

// pin locks the calling goroutine to its thread, and the thread to a CPU.
func pin(cpu int) error {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("pin a worker to CPU %d: %w", cpu, err)
	}
	return nil
}
