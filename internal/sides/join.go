// SPDX-License-Identifier: Apache-2.0

package sides

import (
	"bytes"
	"slices"
	"time"

	"github.com/weirnet/weir/internal/conntrack"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/record"
)

const (
	// maxWaiting is how many connections at most wait for the end of their other leg, and how many live ones at most keep their records.
	maxWaiting = 16384
	sweepEvery = time.Minute
)

// joints are the connections of which the legs are flows of their own, while they wait.
type joints struct {
	waiting map[jointKey]*joint
	// halves have no live leg: the other leg's end is missing. holding have a live leg, and records.
	halves, holding queue
	swept           time.Time
}

// jointKey is the key of a connection's original tuple, and the kernel's identifier: ports are used again.
type jointKey struct {
	tuple flow.Key
	id    uint32
}

// joint is one of these connections. What its ended flows had it owes: nobody else will tell that. What a live flow has comes again with
// that flow's next record.
type joint struct {
	key     jointKey
	legs    [2]leg // the client's packets, the server's
	in      *queue // nil: none
	turn    uint64 // in that queue
	since   time.Time
	heard   time.Time
	isKnown bool // a record has been passed on
	id      [32]byte
}

// leg is one direction.
type leg struct {
	ended  sum // of all its flows that have ended
	live   sum // of the one that goes on
	reason record.EndReason
	// record is the last one. A live leg may have lost it for want of room; where there is something that has ended it is there.
	record *record.Flow
}

// sum are the counts of one end. With first 0 there is nothing.
type sum struct {
	packets, bytes uint64
	first, last    int64
}

func sumOf(r *record.Flow) sum { // a leg has one end's
	return sum{r.Client.Packets + r.Server.Packets, r.Client.Bytes + r.Server.Bytes, r.FirstSeen, r.LastSeen}
}

func (s *sum) add(o sum) {
	if o.first == 0 {
		return
	}
	if s.first == 0 {
		*s = o
		return
	}
	s.packets += o.packets
	s.bytes += o.bytes
	s.first, s.last = min(s.first, o.first), max(s.last, o.last)
}

func (l *leg) isLive() bool   { return l.live.first != 0 }
func (l *leg) hasEnded() bool { return l.ended.first != 0 }

// take notes what a record says.
func (l *leg) take(r *record.Flow) {
	l.record = clone(r)
	if r.State != record.StateEnd {
		l.live = sumOf(r)
		return
	}
	l.live, l.reason = sum{}, r.EndReason
	l.ended.add(sumOf(r))
}

func (j *joint) isLive() bool { return j.legs[0].isLive() || j.legs[1].isLive() }
func (j *joint) owes() bool   { return j.legs[0].hasEnded() || j.legs[1].hasEnded() }

// queue are joints in the order in which they came. An entry whose joint has another turn is out of date.
type queue struct {
	entries []entry
	n       int // that are not out of date
	turns   uint64
}

type entry struct {
	joint *joint
	turn  uint64
}

func (x *queue) push(j *joint) {
	if len(x.entries) >= 2*maxWaiting {
		x.entries = slices.DeleteFunc(x.entries, func(q entry) bool { return !x.has(q) })
	}
	x.turns++
	x.n++
	j.in, j.turn, j.since = x, x.turns, time.Now()
	x.entries = append(x.entries, entry{j, j.turn})
}

func (x *queue) has(q entry) bool { return q.joint.in == x && q.joint.turn == q.turn }

// first is the one that has waited longest; nil: there is none.
func (x *queue) first() *joint {
	for len(x.entries) > 0 {
		if x.has(x.entries[0]) {
			return x.entries[0].joint
		}
		x.entries[0] = entry{}
		x.entries = x.entries[1:]
	}
	x.entries = nil // with its memory
	return nil
}

func (j *joint) leave() {
	if j.in != nil {
		j.in.n--
		j.in = nil
	}
}

// enter has a joint wait in a queue, where it keeps the place that it has.
func (j *joint) enter(x *queue) {
	if j.in != x {
		j.leave()
		x.push(j)
	}
}

func newJoints() joints { return joints{waiting: map[jointKey]*joint{}, swept: time.Now()} }

func keyOf(f *conntrack.Found) jointKey {
	key, _ := f.Original.Key()
	return jointKey{key, f.ID}
}

// join brings a leg's record together with the other's.
func (p *Placer) join(r *record.Flow, f *conntrack.Found) error {
	key := keyOf(f)
	j := p.joints.waiting[key]
	if j == nil {
		j = &joint{key: key}
		p.joints.waiting[key] = j
	}
	j.heard = time.Now()
	which := 0
	if r.Client.Packets == 0 {
		which = 1
	}
	j.legs[which].take(r)
	return p.progress(j)
}

// progress passes a joint's record on, as far as that is possible.
func (p *Placer) progress(j *joint) error {
	switch {
	case j.isLive():
		j.enter(&p.joints.holding)
		merged := j.merge(true)
		merged.State, merged.EndReason = record.StateUpdate, record.NotEnded
		if !j.isKnown {
			merged.State = record.StateNew
		}
		j.isKnown, j.id = true, merged.ID
		if err := p.passJoined(j, merged); err != nil {
			return err
		}
	case j.legs[0].hasEnded() && j.legs[1].hasEnded():
		return p.finish(j)
	default:
		j.enter(&p.joints.halves)
	}
	return p.makeRoom()
}

