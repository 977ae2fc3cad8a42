// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"slices"
	"sync/atomic"

	"github.com/weirnet/weir/internal/agent/confined"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/report"
)

// measureQueues notes the lengths of the queues, and what waited at most since the last report.
func (r *reporter) measureQueues(s *confined.Status) {
	for _, q := range s.Queues {
		i := slices.IndexFunc(r.queues, func(known report.Queue) bool { return known.Name == q.Name })
		if i < 0 {
			i = len(r.queues)
			r.queues = append(r.queues, report.Queue{})
		}
		r.queues[i] = report.Queue{Name: q.Name, Length: q.Length, Peak: max(q.Peak, r.queues[i].Peak), Limit: q.Limit}
	}
}

// takeQueues returns the queues for a report, after which their peaks begin anew.
func (r *reporter) takeQueues() []report.Queue {
	all := slices.Clone(r.queues)
	for i := range r.queues {
		r.queues[i].Peak = 0
	}
	if sender := r.sender.Load(); sender != nil {
		length, peak, limit := sender.Queue()
		all = append(all, report.Queue{Name: "unstored_reports", Length: length, Peak: peak, Limit: limit})
	}
	if r.queue != nil {
		all = append(all, r.queue.size())
	}
	return all
}

// clockOf is the clock's state in a report.
func clockOf(c *confined.Clock) *report.Clock {
	return &report.Clock{IsKnown: c.IsKnown, IsSynchronised: c.IsSynchronised, EstimatedError: c.EstimatedError,
		MaximumError: c.MaximumError, Steps: c.Steps, Stepped: c.Stepped, Suspended: c.Suspended}
}

// reportQueue writes reports to standard output beside an uplink, which must not wait for a reader: a goroutine writes,
// and a report that has no room in the queue is left out.
type reportQueue struct {
	lines   chan []byte
	ended   chan struct{}
	failure atomic.Pointer[error]
	dropped atomic.Uint64
	peak    int // how many waited at most since the last size; of the writer
}

// queuedReports bounds the reports that wait for the reader of standard output.
const queuedReports = 8

func newReportQueue(out io.Writer) *reportQueue {
	q := &reportQueue{lines: make(chan []byte, queuedReports), ended: make(chan struct{})}
	go func() {
		defer close(q.ended)
		for line := range q.lines {
			if q.failure.Load() != nil {
				continue
			}
			if _, err := out.Write(line); err != nil {
				q.failure.Store(&err)
			}
		}
	}()
	return q
}

func (q *reportQueue) Write(line []byte) (int, error) {
	if err := q.failure.Load(); err != nil {
		return 0, *err
	}
	select {
	case q.lines <- bytes.Clone(line):
		q.peak = max(q.peak, len(q.lines))
	default:
		q.dropped.Add(1)
	}
	return len(line), nil
}

// size measures the queue.
func (q *reportQueue) size() report.Queue {
	n := len(q.lines)
	peak := max(q.peak, n)
	q.peak = n
	return report.Queue{Name: "output_reports", Length: n, Peak: peak, Limit: queuedReports}
}

// end waits until all is written.
func (q *reportQueue) end() error {
	close(q.lines)
	<-q.ended
	if err := q.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Collect adds the reports that were left out.
func (q *reportQueue) Collect(s *metric.Snapshot) { s.Add(metric.ReportsUnwritten, q.dropped.Load()) }
