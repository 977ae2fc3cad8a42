// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"io"
	"runtime"
	"time"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/agent/confined"
	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/topology"
)

// reporter writes a report each interval.
type reporter struct {
	report  *report.Reporter
	every   time.Duration
	out     *bufio.Writer // keeps its first error
	pieces  *pieceWriter
	changed func(most int) []hosts.Host // devices; nil: not known yet

	status *confined.Status // the last one
	due    time.Duration    // the uptime at which the interval ends
}

// maxReportDevices bounds the devices of a report (report/schema.json).
const maxReportDevices = 256

// newReporter returns a reporter of an agent that keeps at most that many flows.
func newReporter(every time.Duration, maxFlows int, stdout io.Writer) *reporter {
	needOutput(stdout)
	maxFlows = cmp.Or(maxFlows, defaults.MaxFlows)
	pieces := &pieceWriter{out: stdout}
	return &reporter{every: every, due: every, pieces: pieces, out: bufio.NewWriterSize(pieces, 64<<10),
		report: report.New(report.Config{Agent: randomID(), Epoch: randomID(), Version: version,
			// The silent ones among an agent's live flows outlast those whose last record was dropped.
			MaxFlows: maxFlows + maxFlows/4})}
}

// subscribe requests a record of each live flow once an interval, and the other parts of a report.
func (r *reporter) subscribe(o *agent.Options, output *confined.Output) {
	o.UpdateEvery = r.every
	output.Subscriptions = []confined.Subscription{{Subscriber: r, Dropped: metric.RecordsUnreported,
		Progress: r.pieces.taken.Load}}
	output.Devices = func(changed func(most int) []hosts.Host) { r.changed = changed }
	output.Measure, output.Counters = true, []metric.Source{r.report}
}

func randomID() (id report.ID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// Flow takes a record. A report that is full ends its interval early.
func (r *reporter) Flow(f *record.Flow) error {
	if r.report.IsFull() && r.status != nil {
		now := *r.status
		passed := time.Since(now.At)
		now.At, now.Monotonic, now.Elapsed = now.At.Add(passed), now.Monotonic+int64(passed), now.Elapsed+passed
		if err := r.write(&now, false); err != nil {
			return err
		}
	}
	r.report.Flow(f)
	return nil
}

// halfSecond lets an interval end with the second that is nearest.
const halfSecond = time.Second / 2

// Second ends an interval when it is over.
func (r *reporter) Second(s *confined.Status) error {
	if r.status == nil {
		began := s.At.Add(-s.Elapsed)
		r.report.Begin(report.Instant{Wall: began.UnixNano(), Monotonic: s.Monotonic - int64(s.Elapsed)}, s.BootID)
	}
	r.status = s
	r.report.Watch(linkCounts(s, func(l *confined.LinkCounts) *topology.Statistics { return &l.Began }))
	if s.Elapsed < r.due-halfSecond {
		return nil
	}
	r.due = max(r.due, s.Elapsed-halfSecond) + r.every
	return r.write(s, false)
}

// End writes the last report.
func (r *reporter) End() error {
	if r.status == nil { // it never began
		return nil
	}
	return r.write(r.status, true)
}

// write ends the interval.
func (r *reporter) write(s *confined.Status, isLast bool) error {
	state := report.State{At: report.Instant{Wall: s.At.UnixNano(), Monotonic: s.Monotonic}, Mode: s.Mode,
		Uptime: s.Elapsed, Goroutines: runtime.NumGoroutine(), Counters: s.Counters, IsLast: isLast,
		Interfaces: linkCounts(s, func(l *confined.LinkCounts) *topology.Statistics { return &l.Now })}
	for _, p := range s.Processes {
		state.Processes = append(state.Processes, report.Process(p))
	}
	if r.changed != nil {
		devices := r.changed(maxReportDevices)
		for i := range devices {
			state.Devices = append(state.Devices, &devices[i])
		}
	}
	if _, err := r.out.Write(r.report.Close(&state)); err != nil {
		return outputError(err)
	}
	return outputError(r.out.Flush())
}

// linkCounts are the watched links with some of their counters.
func linkCounts(s *confined.Status, of func(*confined.LinkCounts) *topology.Statistics) []report.Interface {
	all := make([]report.Interface, len(s.Links))
	for i := range s.Links {
		l := &s.Links[i]
		c := of(l)
		all[i] = report.Interface{Index: l.Index, Name: l.Name, Role: l.Role,
			Received: report.Link{Packets: c.RxPackets, Bytes: c.RxBytes, Dropped: c.RxDropped, Errors: c.RxErrors,
				Missed: c.RxMissed},
			Sent: report.Link{Packets: c.TxPackets, Bytes: c.TxBytes, Dropped: c.TxDropped, Errors: c.TxErrors}}
	}
	return all
}
