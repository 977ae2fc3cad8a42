// SPDX-License-Identifier: Apache-2.0

// Package report makes and reads reports: an agent's findings of one interval, as one line of JSON. The properties of a
// flow travel once; later reports have its changes and the counts since the last one. A JSON Schema describes a report.
//
// A Reporter makes the reports of one agent, and remembers the flows in them. A Reader reads them.
package report

import (
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// SchemaVersion is the "schema" of every report; it grows when a field changes its meaning or disappears.
const SchemaVersion = 1

// ID is a random identifier.
type ID [16]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Instant is a moment by two clocks, in nanoseconds: since the Unix epoch by the clock that people set, and by the
// kernel's monotonic one (CLOCK_MONOTONIC).
type Instant struct{ Wall, Monotonic int64 }

// Config configures a Reporter.
type Config struct {
	Agent   ID
	Version string // of the agent
	// Epoch changes when the sequence begins anew: a report's epoch and sequence are those of no other report.
	Epoch ID
	// MaxFlows bounds the flows that the Reporter remembers. It reports a flow that it has forgotten whole again.
	MaxFlows int
}

// State is the agent's state at the end of an interval. Its counts are those since the agent's start, or the link's.
type State struct {
	At         Instant
	Mode       string
	Uptime     time.Duration
	Goroutines int
	Processes  []Process
	Counters   metric.Snapshot
	Interfaces []Interface
	Queues     []Queue
	// Clock is nil if it is unknown.
	Clock *Clock
	// Uplink is nil if the reports go to no sink.
	Uplink *Uplink
	// Devices are those that changed in the interval.
	Devices []Appender
	// IsLast: no report follows.
	IsLast bool
}

// Process is one of the agent's processes. Zero values are unknown.
type Process struct {
	Name                   string
	UserTime, SystemTime   time.Duration // of all CPUs, since the process began
	Resident, PeakResident uint64        // memory in bytes
}

// Uplink is what became of the reports before this one on their way to the sink.
type Uplink struct {
	Queued     uint64 // reports that the sink has not confirmed
	SpoolBytes uint64
	Refused    uint64 // reports that the sink will never take, so far
	// Lost are ranges of reports that nobody has, and that no earlier report tells of.
	Lost []Lost
}

// Lost is a range of reports of an epoch, first and last included, of which Count are lost.
type Lost struct {
	Epoch              ID
	First, Last, Count uint64
}

// Interface is a watched interface with the networks of its addresses, and the kernel's counters since it was made.
type Interface struct {
	Index          uint32
	Name           string
	Role           string // lan, wan or ""
	Networks       []netip.Prefix
	Received, Sent Link
}

// Link holds the counters of one direction of an interface. All but Traffic are the kernel's: the capture sees no frame
// that they call dropped, missed or broken on reception.
type Link struct {
	Packets, Bytes, Dropped, Errors, Missed uint64
	// Traffic is what weir itself has counted, nil if it can't; only its Largest is of the interval.
	Traffic *packet.Traffic
}

// Appender is a part of a report that writes itself.
type Appender interface{ AppendJSON([]byte) []byte }

// Limits of a report, which IsFull keeps: a report has at most so many flows, and so many bytes of them.
const (
	// MaxFlows bounds a report's flows: at 15 s, 2,000 short flows each second.
	MaxFlows = 1 << 15
	// MaxFlowBytes leaves half of the 32 MiB that a sink takes (MaxLine) for the rest.
	MaxFlowBytes = 16 << 20
)

// Reporter collects the records of an interval. It is not safe for use by several goroutines, except Collect.
type Reporter struct {
	config   Config
	memory   memory
	summer   record.Summer
	totals   totals
	flows    []byte    // JSON of this interval's flows
	segments []segment // of flows, in the order in which the flows were first heard
	out      []byte

	sequence   uint64
	bootID     string
	begin      Instant
	counters   metric.Snapshot
	clock      Clock
	processes  map[string]Process
	interfaces map[uint32]Interface
}

// segment is a flow's latest JSON of this interval. What a later record of the flow has replaced remains in the buffer,
// in no segment.
type segment struct {
	slot       int32 // of the memory
	start, end int
}

// New returns a Reporter.
func New(c Config) *Reporter {
	return &Reporter{config: c, memory: newMemory(max(c.MaxFlows, 1)), totals: newTotals(),
		processes: map[string]Process{}, interfaces: map[uint32]Interface{}}
}

// Begin says when the first interval began, and the kernel's boot_id, "" if unknown.
func (r *Reporter) Begin(at Instant, bootID string) { r.begin, r.bootID = at, bootID }

// Identify says who reports, and the sequence of the next report. A Config without an epoch needs it before Close.
func (r *Reporter) Identify(agent, epoch ID, next uint64) {
	r.config.Agent, r.config.Epoch, r.sequence = agent, epoch, next-1
}

// Forget makes the whole record of each flow travel again, in the next report that tells of the flow and whose interval
// has not had a record of it yet.
func (r *Reporter) Forget() { r.memory.forgetReports() }

// Resume takes a flow that an earlier Reporter has reported, with its counts then: they do not count again in totals.
// The flow's whole record travels once more.
func (r *Reporter) Resume(id [32]byte, latest record.Counts) {
	slot := r.memory.slot(keyOf(&record.Flow{ID: id}))
	r.memory.flows[slot].latest = latest
}

// IsFull reports whether the interval has to be closed before the next record, lest the report become too large.
func (r *Reporter) IsFull() bool {
	return len(r.segments) >= min(MaxFlows, r.memory.most) || len(r.flows) >= MaxFlowBytes
}

// Flow takes a record.
func (r *Reporter) Flow(f *record.Flow) {
	slot := r.memory.slot(keyOf(f))
	m := &r.memory.flows[slot]
	var sums record.Sums
	r.summer.Sum(f, &sums)
	counts := f.Counts()
	isNew := m.segment < 0
	if isNew {
		m.segment = int32(len(r.segments))
		r.segments = append(r.segments, segment{slot: slot})
	}
	r.totals.add(f, counts, m.latest, isNew)
	m.changed |= sums.Changed(&m.sums)
	m.isWhole = m.isWhole || !f.IsDelta(m.changed) || !counts.Reaches(m.reported)
	m.latest, m.sums, m.hasEnded = counts, sums, f.State == record.StateEnd
	start := len(r.flows)
	if m.isWhole {
		r.flows = f.AppendBrief(r.flows)
	} else {
		r.flows = f.AppendDelta(r.flows, m.changed, counts.Sub(m.reported))
	}
	s := &r.segments[m.segment]
	s.start, s.end = start, len(r.flows)
}

// Watch notes interfaces that are new: their reports begin with the counts that they have now.
func (r *Reporter) Watch(all []Interface) {
	for _, now := range all {
		if _, ok := r.interfaces[now.Index]; !ok {
			r.interfaces[now.Index] = now
		}
	}
}

// maxInterfaces bounds the interfaces that a Reporter remembers after they are gone: they may come back with all that
// they have counted before.
const maxInterfaces = 4096

// Close ends the interval, and returns its report as one line, with its end. The line is valid until the next call.
func (r *Reporter) Close(s *State) []byte {
	r.sequence++
	r.append(s)
	for _, segment := range r.segments {
		r.memory.reported(segment.slot)
	}
	r.flows, r.segments = reuse(r.flows), r.segments[:0]
	r.begin = s.At
	return r.out
}

// keepBytes of a buffer are kept between reports.
const keepBytes = 1 << 20

// reuse empties a buffer. It gives a large one back after an interval that needed little of it.
func reuse(b []byte) []byte {
	if cap(b) > keepBytes && len(b) < cap(b)/4 {
		return nil
	}
	return b[:0]
}

// Collect adds the flows that the Reporter has forgotten. Any goroutine may call it.
func (r *Reporter) Collect(s *metric.Snapshot) {
	s.Add(metric.ReportedFlowsForgotten, r.memory.forgotten.Load())
}
