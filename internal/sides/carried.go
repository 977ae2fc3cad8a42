// SPDX-License-Identifier: Apache-2.0

package sides

import (
	"time"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/record"
)

// maxCarried is how many records of connections that a card forwards are kept at most.
const maxCarried = 16384

// carried are the records of connections that a card forwards by itself, by the key of the original tuple: no packet of them is seen,
// so their flows have ended as idle, but only the kernel knows when the connections end. Until then it counts them, if it is told to.
type carried map[flow.Key]*carriedRecord

type carriedRecord struct {
	*record.Flow
	isSeen bool // packets of it are seen again, and its flow will say when that is over
}

// pass passes a whole record of a connection on.
func (p *Placer) pass(r *record.Flow, f *conntrack.Found) error {
	if f.Status&conntrack.HardwareOffloaded == 0 || f.Packets == [2]uint64{} {
		return p.emit(r)
	}
	key, _ := f.Original.Key()
	old := p.carried[key]
	if old != nil && old.Conntrack.ID != f.ID {
		old = nil
	}
	if old != nil && old.ID != r.ID { // the card gave it back: another flow
		r = continued(old.Flow, r)
	}
	raise(r, f)
	isIdle := r.EndReason == record.EndIdle || r.EndReason == record.EndEvicted
	switch {
	case r.State == record.StateEnd && isIdle && f.Ended == 0 && len(p.carried) < maxCarried:
		r.State, r.EndReason = record.StateUpdate, record.NotEnded
		p.carried[key] = &carriedRecord{clone(r), false}
	case r.State == record.StateEnd:
		delete(p.carried, key)
	case old != nil:
		r.State = record.StateUpdate
		p.carried[key] = &carriedRecord{clone(r), true}
	}
	return p.emit(r)
}

// continued is the record of a connection of which another flow has begun.
func continued(old, r *record.Flow) *record.Flow {
	c := r
	if rank(old) >= rank(r) {
		c = clone(old)
	}
	c.ID, c.FirstSeen = old.ID, old.FirstSeen
	c.State, c.EndReason, c.LastSeen = r.State, r.EndReason, r.LastSeen
	return c
}

// passJoined passes on the record of two legs.
func (p *Placer) passJoined(key *flow.Key, r *record.Flow) error {
	f, ok := p.connections.Find(key)
	if !ok || f.ID != r.Conntrack.ID {
		return p.emit(r)
	}
	return p.pass(r, &f)
}

// raise takes over what the kernel counted of a connection. It counts all of it, so what was seen is a part of that.
func raise(r *record.Flow, f *conntrack.Found) {
	for way, end := range [...]*record.Endpoint{&r.Client, &r.Server} {
		end.Packets, end.Bytes = max(end.Packets, f.Packets[way]), max(end.Bytes, f.Bytes[way])
	}
}

// followCarried tells how connections go on that a card forwards, and which have ended.
func (p *Placer) followCarried(now time.Time) error {
	for key, r := range p.carried {
		if r.isSeen {
			continue
		}
		f, ok := p.connections.Find(&key)
		ok = ok && f.ID == r.Conntrack.ID
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
			delete(p.carried, key)
		}
		if err := p.emit(clone(r.Flow)); err != nil {
			return err
		}
	}
	return nil
}

// endCarried ends what is left.
func (p *Placer) endCarried() error {
	for key, r := range p.carried {
		r.State, r.EndReason = record.StateEnd, record.EndShutdown
		delete(p.carried, key)
		if err := p.emit(r.Flow); err != nil {
			return err
		}
	}
	return nil
}
