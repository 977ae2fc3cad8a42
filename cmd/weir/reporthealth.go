// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/report"
)

// queues prints those in which something has waited.
func (p *reportPrinter) queues(all []report.QueueReading) {
	var texts []string
	for _, q := range all {
		if q.Peak > 0 || q.Length > 0 {
			texts = append(texts, fmt.Sprintf("%s %d (up to %d of %d)", q.Name, q.Length, q.Peak, q.Limit))
		}
	}
	if len(texts) > 0 {
		p.line("  queues: %s", strings.Join(texts, ", "))
	}
}

// clock prints the clock's state, and what has happened to it.
func (p *reportPrinter) clock(c *report.ClockReading) {
	var texts []string
	if c.IsSynchronised != nil {
		text := "not synchronised"
		if *c.IsSynchronised {
			text = "synchronised, error " + microseconds(c.EstimatedError)
		}
		texts = append(texts, text)
	}
	if c.Steps == 1 {
		texts = append(texts, "set by "+millisecondsText(c.Stepped))
	} else if c.Steps > 1 {
		texts = append(texts, fmt.Sprintf("set %d times, by %s in all", c.Steps, millisecondsText(c.Stepped)))
	}
	if c.Suspended > 0 {
		texts = append(texts, "the machine slept for "+microseconds(min(c.Suspended, 1<<50)*1000))
	}
	if c.SinkOffset != nil {
		texts = append(texts, "the sink's is "+millisecondsText(*c.SinkOffset)+" ahead")
	}
	if len(texts) > 0 {
		p.line("  clock: %s", strings.Join(texts, "; "))
	}
}

// The longest times of Go, in the units of a report.
const (
	maxMicroseconds = uint64(1<<63-1) / uint64(time.Microsecond)
	maxMilliseconds = int64(1<<63-1) / int64(time.Millisecond)
)

func microseconds(n uint64) string {
	return (time.Duration(min(n, maxMicroseconds)) * time.Microsecond).String()
}

// millisecondsText has a sign, unless it is 0.
func millisecondsText(n int64) string {
	d := time.Duration(max(-maxMilliseconds, min(n, maxMilliseconds))) * time.Millisecond
	if d > 0 {
		return "+" + d.String()
	}
	return d.String()
}
