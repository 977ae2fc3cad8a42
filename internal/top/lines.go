// SPDX-License-Identifier: Apache-2.0

package top

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// The plain lines: how often they come, in ticks, and how many applications they have.
const (
	linesEvery = 5
	linesMost  = 10
)

// writeLines writes the traffic in plain lines, until ctx ends or they cannot be written.
func (v *View) writeLines(ctx context.Context) error {
	defer close(v.done)
	m := &model{style: theme{ascii: true}}
	for ticks := 1; ; ticks++ {
		select {
		case <-ctx.Done():
			return nil
		case <-v.wake:
		}
		if ticks%linesEvery != 0 {
			continue
		}
		if _, err := v.options.Out.WriteString(v.lines(m)); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
	}
}

// lines returns the total and the busiest applications.
func (v *View) lines(m *model) string {
	m.current = v.read(&query{kind: applications, points: 1, spark: 1})
	v.mu.Lock()
	now := v.counts.now
	v.mu.Unlock()
	s := m.current
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s packets/s  %s flows  %s\n", time.Unix(now, 0).Format(time.TimeOnly),
		m.fullRate(s.up+s.down), countText(s.packets), grouped(uint64(s.live)), m.source())
	if lost := m.losses(); lost != "" {
		fmt.Fprintf(&b, "  %s\n", lost)
	}
	for i := range s.list[:min(len(s.list), linesMost)] {
		e := &s.list[i]
		fmt.Fprintf(&b, "  %s  %s  up %s  down %s  %s  %s flows\n", left(m.style.text(e.name), 20),
			right(m.rateText(e.rate()), rateWidth), right(m.rateText(e.up), rateWidth),
			right(m.rateText(e.down), rateWidth), right(bytesText(e.bytes.Sum()), 7), grouped(uint64(e.flows)))
	}
	return b.String()
}
