// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/agent/confined"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/topology"
)

// statusAt is the agent's status after so much time.
func statusAt(uptime time.Duration) *confined.Status {
	return &confined.Status{Mode: "ebpf", Elapsed: uptime, At: time.Unix(1e9, 0).Add(uptime),
		Monotonic: 7e9 + int64(uptime)}
}

// readReports reads what a reporter wrote.
func readReports(t *testing.T, text []byte) (all []*report.Report) {
	t.Helper()
	reader := report.NewReader(bytes.NewReader(text))
	for {
		r, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
}

// TestReporterIntervals: an interval ends with the second that is nearest to its end, also after seconds that never
// came, and the last one at the end.
func TestReporterIntervals(t *testing.T) {
	var out bytes.Buffer
	r := newReporter(3*time.Second, 100, &out, false)
	r.changed = func(most int) []hosts.Host { return []hosts.Host{{MAC: "02:00:00:00:00:01"}}[:min(most, 1)] }
	for _, seconds := range []float64{1, 2, 2.98, 4, 5.01, 6.02, 7, 12.4, 13, 14, 15, 15.4} {
		if err := r.Second(statusAt(time.Duration(seconds * 1e9))); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	var ends []uint64
	before := uint64(7e9)
	for i, report := range readReports(t, out.Bytes()) {
		p := &report.Period
		if report.Sequence != uint64(i+1) || p.BeginMonotonic != before || len(report.Devices) != 1 {
			t.Errorf("report %d begins at %d, with %d devices", report.Sequence, p.BeginMonotonic, len(report.Devices))
		}
		before = p.EndMonotonic
		ends = append(ends, (p.EndMonotonic-7e9)/1e7)
	}
	if got, _ := json.Marshal(ends); string(got) != "[298,602,1240,1500,1540]" {
		t.Errorf("intervals end at %s hundredths", got)
	}
}

// TestReporterClockSteps: however the clock is set, the reports follow each other, and tell of it. The machine sleeps
// once, which is no step.
func TestReporterClockSteps(t *testing.T) {
	const hour, year = time.Hour, 365 * 24 * time.Hour
	var out bytes.Buffer
	r := newReporter(2*time.Second, 100, &out, false)
	var clock confined.Clock
	offset := time.Duration(0)
	steps := []time.Duration{0, hour, -hour, -hour, hour, 10 * year, -10 * year, -10 * year, 10 * year, 0}
	for i, step := range steps {
		if offset += step; step != 0 {
			clock.Steps, clock.Stepped = clock.Steps+1, clock.Stepped+step
		}
		if i == len(steps)-1 {
			clock.Suspended, offset = 8*hour, offset+8*hour
		}
		for second := range 2 {
			s := statusAt(time.Duration(2*i+second+1) * time.Second)
			s.At, s.Clock = s.At.Add(offset), clock
			s.Queues = []confined.Queue{{Name: "handovers", Length: i, Peak: i + 7*(1-second), Limit: 8}}
			if err := r.Second(s); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	all := readReports(t, out.Bytes())
	if len(all) != len(steps)+1 {
		t.Fatalf("%d reports", len(all))
	}
	end := ""
	for i, step := range steps {
		one := all[i]
		p, c := &one.Period, one.Health.Clock
		if one.Sequence != uint64(i+1) || p.EndMonotonic-p.BeginMonotonic != 2e9 || end != "" && p.Begin != end ||
			one.Health.Uptime != uint64(2000*(i+1)) {
			t.Errorf("report %d: %+v, uptime %d", i+1, p, one.Health.Uptime)
		}
		end = p.End
		var got report.ClockReading
		if c != nil {
			got = *c
		}
		if (got.Steps == 1) != (step != 0) || got.Stepped != step.Milliseconds() ||
			(got.Suspended > 0) != (i == len(steps)-1) {
			t.Errorf("report %d after a step of %s: %+v", i+1, step, got)
		}
		if q := one.Health.Queues; len(q) != 1 || q[0] != (report.QueueReading{Name: "handovers", Length: uint64(i),
			Peak: uint64(i + 7), Limit: 8}) {
			t.Errorf("report %d: %+v", i+1, q)
		}
	}
}

// TestReporterFull: flows that one report has no room for make another one.
func TestReporterFull(t *testing.T) {
	var out bytes.Buffer
	r := newReporter(time.Hour, 80, &out, false)
	first := statusAt(time.Second)
	first.Links = []confined.LinkCounts{{Index: 1, Name: "lan0", Began: topology.Statistics{RxPackets: 5},
		Now: topology.Statistics{RxPackets: 9}}}
	if err := r.Second(first); err != nil {
		t.Fatal(err)
	}
	for n := range 250 {
		f := &record.Flow{State: record.StateEnd}
		copy(f.ID[:], strings.Repeat("0", len(f.ID)))
		f.ID[0], f.ID[1] = "0123456789abcdef"[n>>4], "0123456789abcdef"[n&15]
		if err := r.Flow(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	flows, packets := 0, uint64(0)
	all := readReports(t, out.Bytes())
	for _, one := range all {
		flows += len(one.Flows)
		packets += one.Interfaces[0].Received.Packets
	}
	if len(all) != 3 || flows != 250 || packets != 4 || !all[2].IsLast || all[1].IsLast {
		t.Errorf("%d reports of %d flows, %d packets received", len(all), flows, packets)
	}
}

// TestReporterNothing: an agent that ended before its first second has no report, and one whose reader is gone ends.
func TestReporterNothing(t *testing.T) {
	var out bytes.Buffer
	if err := newReporter(time.Second, 0, &out, false).End(); err != nil || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
	r := newReporter(time.Second, 0, brokenWriter{}, false)
	if err := r.Second(statusAt(time.Second)); !errors.Is(err, errBrokenWriter) {
		t.Errorf("%v", err)
	}
}

var errBrokenWriter = errors.New("nobody reads")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBrokenWriter }

// TestReporterEndsWithInterval: also if weir ends just when an interval does, the last one has a length: a sink finds
// it by its time.
func TestReporterEndsWithInterval(t *testing.T) {
	var out bytes.Buffer
	r := newReporter(time.Second, 100, &out, false)
	for second := range 2 {
		if err := r.Second(statusAt(time.Duration(second+1) * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.End(); err != nil {
		t.Fatal(err)
	}
	all := readReports(t, out.Bytes())
	if len(all) != 3 || !all[2].IsLast {
		t.Fatalf("%d reports", len(all))
	}
	for i := range all {
		p := &all[i].Period
		if p.BeginMonotonic >= p.EndMonotonic || p.Begin >= p.End || i > 0 && p.Begin != all[i-1].Period.End {
			t.Errorf("report %d: %+v", i+1, p)
		}
	}
}
