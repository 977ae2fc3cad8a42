// SPDX-License-Identifier: Apache-2.0

package power

import (
	"fmt"
	"testing"
	"time"
)

// sinkModel knows which reports the real sink has to have.
type sinkModel struct {
	answered uint64   // that the sink has said yes to: all up to it
	open     []uint64 // sent after these, without an answer
	bytes    uint64   // of the answered ones
	boots    int
	faults   []string
	isKnown  bool // the agent has enrolled
}

func (m *sinkModel) fault(format string, args ...any) {
	m.faults = append(m.faults, fmt.Sprintf("boot %d: ", m.boots)+fmt.Sprintf(format, args...))
}

func (m *sinkModel) take(s *Said) {
	switch s.What {
	case Knows:
		m.isKnown = true
	case Has:
		m.has(s.Sequence)
	case Stores:
		if s.Sequence > m.answered+uint64(len(m.open)) {
			m.open = append(m.open, s.Sequence)
		}
	case Stored:
		m.answered, m.bytes, m.open = s.Sequence, m.bytes+Bytes(s.Sequence), m.open[1:]
	case Failed:
		m.fault("%s", s.Text)
	}
}

// has checks the sum of what the store has: what was answered, and perhaps the first reports of a request that was not.
func (m *sinkModel) has(bytes uint64) {
	want := m.bytes
	for _, n := range m.open {
		if want == bytes {
			return
		}
		want += Bytes(n)
	}
	if want != bytes {
		m.fault("the store has %d bytes, the %d reports that were answered have %d (%v were not)", bytes, m.answered,
			m.bytes, m.open)
	}
}

// sinkRig is a machine with the real sink on its only disk.
type sinkRig struct {
	*machine
	sinkModel
	begin time.Time
}

func newSinkRig(t *testing.T) *sinkRig {
	m := newMachine(t, "WEIR_POWER_SINK_FILES", seeded(t), format(t, 4*diskBytes))
	m.memory = 1024
	return &sinkRig{machine: m, begin: time.Now().Add(-12 * time.Hour)}
}

// cut boots, sends again what had no answer, and cuts the power, now and then while the sink starts.
func (r *sinkRig) cut(parameters string) {
	r.boots++
	if r.isKnown {
		parameters += " " + Enrolled
	}
	requests, answers, isReady := 1+r.random.IntN(2000), 1+r.random.IntN(150), false
	isEarly := r.isKnown && r.random.IntN(4) == 0
	if isEarly {
		r.disks[0].failAfter(1 + r.random.IntN(100))
	}
	parameters = fmt.Sprintf("%s %s %s%d %s%d", parameters, Sink, First, r.answered+1, Begin, r.begin.Unix())
	r.boot(parameters, func(s Said) bool {
		if s.Who != "sink" {
			r.t.Errorf("boot %d: %+v", r.boots, s)
			return true
		}
		r.take(&s)
		switch s.What {
		case Failed:
			return true
		case Ready:
			if isReady = true; !isEarly {
				r.disks[0].failAfter(requests)
			}
		case Stored:
			answers--
		}
		return isReady && answers <= 0
	})
}

// sinkCuts is the number of cuts of the real sink, which takes longer to start.
func sinkCuts(t *testing.T) int { return cuts(t, "WEIR_POWER_SINK_CUTS", 3) }

// TestSink: the real sink starts after each power cut, and its API has each report that it said yes to, once.
func TestSink(t *testing.T) {
	t.Parallel()
	r := newSinkRig(t)
	for range sinkCuts(t) {
		r.cut("")
		for _, f := range r.faults {
			t.Error(f)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d cuts, %d reports answered", r.boots, r.answered)
	if r.answered == 0 {
		t.Error("nothing was answered")
	}
}

// TestSinkWithoutSync: the same test finds that a sink which does not sync loses reports, or does not start.
func TestSinkWithoutSync(t *testing.T) {
	t.Parallel()
	r := newSinkRig(t)
	for range sinkCuts(t) {
		r.cut(NoSync)
		if t.Failed() {
			return
		}
		if len(r.faults) > 0 {
			t.Logf("after %d cuts: %s", r.boots, r.faults[0])
			return
		}
	}
	t.Errorf("%d cuts found no loss", r.boots)
}
