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

// joints are the records that wait for the other leg's, by the key of the connection's original tuple.
type joints struct {
	waiting map[flow.Key]*joint
	queue   []queued // in the order in which they began to wait
}

type queued struct {
	key   flow.Key
	joint *joint
}

// joint is a connection of which the legs are flows of their own.
type joint struct {
	// legs have what is known of the client's packets and of the server's; nil: nothing yet.
	legs    [2]*record.Flow
	since   time.Time
	past    [2]sum // of flows of the legs that have ended before these
	isKnown bool   // a record has been passed on
	id      [32]byte
}

// sum are the counts of one end.
type sum struct {
	packets, bytes uint64
	first          int64 // 0: there is nothing
}

func (s *sum) add(r *record.Flow) {
	s.packets += r.Client.Packets + r.Server.Packets // a leg has one end's
	s.bytes += r.Client.Bytes + r.Server.Bytes
	if s.first == 0 || r.FirstSeen < s.first {
		s.first = r.FirstSeen
	}
}

const (
	// maxWaiting is how many legs wait at most.
	maxWaiting = 16384
	// patience is how long a leg waits. The legs of a connection fall silent together, and a silent flow ends after at most 60 seconds
	// (flow.Config.Idle: a leg is a flow of one direction); a leg whose packets go on is ended by the other's end no sooner.
	patience = 90 * time.Second
)

// add puts a joint at the end of the queue. Those that wait no more are taken out when they are most of it.
func (x *joints) add(key flow.Key, j *joint) {
	if len(x.queue) >= 2*maxWaiting {
		x.queue = slices.DeleteFunc(x.queue, func(q queued) bool { return x.waiting[q.key] != q.joint })
	}
	x.queue = append(x.queue, queued{key, j})
}

func newJoints() joints { return joints{waiting: map[flow.Key]*joint{}} }

// join brings a leg's record together with the other's.
func (p *Placer) join(r *record.Flow, f *conntrack.Found) error {
	key, _ := f.Original.Key()
	j := p.joints.waiting[key]
	if j == nil {
		j = &joint{since: time.Now()}
		p.joints.waiting[key] = j
		p.joints.add(key, j)
	}
	leg := 0
	if r.Client.Packets == 0 {
		leg = 1
	}
	if old := j.legs[leg]; old != nil && old.State == record.StateEnd { // the leg paused: its flow ended, and another began
		j.past[leg].add(old)
	}
	j.legs[leg] = clone(r)
	if err := p.progress(key, j); err != nil {
		return err
	}
	if len(p.joints.waiting) > maxWaiting {
		return p.giveUpFirst(true)
	}
	return nil
}

// whole is told of a record that has both legs: what it had before, when only one end had been heard, was no leg.
func (p *Placer) whole(f *conntrack.Found) {
	key, _ := f.Original.Key()
	j := p.joints.waiting[key]
	if j == nil {
		return
	}
	for i, r := range j.legs {
		if r != nil && r.State != record.StateEnd {
			j.legs[i] = nil
		}
	}
	if j.legs == [2]*record.Flow{} && j.past == [2]sum{} {
		delete(p.joints.waiting, key)
	}
}

// progress passes a joint's record on, as far as that is possible.
func (p *Placer) progress(key flow.Key, j *joint) error {
	both := j.legs[0] != nil && j.legs[1] != nil
	isOver := both && j.legs[0].State == record.StateEnd && j.legs[1].State == record.StateEnd
	isLive := slices.ContainsFunc(j.legs[:], func(r *record.Flow) bool { return r != nil && r.State != record.StateEnd })
	switch {
	case isOver:
		delete(p.joints.waiting, key)
		return p.passJoined(&key, j.merge())
	case isLive:
		merged := j.merge()
		merged.State, merged.EndReason = record.StateUpdate, record.NotEnded
		if !j.isKnown {
			merged.State = record.StateNew
		}
		j.isKnown = true
		return p.passJoined(&key, merged)
	}
	return nil
}

// best is the leg that says most of what the connection is.
func (j *joint) best() *record.Flow {
	a, b := j.legs[0], j.legs[1]
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

// merge makes one record of the legs: the verdict of the better one, the counts of both.
func (j *joint) merge() *record.Flow {
	merged := clone(j.best())
	sums := j.past
	for leg, r := range j.legs {
		if r == nil {
			continue
		}
		sums[leg].add(r)
		merged.FirstSeen, merged.LastSeen = min(merged.FirstSeen, sums[leg].first), max(merged.LastSeen, r.LastSeen)
	}
	merged.Client.Packets, merged.Client.Bytes = sums[0].packets, sums[0].bytes
	merged.Server.Packets, merged.Server.Bytes = sums[1].packets, sums[1].bytes
	if r := j.legs[0]; r != nil { // where the client's packets came in
		merged.Client.MAC, merged.Interface, merged.VLANs = r.Client.MAC, r.Interface, r.VLANs
	}
	if r := j.legs[1]; r != nil {
		merged.Server.MAC = r.Server.MAC
	}
	rename(merged)
	if j.isKnown { // though the other leg, which came later, had begun before
		merged.ID = j.id
	}
	j.id = merged.ID
	return merged
}

// giveUp passes on the records that have waited long enough.
func (p *Placer) giveUp(now time.Time) error {
	for range len(p.joints.queue) { // those that wait on come to its end
		first := p.joints.queue[0]
		isWaiting := p.joints.waiting[first.key] == first.joint
		if isWaiting && now.Sub(first.joint.since) < patience {
			return nil
		}
		if err := p.giveUpFirst(false); err != nil {
			return err
		}
	}
	return nil
}

// giveUpFirst passes on the record that has waited longest. One whose flow lives, and was told of, waits on, unless there is no room.
func (p *Placer) giveUpFirst(isFull bool) error {
	first := p.joints.queue[0]
	p.joints.queue = p.joints.queue[1:]
	if p.joints.waiting[first.key] != first.joint {
		return nil
	}
	isLive := slices.ContainsFunc(first.joint.legs[:], func(r *record.Flow) bool { return r != nil && r.State != record.StateEnd })
	if isLive && !isFull {
		first.joint.since = time.Now()
		p.joints.queue = append(p.joints.queue, first)
		return nil
	}
	delete(p.joints.waiting, first.key)
	if isLive || first.joint.best() == nil {
		return nil
	}
	return p.passJoined(&first.key, first.joint.merge())
}

// clone copies a record with all that it refers to.
func clone(r *record.Flow) *record.Flow {
	c := *r
	c.CommunityID, c.Hostname, c.Info = bytes.Clone(r.CommunityID), bytes.Clone(r.Hostname), bytes.Clone(r.Info)
	c.VLANs, c.Tunnels = slices.Clone(r.VLANs), slices.Clone(r.Tunnels)
	return &c
}
