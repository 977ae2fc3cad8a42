// SPDX-License-Identifier: Apache-2.0

package sides

import (
	"time"

	"github.com/weirnet/weir/internal/record"
)

const (
	// maxLate is how many records wait for their connections at most.
	maxLate = 16384
	// lateFor is how long one waits: a list that makes up for lost events comes within half a minute, and takes its time.
	lateFor = 45 * time.Second
)

// late are the last records of flows whose connections may be among the events that were lost, in the order in which they came.
type late []lateRecord

type lateRecord struct {
	*record.Flow
	since time.Time
}

// isLate says whether a record of no known connection is to wait, and has it do so. What a live flow tells is told again later.
func (p *Placer) isLate(r *record.Flow) bool {
	if p.connections == nil || r.State != record.StateEnd || !p.connections.IsBehind() {
		return false
	}
	if len(p.late) >= maxLate {
		p.counters.unwaited.Add(1)
		return false
	}
	p.late = append(p.late, lateRecord{clone(r), time.Now()})
	return true
}

// giveUpLate passes on the records that have waited long enough, or for a list that has come.
func (p *Placer) giveUpLate(now time.Time) error {
	n := 0
	for n < len(p.late) && (now.Sub(p.late[n].since) >= lateFor || !p.connections.IsBehind()) {
		n++
	}
	for ; n > 0; n-- {
		r := p.late[0].Flow
		p.late[0] = lateRecord{}
		if p.late = p.late[1:]; len(p.late) == 0 {
			p.late = nil // with its memory
		}
		if err := p.flow(r, true); err != nil {
			return err
		}
	}
	return nil
}
