// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"errors"
	"fmt"
	"time"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/capture/afpacket"
	"github.com/weirnet/weir/internal/capture/kernel"
	"github.com/weirnet/weir/internal/packet"
)

// afpacketCapture is the confined half of mode afpacket.
type afpacketCapture struct {
	*workers
	geometry afpacket.Geometry
	view     *kernel.View   // of the shunt's counters, nil where the workers count
	links    *kernelTraffic // nil without view
}

func newAFPacket(c captureConfig) (capturer, error) {
	p := &afpacketCapture{workers: newWorkers(c), geometry: c.setup.Ring}
	if c.setup.Geometry.Workers > 0 {
		var err error
		if p.view, err = kernel.NewView(c.setup.Geometry, c.descriptors); err != nil {
			return nil, err
		}
		p.links = newKernelTraffic(p.view)
	}
	for i := range c.options.Workers {
		source, err := afpacket.NewSource(p.view != nil)
		if err != nil {
			return nil, err
		}
		p.sources = append(p.sources, source)
		if p.view != nil {
			p.counters = append(p.counters, p.view.Counter(i, c.helper))
		}
	}
	return p, nil
}

// watching gives each worker its ring of the interface.
func (p *afpacketCapture) watching(index uint32, w *agent.Watched, descriptors []int) error {
	if p.links != nil {
		p.links.watching(index, w)
	}
	if len(descriptors) != len(p.sources) {
		return fmt.Errorf("%d sockets for %d workers", len(descriptors), len(p.sources))
	}
	for i, fd := range descriptors {
		r, err := afpacket.NewRing(fd, index, p.geometry)
		if err == nil {
			err = p.sources[i].(*afpacket.Source).Add(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// goneTime bounds the wait for a worker to release an interface, unless the worker itself waits for the records'
// reader.
const goneTime = time.Second

func (p *afpacketCapture) gone(index uint32) {
	if p.links != nil {
		defer p.links.gone(index)
	}
	var all []<-chan struct{}
	for _, s := range p.sources {
		if done, err := s.(*afpacket.Source).Remove(index); err == nil { // a closed source has no rings left
			all = append(all, done)
		}
	}
	limit := time.NewTimer(goneTime)
	defer limit.Stop()
	for _, done := range all {
		select {
		case <-done:
		case <-limit.C:
			return
		}
	}
}

// stop lets the workers read the rings to their ends; the kernel hands over a partly filled block after its timeout.
func (p *afpacketCapture) stop() error {
	time.Sleep(2 * afpacket.DefaultRetire * time.Millisecond) // the kernel's timer retires the block, without an event
	var errs error
	for _, s := range p.sources {
		errs = errors.Join(errs, s.(*afpacket.Source).Drain())
	}
	p.running.Wait()
	return errors.Join(errs, p.workers.stop())
}

func (p *afpacketCapture) traffic(index uint32) Traffic {
	if p.links != nil {
		return p.links.of(index)
	}
	// The filter drops most of what goes out: packets that came in by another interface.
	var received packet.Traffic
	p.live.Received(index, &received)
	return Traffic{Received: &received}
}

func (p *afpacketCapture) status(s *Status) {
	s.Totals = p.live.Totals()
	s.Sampled = s.Totals.Frames
	for _, source := range p.sources {
		source.Losses(&s.Losses)
	}
	if p.view != nil {
		s.KernelCounts = true
		p.view.Losses(&s.Losses)
		s.Losses.MapFull = 0                            // not handed over: Uncounted has them
		s.Sampled -= min(s.Sampled, s.Losses.Uncounted) // inspected, but not among the packets seen
	}
}
