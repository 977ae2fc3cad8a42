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
	seen   [2]traffic // what its flows had that have ended
	isSeen bool       // packets of it are seen again, and its flow will say when that is over
}

type traffic struct{ packets, bytes uint64 }

// trafficOf are the counts of both ends.
func trafficOf(r *record.Flow) [2]traffic {
	return [2]traffic{{r.Client.Packets, r.Client.Bytes}, {r.Server.Packets, r.Server.Bytes}}
}

// pass passes a whole record of a connection on.
func (p *Placer) pass(r *record.Flow, f *conntrack.Found) error {
	if f.Status&conntrack.HardwareOffloaded == 0 || f.Packets == [2]uint64{} {
		return p.emit(r)
	}
	key, _ := f.Original.Key()
	old := p.carried[key]
	if old != nil && old.Conntrack.ID != f.ID { // of a connection before, with the same ports
		if err := p.endCarried(key, record.EndIdle); err != nil {
			return err
		}
		old = nil
	}
	seen := trafficOf(r) // of this flow and those before it
	if old != nil {
		for way := range seen {
			seen[way].packets += old.seen[way].packets
			seen[way].bytes += old.seen[way].bytes
		}
		if old.ID != r.ID { // the card gave it back: another flow
			r = continued(old.Flow, r)
		}
		raiseTo(r, trafficOf(old.Flow))
		raiseTo(r, seen)
	}
	raise(r, f)
	isIdle := r.EndReason == record.EndIdle || r.EndReason == record.EndEvicted
	goesOn := r.State == record.StateEnd && isIdle && f.Ended == 0
	if goesOn && old == nil && len(p.carried) >= maxCarried {
		p.counters.uncarried.Add(1)
		goesOn = false
	}
	switch {
	case goesOn:
		r.State, r.EndReason = record.StateUpdate, record.NotEnded
		p.carried[key] = &carriedRecord{clone(r), seen, false}
	case r.State == record.StateEnd:
		delete(p.carried, key)
	case old != nil:
		r.State = record.StateUpdate
		p.carried[key] = &carriedRecord{clone(r), old.seen, true}
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
func (p *Placer) passJoined(j *joint, r *record.Flow) error {
	f, ok := p.connections.FindID(&j.key.tuple, j.key.id)
	if !ok {
		return p.emit(r)
	}
	return p.pass(r, &f)
}

// raise takes over what the kernel counted of a connection. It counts all of it, so what was seen is a part of that.
func raise(r *record.Flow, f *conntrack.Found) {
	raiseTo(r, [2]traffic{{f.Packets[0], f.Bytes[0]}, {f.Packets[1], f.Bytes[1]}})
}

func raiseTo(r *record.Flow, counts [2]traffic) {
	for way, end := range [...]*record.Endpoint{&r.Client, &r.Server} {
		end.Packets, end.Bytes = max(end.Packets, counts[way].packets), max(end.Bytes, counts[way].bytes)
	}
}

// followCarried tells how connections go on that a card forwards, and which have ended.
func (p *Placer) followCarried(now time.Time) error {
	for key, r := range p.carried {
		if r.isSeen {
			continue
		}
		f, ok := p.connections.FindID(&key, r.Conntrack.ID)
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

// endAllCarried ends what is left.
func (p *Placer) endAllCarried() error {
	for key := range p.carried {
		if err := p.endCarried(key, record.EndShutdown); err != nil {
			return err
		}
	}
	return nil
}

func (p *Placer) endCarried(key flow.Key, why record.EndReason) error {
	r := p.carried[key]
	delete(p.carried, key)
	r.State, r.EndReason = record.StateEnd, why
	return p.emit(r.Flow)
}
