// SPDX-License-Identifier: Apache-2.0

package enrich

import (
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/record"
)

// maxOffloaded bounds the records of connections that a card forwards.
const maxOffloaded = 16384

// offload is the stage for connections that a card forwards by itself: weir sees none of their packets, so their flows
// end as idle, while only the kernel knows when the connections end. Until then the kernel counts them, if
// nf_conntrack_acct is on.
type offload struct {
	connections *conntrack.Table
	next        func(*record.Flow) error
	records     offloadedRecords
	full        atomic.Uint64 // connections refused for want of room
}

// offloadedRecords maps the key of the original tuple to the record.
type offloadedRecords map[flow.Key]*offloadedRecord

type offloadedRecord struct {
	*record.Flow
	seen   [2]traffic // counts of its ended flows
	isSeen bool       // weir sees packets again, and that flow's end will be reported
}

type traffic struct{ packets, bytes uint64 }

// trafficOf returns the counts of both ends.
func trafficOf(r *record.Flow) [2]traffic {
	return [2]traffic{{r.Client.Packets, r.Client.Bytes}, {r.Server.Packets, r.Server.Bytes}}
}

// flow passes a connection's record on, with the kernel's counts if a card forwards it.
func (o *offload) flow(r *record.Flow, f *conntrack.Found) error {
	if f.Status&conntrack.HardwareOffloaded == 0 || f.Packets == [2]uint64{} {
		return o.next(r)
	}
	key, _ := f.Original.Key()
	old := o.records[key]
	if old != nil && old.Conntrack.ID != f.ID { // of an earlier connection with the same ports
		if err := o.end(key, record.EndIdle); err != nil {
			return err
		}
		old = nil
	}
	seen := trafficOf(r) // of this flow and the earlier ones
	if old != nil {
		r = old.continueWith(r, &seen)
	}
	raise(r, f)
	o.keep(key, old, r, f, seen)
	return o.next(r)
}

// continueWith returns the connection's record after r, and adds the counts of earlier flows to seen.
func (old *offloadedRecord) continueWith(r *record.Flow, seen *[2]traffic) *record.Flow {
	for way := range seen {
		seen[way].packets += old.seen[way].packets
		seen[way].bytes += old.seen[way].bytes
	}
	if old.ID != r.ID { // the card has returned the connection: another flow
		r = continued(old.Flow, r)
	}
	raiseTo(r, trafficOf(old.Flow))
	raiseTo(r, *seen)
	return r
}

// keep stores a connection's record while the connection lives. A connection whose flow ended as idle goes on.
func (o *offload) keep(key flow.Key, old *offloadedRecord, r *record.Flow, f *conntrack.Found, seen [2]traffic) {
	isIdle := r.EndReason == record.EndIdle || r.EndReason == record.EndEvicted
	goesOn := r.State == record.StateEnd && isIdle && f.Ended == 0
	if goesOn && old == nil && len(o.records) >= maxOffloaded {
		o.full.Add(1)
		goesOn = false
	}
	switch {
	case goesOn:
		r.State, r.EndReason = record.StateUpdate, record.NotEnded
		o.records[key] = &offloadedRecord{r.Clone(), seen, false}
	case r.State == record.StateEnd:
		delete(o.records, key)
	case old != nil:
		r.State = record.StateUpdate
		o.records[key] = &offloadedRecord{r.Clone(), old.seen, true}
	}
}

// continued returns the record of a connection that goes on in another flow.
func continued(old, r *record.Flow) *record.Flow {
	c := r
	if rank(old) >= rank(r) {
		c = old.Clone()
	}
	c.ID, c.FirstSeen, c.Step = old.ID, old.Began()+r.Step, r.Step
	c.State, c.EndReason, c.LastSeen = r.State, r.EndReason, r.LastSeen
	return c
}

// raise sets the counts to the kernel's, which include all that weir has seen.
func raise(r *record.Flow, f *conntrack.Found) {
	raiseTo(r, [2]traffic{{f.Packets[0], f.Bytes[0]}, {f.Packets[1], f.Bytes[1]}})
}

func raiseTo(r *record.Flow, counts [2]traffic) {
	for way, end := range [...]*record.Endpoint{&r.Client, &r.Server} {
		end.Packets, end.Bytes = max(end.Packets, counts[way].packets), max(end.Bytes, counts[way].bytes)
	}
}

// tick reports how the connections that a card forwards go on, and which have ended.
func (o *offload) tick(now time.Time) error {
	for key, r := range o.records {
		if r.isSeen {
			continue
		}
		f, ok := o.connections.FindID(&key, r.Conntrack.ID)
		before := r.Client.Packets + r.Server.Packets
		if ok {
			raise(r.Flow, &f)
		}
		switch isThere := ok && f.Ended == 0; {
		case isThere && r.Client.Packets+r.Server.Packets == before:
			continue
		case isThere:
			r.LastSeen = now.UnixNano()
		default:
			if ok {
				r.LastSeen = max(r.LastSeen, now.Add(-f.Ended).UnixNano())
			}
			r.State, r.EndReason = record.StateEnd, record.EndIdle
			delete(o.records, key)
		}
		if err := o.next(r.Clone()); err != nil {
			return err
		}
	}
	return nil
}

// close ends the remaining records.
func (o *offload) close() error {
	for key := range o.records {
		if err := o.end(key, record.EndShutdown); err != nil {
			return err
		}
	}
	return nil
}

func (o *offload) end(key flow.Key, why record.EndReason) error {
	r := o.records[key]
	delete(o.records, key)
	r.State, r.EndReason = record.StateEnd, why
	return o.next(r.Flow)
}
