// SPDX-License-Identifier: Apache-2.0

package confined

// Queue is a queue of the process: how many wait in it, how many waited at most since the last status, and how many may
// wait.
type Queue struct {
	Name                string
	Length, Peak, Limit int
}

// queues measures the queues between the workers and the subscribers. The hub's goroutine calls it, and after the end
// anybody.
func (h *hub) queues() []Queue {
	legs, resync := h.enrichment.chain.Waiting()
	all := []Queue{
		// What a worker has found in up to a second.
		{"handovers", len(h.handovers), max(h.handoverPeak, len(h.handovers)), cap(h.handovers)},
		// Records that wait for the connection's other leg, and for the list of connections after lost events.
		{"nat_legs", legs.Length, legs.Peak, legs.Limit},
		{"resync", resync.Length, resync.Peak, resync.Limit},
	}
	h.handoverPeak = 0
	for _, s := range h.subscriptions {
		if s.Name != "" {
			all = append(all, s.queueState())
		}
	}
	return all
}

// queueState measures the queue of records.
func (s *subscription) queueState() Queue {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := Queue{s.Name, s.records, s.peak, s.limit}
	s.peak = s.records
	return q
}
