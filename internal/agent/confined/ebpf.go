// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/capture/kernel"
	"github.com/weirnet/weir/internal/record"
)

// ebpfCapture is the confined half of mode ebpf.
type ebpfCapture struct {
	*workers
	view  *kernel.View
	links *kernelTraffic
}

func newEBPF(c captureConfig) (capturer, error) {
	view, err := kernel.NewView(c.setup.Geometry, c.descriptors)
	if err != nil {
		return nil, err
	}
	e := &ebpfCapture{newWorkers(c), view, newKernelTraffic(view)}
	for i := range c.setup.Geometry.Workers {
		source, err := view.Source(i)
		if err != nil {
			return nil, err
		}
		e.sources = append(e.sources, source)
		e.counters = append(e.counters, view.Counter(i, c.helper))
	}
	return e, nil
}

func (e *ebpfCapture) watching(index uint32, w *agent.Watched, _ []int) error {
	e.links.watching(index, w)
	return nil
}

func (e *ebpfCapture) gone(index uint32) { e.links.gone(index) }

func (e *ebpfCapture) traffic(index uint32) Traffic { return e.links.of(index) }

func (e *ebpfCapture) status(s *Status) {
	s.Totals = e.live.Totals()
	s.Sampled = e.view.Sampled()
	s.KernelCounts = true
	e.view.Losses(&s.Losses)
}

// leave makes the workers leave the flows to another weir.
func (e *ebpfCapture) leave() { e.live.Leave() }

// left returns what that one has to know, after stop.
func (e *ebpfCapture) left() []byte { return e.live.AppendState(nil, e.view.Freeze()) }

// arrive takes over the flows of an earlier weir, before start.
func (e *ebpfCapture) arrive(state []byte, each func(id [32]byte, latest record.Counts)) error {
	losses, err := e.live.Resume(state, each)
	e.view.Skip(losses)
	return err
}
