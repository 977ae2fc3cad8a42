// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"sync"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/packet"
)

// traffics are what a worker has received by each interface, where the kernel does not count that.
type traffics struct {
	links   map[uint32]*packet.Traffic // by ifindex; the worker's own
	latest  *packet.Traffic            // of links, at the latest frame
	index   uint32
	isDirty bool // since publish

	mu     sync.Mutex
	public map[uint32]packet.Traffic
}

// maxTraffics bounds the interfaces that a worker remembers; with more they all begin anew.
const maxTraffics = 4096

// count counts a frame that came in.
func (t *traffics) count(f *capture.Frame, p *packet.Packet) {
	if t.latest == nil || f.Interface != t.index {
		if t.latest = t.links[f.Interface]; t.latest == nil {
			t.latest = t.add(f.Interface)
		}
		t.index = f.Interface
	}
	t.latest.Count(p, f.Length)
	t.isDirty = true
}

func (t *traffics) add(index uint32) *packet.Traffic {
	if t.links == nil || len(t.links) >= maxTraffics {
		t.links = map[uint32]*packet.Traffic{}
		t.mu.Lock()
		t.public = map[uint32]packet.Traffic{}
		t.mu.Unlock()
	}
	t.links[index] = &packet.Traffic{}
	return t.links[index]
}

// publish shows the present counts to other goroutines.
func (t *traffics) publish() {
	if !t.isDirty {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for index, own := range t.links {
		now := *own
		now.Largest = max(now.Largest, t.public[index].Largest)
		t.public[index] = now
		own.Largest = 0
	}
	t.isDirty = false
}

// Received adds to t what the workers, at their last ticks, have received by an interface; its largest frame is that
// since the last call. The workers count only if nothing in the kernel does.
func (l *Live) Received(index uint32, t *packet.Traffic) {
	for _, w := range l.workers {
		w.traffics.mu.Lock()
		if one, ok := w.traffics.public[index]; ok {
			t.Add(&one)
			one.Largest = 0
			w.traffics.public[index] = one
		}
		w.traffics.mu.Unlock()
	}
}
