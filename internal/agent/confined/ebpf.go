// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/capture/kernel"
)

// ebpfCapture is the confined half of mode ebpf.
type ebpfCapture struct {
	*workers
	view *kernel.View
}

func newEBPF(c captureConfig) (capturer, error) {
	view, err := kernel.NewView(c.setup.Geometry, c.descriptors)
	if err != nil {
		return nil, err
	}
	e := &ebpfCapture{newWorkers(c), view}
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

func (*ebpfCapture) watching(uint32, *agent.Watched, []int) error { return nil }

func (*ebpfCapture) gone(uint32) {}

func (e *ebpfCapture) status(s *Status) {
	s.Totals = e.live.Totals()
	s.Sampled = e.view.Sampled()
	s.KernelCounts = true
	e.view.Losses(&s.Losses)
}
