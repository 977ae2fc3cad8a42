// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"sync"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/metric"
)

// exports is what the process export tells of itself. Its counts begin at 0 each time it starts; those here never fall.
type exports struct {
	mu      sync.Mutex // guards what follows
	last    *control.Exported
	earlier metric.Snapshot // of the processes before the last one
}

// take takes what a process tells.
func (x *exports) take(told *control.Exported) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.last != nil && x.last.ID != told.ID {
		count(&x.earlier, x.last)
	}
	x.last = told
}

// state returns what the process told last; nil: nothing.
func (x *exports) state() *control.Exported {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.last
}

// Collect implements metric.Source.
func (x *exports) Collect(s *metric.Snapshot) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for id, n := range x.earlier {
		s.Add(metric.ID(id), n)
	}
	if x.last != nil {
		count(s, x.last)
	}
}

func count(s *metric.Snapshot, told *control.Exported) {
	for i := range told.Outputs {
		o := &told.Outputs[i]
		if written, dropped, failed, ok := metric.Exported(o.Kind); ok {
			s.Add(written, o.Written)
			s.Add(dropped, o.Dropped)
			s.Add(failed, o.Failed)
		}
	}
	s.Add(metric.ExportMissed, told.Dropped)
	s.Add(metric.ExportUnread, told.Unread)
}
