// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/agent/confined"
	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/privacy"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/ship"
)

// reporter makes a report each interval, for standard output, for the uplink, or for both.
type reporter struct {
	report  *report.Reporter
	every   time.Duration
	out     io.Writer    // nil: no standard output
	queue   *reportQueue // out, beside an uplink
	pieces  *pieceWriter
	changed func(most int) []hosts.Host // devices; nil: not known yet
	omit    privacy.Config
	privacy *privacy.Filter
	macs    privacy.MACs

	hasUplink bool
	sender    atomic.Pointer[ship.Sender] // nil before the confined process has its socket
	waited    atomic.Uint64               // checks while the end waits for ship

	status  *confined.Status // the last one
	ended   int64            // the last interval, by the monotonic clock
	largest largestFrames    // of the interval
	queues  []report.Queue   // with the peaks since the last report
	due     time.Duration    // the uptime at which the interval ends
}

// maxReportDevices bounds the devices of a report (report/schema.json).
const maxReportDevices = 256

// newReporter returns a reporter of an agent that keeps at most that many flows. Without stdout only the uplink gets
// the reports.
func newReporter(every time.Duration, maxFlows int, stdout io.Writer, hasUplink bool) *reporter {
	maxFlows = cmp.Or(maxFlows, defaults.MaxFlows)
	c := report.Config{Version: version,
		// The silent ones among an agent's live flows outlast those whose last record was dropped.
		MaxFlows: maxFlows + maxFlows/4}
	if !hasUplink {
		c.Agent, c.Epoch = randomID(), randomID()
	}
	r := &reporter{every: every, due: every, hasUplink: hasUplink, pieces: &pieceWriter{out: stdout},
		report: report.New(c), largest: largestFrames{}}
	switch {
	case stdout == nil:
	case hasUplink:
		needOutput(stdout)
		r.queue = newReportQueue(r.pieces)
		r.out = r.queue
	default:
		needOutput(stdout)
		r.out = r.pieces
	}
	return r
}

// subscribe requests a record of each live flow once an interval, and the other parts of a report.
func (r *reporter) subscribe(o *agent.Options, output *confined.Output) {
	if o.UpdateEvery == 0 || r.every < o.UpdateEvery || !r.hasUplink {
		o.UpdateEvery = r.every
	}
	output.Subscriptions = append(output.Subscriptions, confined.Subscription{Subscriber: r, Name: "report",
		Dropped: metric.RecordsUnreported, Progress: r.progress})
	output.Devices = func(changed func(most int) []hosts.Host) { r.changed = changed }
	output.MACs = r.setMACs
	output.Resumed = append(output.Resumed, r.report.Resume)
	output.Measure, output.Counters = true, append(output.Counters, r)
	if r.hasUplink {
		output.Uplink, output.UplinkState, output.PseudonymKey = r.shipTo, r.uplinkState, r.setPseudonymKey
	}
}

// progress grows while a reader takes reports, and while the end waits for the uplink.
func (r *reporter) progress() uint64 { return r.pieces.taken.Load() + r.waited.Load() }

// Collect adds what the reporter and the ways of the reports have lost.
func (r *reporter) Collect(s *metric.Snapshot) {
	r.report.Collect(s)
	if sender := r.sender.Load(); sender != nil {
		sender.Collect(s)
	}
	if r.queue != nil {
		r.queue.Collect(s)
	}
}