// finish passes on what a joint owes, and forgets it.
func (p *Placer) finish(j *joint) error {
	j.leave()
	delete(p.joints.waiting, j.key)
	if !j.owes() {
		return nil
	}
	return p.passJoined(j, j.merge(false))
}

// whole is told of a record that has both legs: what it had before, when only one end had been heard, was no leg.
func (p *Placer) whole(r *record.Flow, f *conntrack.Found) {
	j := p.joints.waiting[keyOf(f)]
	if j == nil {
		return
	}
	j.legs[0].live, j.legs[1].live = sum{}, sum{}
	if !j.owes() {
		j.leave()
		delete(p.joints.waiting, j.key)
		return
	}
	if j.id == r.ID { // which is this flow's name now
		j.isKnown = false
	}
	j.enter(&p.joints.halves)
}

// makeRoom holds the limits. What is owed is passed on; of live legs their own flows will tell.
func (p *Placer) makeRoom() error {
	for p.joints.halves.n > maxWaiting {
		p.counters.unjoined.Add(1)
		if err := p.finish(p.joints.halves.first()); err != nil {
			return err
		}
	}
	for p.joints.holding.n > maxWaiting {
		p.counters.unjoined.Add(1)
		if err := p.settle(p.joints.holding.first()); err != nil {
			return err
		}
	}
	return nil
}

// settle passes on what a live joint owes as a record of its own, and keeps its name and its live counts only: these are as many as there are
// live flows, and smaller.
func (p *Placer) settle(j *joint) (err error) {
	j.leave()
	if j.owes() {
		rest := j.merge(false)
		if lives := j.liveID(rest); j.isKnown && j.id == lives { // under that name it goes on
			if rest.ID = idOf(rest, rest.FirstSeen); rest.ID == lives {
				rest.ID = idOf(rest, rest.FirstSeen+1)
			}
		} else {
			j.isKnown = false
		}
		err = p.passJoined(j, rest)
	}
	for i := range j.legs {
		j.legs[i] = leg{live: j.legs[i].live}
	}
	return err
}

// liveID is the name by which the live legs alone would be known.
func (j *joint) liveID(r *record.Flow) [32]byte {
	var all sum
	all.add(j.legs[0].live)
	all.add(j.legs[1].live)
	return idOf(r, all.first)
}

// best is the record that says most of what the connection is.
func (j *joint) best() *record.Flow {
	a, b := j.legs[0].record, j.legs[1].record
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case rank(b) > rank(a):
		return b
	}
	return a
}

// rank is the higher, the surer a record names its flow.
func rank(r *record.Flow) (n int) {
	if r.Method == record.MethodDPI {
		n += 4
	}
	if len(r.Hostname) > 0 && r.HostnameMethod == record.HostnameInFlow {
		n += 2
	}
	if r.Application != "" {
		n++
	}
	return n
}

// merge makes one record of the legs: the verdict of the better one, the counts of both; of what has ended, or also of what lives.
func (j *joint) merge(withLive bool) *record.Flow {
	best := j.best()
	merged := clone(best)
	var all sum
	var sums [2]sum
	for i := range j.legs {
		l := &j.legs[i]
		sums[i] = l.ended
		if withLive {
			sums[i].add(l.live)
		}
		all.add(sums[i])
		if l.record == best && l.reason != record.NotEnded || merged.EndReason == record.NotEnded {
			merged.EndReason = l.reason
		}
	}
	merged.State, merged.FirstSeen, merged.LastSeen = record.StateEnd, all.first, all.last
	merged.Client.Packets, merged.Client.Bytes = sums[0].packets, sums[0].bytes
	merged.Server.Packets, merged.Server.Bytes = sums[1].packets, sums[1].bytes
	if r := j.legs[0].record; r != nil { // where the client's packets came in
		merged.Client.MAC, merged.Interface, merged.VLANs = r.Client.MAC, r.Interface, r.VLANs
	}
	if r := j.legs[1].record; r != nil {
		merged.Server.MAC = r.Server.MAC
	}
	rename(merged)
	if j.isKnown { // though the other leg, which came later, had begun before
		merged.ID = j.id
	}
	return merged
}

// giveUp passes on the records that have waited long enough.
func (p *Placer) giveUp(now time.Time) error {
	for j := p.joints.halves.first(); j != nil && now.Sub(j.since) >= p.patience; j = p.joints.halves.first() {
		if err := p.finish(j); err != nil {
			return err
		}
	}
	if now.Sub(p.joints.swept) < sweepEvery {
		return nil
	}
	p.joints.swept = now
	for _, j := range p.joints.waiting {
		if j.isLive() && now.Sub(j.heard) >= p.forgotten {
			if err := p.settle(j); err != nil {
				return err
			}
			delete(p.joints.waiting, j.key)
		}
	}
	return nil
}

// endJoints passes on all that is owed, when every flow has ended.
func (p *Placer) endJoints() error {
	for _, j := range p.joints.waiting {
		if err := p.finish(j); err != nil {
			return err
		}
	}
	return nil
}

// clone copies a record with all that it refers to.
func clone(r *record.Flow) *record.Flow {
	c := *r
	c.CommunityID, c.Hostname, c.Info = bytes.Clone(r.CommunityID), bytes.Clone(r.Hostname), bytes.Clone(r.Info)
	c.VLANs, c.Tunnels = slices.Clone(r.VLANs), slices.Clone(r.Tunnels)
	return &c
}
