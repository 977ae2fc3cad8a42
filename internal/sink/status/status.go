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
	refused    [numCauses]atomic.Uint64
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