func randomID() (id report.ID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// Flow takes a record. A report that is full ends its interval early.
func (r *reporter) Flow(f *record.Flow) error {
	if f = r.privacy.Flow(f); f == nil {
		return nil
	}
	if r.report.IsFull() && r.status != nil {
		now := *r.status
		passed := time.Since(now.At)
		now.At, now.Monotonic, now.Elapsed = now.At.Add(passed), now.Monotonic+int64(passed), now.Elapsed+passed
		if _, err := r.write(&now, false); err != nil {
			return err
		}
	}
	r.report.Flow(f)
	return nil
}

// instant is the length of a last interval that begins when weir ends.
const instant = time.Millisecond

// halfSecond lets an interval end with the second that is nearest.
const halfSecond = time.Second / 2

// Second ends an interval when it is over.
func (r *reporter) Second(s *confined.Status) error {
	if r.status == nil {
		began := s.At.Add(-s.Elapsed)
		r.report.Begin(report.Instant{Wall: began.UnixNano(), Monotonic: s.Monotonic - int64(s.Elapsed)}, s.BootID)
	}
	r.status = s
	r.measureQueues(s)
	r.largest.add(s)
	r.report.Watch(interfacesBegan(s))
	if sender := r.sender.Load(); sender != nil {
		sender.Pump()
	}
	if s.Elapsed < r.due-halfSecond {
		return nil
	}
	isClosed, err := r.write(s, false)
	if isClosed {
		r.due = max(r.due, s.Elapsed-halfSecond) + r.every
	}
	return err
}

// End writes the last report, and waits for what takes it.
func (r *reporter) End() error {
	var err error
	if r.status != nil { // else it never began
		if r.hasUplink {
			r.sender.Load().AwaitIdentity(uplinkEnd, r.wait)
		}
		last := *r.status
		// An interval without a length has no place in time, and a sink would count it in the one before.
		if since := time.Duration(r.ended-last.Monotonic) + instant; since > 0 {
			last.At, last.Monotonic, last.Elapsed = last.At.Add(since), last.Monotonic+int64(since), last.Elapsed+since
		}
		_, err = r.write(&last, true)
	}
	if r.queue != nil {
		err = errors.Join(err, outputError(r.queue.end()))
	}
	if sender := r.sender.Load(); sender != nil {
		sender.Drain(uplinkEnd, r.wait) // what is left is in the socket, for the next ship
	}
	return err
}

func (r *reporter) wait() { r.waited.Add(1) }

// write ends the interval, unless nobody can give the report its number yet: then it reports false.
func (r *reporter) write(s *confined.Status, isLast bool) (isClosed bool, err error) {
	state := report.State{At: report.Instant{Wall: s.At.UnixNano(), Monotonic: s.Monotonic}, Mode: s.Mode,
		Uptime: s.Elapsed, Goroutines: runtime.NumGoroutine(), Counters: s.Counters, IsLast: isLast,
		Interfaces: r.interfaces(s)}
	for _, p := range s.Processes {
		state.Processes = append(state.Processes, report.Process(p))
	}
	state.Clock = clockOf(&s.Clock)
	if r.hasUplink {
		if u := r.sender.Load().Health().Usage; u.PeakResident > 0 {
			state.Processes = append(state.Processes, report.Process{Name: "ship", UserTime: u.UserTime,
				SystemTime: u.SystemTime, Resident: u.Resident, PeakResident: u.PeakResident})
		}
	}
	var of ship.Identity
	var health ship.Health
	isKnown := true
	if r.hasUplink {
		of, health, isKnown = r.identify(&state)
	}
	if !isKnown && !isLast && !r.report.IsFull() {
		return false, nil
	}
	if r.changed != nil && isKnown {
		devices := r.changed(maxReportDevices)
		for i := range devices {
			if d := r.privacy.Device(&devices[i]); d != nil {
				state.Devices = append(state.Devices, d)
			}
		}
	}
	state.Queues = r.takeQueues()
	line := r.report.Close(&state)
	r.ended = s.Monotonic
	clear(r.largest)
	switch {
	case !isKnown: // the memory of the flows is worth more than a report without a number
		r.sender.Load().Lose()
	case r.hasUplink:
		r.sender.Load().Send(of, &health, line)
	}
	if r.hasUplink {
		r.sent()
	}
	if r.out == nil || !isKnown {
		return true, nil
	}
	_, err = r.out.Write(line)
	return true, outputError(err)
}
