// SPDX-License-Identifier: Apache-2.0

package power

import (
	"fmt"
	"slices"
)

// report is what the test knows of one.
type report struct {
	sum       uint32
	lost      [][2]uint64 // of which it tells
	isStored  bool        // that was promised
	isSending bool        // the other side has it, or may have it
	isSent    bool        // it must not come again
	isLost    bool        // the spool said so
	storedIn  int         // boot
	seen      int         // boot at which it was there
}

// spoolModel knows what a spool has to have.
type spoolModel struct {
	epoch             string
	all               map[uint64]*report
	boot              int
	isSmall, wasSmall bool   // the spool is, in this boot; or was since all that it has was heard of
	last              uint64 // the last one that was there in this boot
	faults            []string
}

func newSpoolModel() *spoolModel {
	return &spoolModel{all: map[uint64]*report{}}
}

func (m *spoolModel) fault(format string, args ...any) {
	m.faults = append(m.faults, fmt.Sprintf("boot %d: ", m.boot)+fmt.Sprintf(format, args...))
}

// begin is called before a boot.
func (m *spoolModel) begin(isSmall bool) {
	m.boot++
	m.isSmall, m.wasSmall, m.last = isSmall, m.wasSmall || isSmall, 0
}

func (m *spoolModel) hear(s *Said) {
	r := m.all[s.Sequence]
	switch s.What {
	case Has:
		m.has(s)
	case Ready:
		m.ready(s)
	case Stores:
		if r != nil && r.isStored {
			m.fault("report %d is made twice", s.Sequence)
		}
		if s.Epoch != m.epoch {
			m.fault("report %d is of epoch %s instead of %s", s.Sequence, s.Epoch, m.epoch)
		}
		m.all[s.Sequence] = &report{sum: s.Sum, lost: s.Lost}
	case Stored:
		r.isStored, r.storedIn = true, m.boot
	case Sends:
		r.isSending = true
		m.told(r.lost)
	case Sent:
		r.isSent = true
	case Failed:
		m.fault("%s", s.Text)
	}
}

// has checks a report that is there after a boot.
func (m *spoolModel) has(s *Said) {
	r := m.all[s.Sequence]
	switch {
	case r == nil || s.Epoch != m.epoch:
		m.fault("report %d of epoch %s is there, which nobody made", s.Sequence, s.Epoch)
		return
	case r.sum != s.Sum:
		m.fault("report %d is not what was stored", s.Sequence)
	case r.isSent:
		m.fault("report %d is there again after it was sent", s.Sequence)
	case s.Sequence <= m.last:
		m.fault("report %d comes after %d", s.Sequence, m.last)
	}
	r.isStored = true // one whose storing the power cut ended may be there, and then stays
	r.seen, m.last = m.boot, s.Sequence
	m.told(r.lost)
}

// told notes losses: in a small spool they are as it has to be.
func (m *spoolModel) told(ranges [][2]uint64) {
	for _, each := range ranges {
		for n := each[0]; n <= each[1]; n++ {
			r := m.all[n]
			if r == nil {
				m.fault("report %d, which nobody made, is told as lost", n)
				return
			}
			if !r.isLost && !m.wasSmall {
				m.fault("report %d is lost, though there was room", n)
			}
			r.isLost = true
		}
	}
}

// ready checks that nothing is missing.
func (m *spoolModel) ready(s *Said) {
	promised := uint64(0)
	for n, r := range m.all {
		if r.isStored {
			promised = max(promised, n)
		}
	}
	if m.epoch != s.Epoch && promised > 0 {
		m.fault("the spool began epoch %s instead of %s", s.Epoch, m.epoch)
	}
	m.epoch = s.Epoch
	m.told(s.Lost)
	for n := uint64(1); n <= max(promised, s.Sequence-1); n++ {
		switch r := m.all[n]; {
		case r == nil || !r.isStored:
			m.fault("number %d is of no report, and the next one is %d", n, s.Sequence)
		case n >= s.Sequence:
			m.fault("report %d was stored, and the next one is %d", n, s.Sequence)
		case r.seen != m.boot && !r.isSending && !r.isLost:
			m.fault("report %d was stored in boot %d, and is missing", n, r.storedIn)
		}
	}
	m.wasSmall = m.isSmall
}

// queueModel knows what a queue has to have, by agent and sequence.
type queueModel struct {
	all    map[string]map[uint64]*report
	last   map[string]uint64
	boot   int
	faults []string
}

func newQueueModel() *queueModel { return &queueModel{all: map[string]map[uint64]*report{}} }

func (m *queueModel) fault(format string, args ...any) {
	m.faults = append(m.faults, fmt.Sprintf("boot %d: ", m.boot)+fmt.Sprintf(format, args...))
}

func (m *queueModel) begin() {
	m.boot++
	m.last = map[string]uint64{}
}

func (m *queueModel) hear(s *Said) {
	r := m.all[s.Epoch][s.Sequence]
	switch s.What {
	case Has:
		m.has(s, r)
	case Ready:
		m.ready()
	case Stores:
		if m.all[s.Epoch] == nil {
			m.all[s.Epoch] = map[uint64]*report{}
		}
		m.all[s.Epoch][s.Sequence] = &report{sum: s.Sum}
	case Stored:
		r.isStored, r.storedIn = true, m.boot
	case Sends:
		r.isSending = true
	case Sent:
		r.isSent = true
	case Failed:
		m.fault("%s", s.Text)
	}
}

func (m *queueModel) has(s *Said, r *report) {
	switch {
	case r == nil:
		m.fault("report %d of %s is there, which nobody made", s.Sequence, s.Epoch)
		return
	case r.sum != s.Sum:
		m.fault("report %d of %s is not what was stored", s.Sequence, s.Epoch)
	case r.isSent:
		m.fault("report %d of %s is there again after it was read", s.Sequence, s.Epoch)
	case s.Sequence <= m.last[s.Epoch]:
		m.fault("report %d of %s comes after %d", s.Sequence, s.Epoch, m.last[s.Epoch])
	}
	r.isStored, r.seen, m.last[s.Epoch] = true, m.boot, s.Sequence
}

func (m *queueModel) ready() {
	for agent, reports := range m.all {
		for n, r := range reports {
			if r.isStored && !r.isSending && r.seen != m.boot {
				m.fault("report %d of %s was acknowledged in boot %d, and is missing", n, agent, r.storedIn)
			}
		}
	}
	slices.Sort(m.faults)
}

// number returns how many reports were promised.
func number(reports map[uint64]*report) (n int) {
	for _, r := range reports {
		if r.isStored {
			n++
		}
	}
	return n
}
