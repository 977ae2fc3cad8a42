// SPDX-License-Identifier: Apache-2.0

// Package status counts what a sink does. Each part of the sink adds to the Counters; a Snapshot shows them.
package status

import (
	"sync/atomic"
	"time"
)

// Cause is why a request or a report was refused.
type Cause uint8

// The causes.
const (
	CauseMethod    Cause = iota // method, media type or encoding
	CauseUnknown                // the agent has not enrolled, or was revoked
	CauseSignature              // none, or a wrong one
	CauseClock                  // the request's time is too far off
	CauseRate                   // too many requests of one agent
	CauseBusy                   // no memory or decoder was free
	CauseSize                   // over a limit in bytes, frames or reports
	CauseMalformed              // neither compressed data nor reports
	CauseRead                   // the body did not come in time, or broke off
	CauseQueue                  // the queue or the disk was full, or failed
	CauseCode                   // an enrolment code that is wrong, used or expired
	CauseReport                 // a report: not as the schema has it, or over a limit
	CauseForeign                // a report of another agent
	CauseStore                  // a report that the store can never take
	numCauses
)

var causes = [numCauses]string{"method", "unknown-agent", "signature", "clock", "rate", "busy", "size", "malformed",
	"read", "queue", "code", "report", "foreign-agent", "store"}

func (c Cause) String() string { return causes[c] }

// Counters count since the sink's start. The zero value is ready; its methods may be called concurrently.
type Counters struct {
	Requests   atomic.Uint64 // with reports, of which the signature was right
	Received   atomic.Uint64 // reports on the sink's disk
	Duplicates atomic.Uint64 // reports that had come before
	Stored     atomic.Uint64 // reports that the store has taken
	BytesIn    atomic.Uint64 // as sent
	BytesOut   atomic.Uint64 // after decompression
	StoreFails atomic.Uint64 // tries of the store that failed
	Damaged    atomic.Uint64 // bytes of the queue that could not be read
	Storing    Durations     // of the store's transactions
	refused    [numCauses]atomic.Uint64
}

// Bounds are the upper bounds of a Durations' buckets.
var Bounds = [...]time.Duration{10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second}

// Durations counts how long something took.
type Durations struct {
	buckets [len(Bounds) + 1]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

// Add counts one.
func (d *Durations) Add(took time.Duration) {
	i := 0
	for i < len(Bounds) && took > Bounds[i] {
		i++
	}
	d.buckets[i].Add(1)
	d.sum.Add(int64(took))
}

// Read returns the counts by Bounds, each with those of the bounds before, the count of all, and their sum.
func (d *Durations) Read() (upTo [len(Bounds)]uint64, count uint64, sum time.Duration) {
	for i := range d.buckets {
		if count += d.buckets[i].Load(); i < len(Bounds) {
			upTo[i] = count
		}
	}
	return upTo, count, time.Duration(d.sum.Load())
}

// Causes returns all causes of refusals.
func Causes() (all []Cause) {
	for c := range numCauses {
		all = append(all, c)
	}
	return all
}

// Refuse counts a refusal.
func (c *Counters) Refuse(cause Cause) { c.refused[cause].Add(1) }

// Refused returns the refusals of a cause.
func (c *Counters) Refused(cause Cause) uint64 { return c.refused[cause].Load() }

// Snapshot is the state of a sink.
type Snapshot struct {
	Version    string            `json:"version"`
	Started    time.Time         `json:"started"`
	UptimeS    int64             `json:"uptime_s"`
	Queue      Queue             `json:"queue"`
	Requests   uint64            `json:"requests"`
	Received   uint64            `json:"reports_received"`
	Duplicates uint64            `json:"reports_duplicate"`
	Stored     uint64            `json:"reports_stored"`
	Refused    map[string]uint64 `json:"refused"` // by cause; those that occurred
	BytesIn    uint64            `json:"bytes_received"`
	BytesOut   uint64            `json:"bytes_decompressed"`
	StoreFails uint64            `json:"store_failures"`
}

// Queue is the state of the queue between ingest and store.
type Queue struct {
	Reports int64  `json:"reports"`
	Bytes   int64  `json:"bytes"`
	Damaged uint64 `json:"bytes_damaged"`
}

// Snapshot returns the counters. The caller adds the rest.
func (c *Counters) Snapshot() (s Snapshot) {
	s.Requests, s.Received, s.Duplicates = c.Requests.Load(), c.Received.Load(), c.Duplicates.Load()
	s.Stored, s.StoreFails = c.Stored.Load(), c.StoreFails.Load()
	s.BytesIn, s.BytesOut, s.Queue.Damaged = c.BytesIn.Load(), c.BytesOut.Load(), c.Damaged.Load()
	s.Refused = map[string]uint64{}
	for cause := range numCauses {
		if n := c.refused[cause].Load(); n > 0 {
			s.Refused[cause.String()] = n
		}
	}
	return s
}
