// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strconv"
	"time"

	"github.com/weirnet/weir/internal/record"
)

// Clock is the state of the clock that people set, by which a report has its times.
type Clock struct {
	// IsKnown: the kernel has told the next three.
	IsKnown        bool
	IsSynchronised bool // NTP, PTP or the like keeps it right
	EstimatedError time.Duration
	MaximumError   time.Duration
	// Steps counts how often it was set since the agent's start, and Stepped by how much in all.
	Steps   uint64
	Stepped time.Duration
	// Suspended is how long the machine has slept since the agent's start.
	Suspended time.Duration
	// SinkOffset is the sink's clock less this one, to a second; nil: unknown.
	SinkOffset *time.Duration
}

// append appends the clock's state, with what has happened since an earlier one, and nothing if nothing is known.
func (c *Clock) append(b []byte, before *Clock) []byte {
	start := len(b)
	b = append(b, `,"clock":{`...)
	begin := len(b)
	if c.IsKnown {
		b = strconv.AppendBool(append(b, `,"synchronised":`...), c.IsSynchronised)
		b = appendNumber(b, "estimated_error_us", uint64(max(c.EstimatedError, 0).Microseconds()))
		b = appendNumber(b, "maximum_error_us", uint64(max(c.MaximumError, 0).Microseconds()))
	}
	if n := grown(c.Steps, before.Steps); n > 0 {
		b = appendNumber(b, "steps", n)
		b = appendSigned(b, "stepped_ms", (c.Stepped - before.Stepped).Milliseconds())
	}
	b = appendPositive(b, "suspended_ms", milliseconds(c.Suspended-before.Suspended))
	if c.SinkOffset != nil {
		b = appendSigned(b, "sink_offset_ms", c.SinkOffset.Milliseconds())
	}
	if len(b) == begin {
		return b[:start]
	}
	return append(append(b[:begin], b[begin+1:]...), '}') // without the first comma
}

// Queue is a queue of the agent: how many wait in it, how many waited at most in the interval, and how many may wait.
type Queue struct {
	Name                string
	Length, Peak, Limit int
}

func appendQueues(b []byte, all []Queue) []byte {
	b = append(b, `,"queues":[`...)
	for _, q := range all {
		b = record.AppendText(append(b, `{"name":`...), q.Name)
		b = appendNumber(b, "length", uint64(max(q.Length, 0)))
		b = appendNumber(b, "peak", uint64(max(q.Peak, q.Length, 0)))
		b = append(appendNumber(b, "limit", uint64(max(q.Limit, 0))), `},`...)
	}
	return record.EndList(b)
}

// appendSigned appends a comma and a member.
func appendSigned(b []byte, name string, n int64) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, n, 10)
}
