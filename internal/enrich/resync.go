// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/record"
)

const (
	// maxResync bounds the records that wait for their connections.
	maxResync = 16384
	// resyncWait bounds a record's wait: the dump that replaces lost events is complete within half a minute.
	resyncWait = 45 * time.Second
)

// resync is the stage that holds the last records of flows whose connections' events may be lost, in order of arrival,
// until a new dump is complete.
type resync struct {
	connections *conntrack.Table // nil: none are tracked
	next        func(*record.Flow, time.Time) error
	held        []heldRecord
	peak        int           // of held, since the last Chain.Waiting
	full        atomic.Uint64 // records refused for want of room
}

type heldRecord struct {
	*record.Flow
	since time.Time
}

// hold reports whether a record without a known connection has to wait, and holds it. A live flow reports again later.
func (x *resync) hold(r *record.Flow, now time.Time) bool {
	if x.connections == nil || r.State != record.StateEnd || !x.connections.IsBehind() {
		return false
	}
	if len(x.held) >= maxResync {
		x.full.Add(1)
		return false
	}
	x.held = append(x.held, heldRecord{r.Clone(), now})
	x.peak = max(x.peak, len(x.held))
	return true
}

// tick passes on the records that have waited long enough, or whose dump is complete.
func (x *resync) tick(now time.Time) error {
	n := 0
	for n < len(x.held) && (now.Sub(x.held[n].since) >= resyncWait || !x.connections.IsBehind()) {
		n++
	}
	return x.release(n, now)
}

// release passes on the first n records.
func (x *resync) release(n int, now time.Time) error {
	for ; n > 0; n-- {
		r := x.held[0].Flow
		x.held[0] = heldRecord{}
		if x.held = x.held[1:]; len(x.held) == 0 {
			x.held = nil // releases the memory
		}
		if err := x.next(r, now); err != nil {
			return err
		}
	}
	return nil
}
