// SPDX-License-Identifier: Apache-2.0

package enrich

import "github.com/weirnet/weir/internal/record"

// leg is one direction. It may include packets of the other one that the gateway itself sent (hasOutlived).
type leg struct {
	ended  sum // of all its ended flows
	live   sum // of its live flow
	reason record.EndReason
	// record is the last one. A live leg may have dropped it for want of room; a leg with ended flows has it.
	record *record.Flow
}

// sum holds the counts of both ends, the client's first. Its times are on the clock of record.Flow.Began. With first 0
// it is empty.
type sum struct {
	packets, bytes [2]uint64
	first, last    int64
}

func sumOf(r *record.Flow) sum {
	return sum{[2]uint64{r.Client.Packets, r.Server.Packets}, [2]uint64{r.Client.Bytes, r.Server.Bytes}, r.Began(),
		r.LastSeen - r.Step}
}

func (s *sum) add(o sum) {
	if o.first == 0 {
		return
	}
	if s.first == 0 {
		*s = o
		return
	}
	for end := range s.packets {
		s.packets[end] += o.packets[end]
		s.bytes[end] += o.bytes[end]
	}
	s.first, s.last = min(s.first, o.first), max(s.last, o.last)
}

func (l *leg) isLive() bool   { return l.live.first != 0 }
func (l *leg) hasEnded() bool { return l.ended.first != 0 }

// take adds a record.
func (l *leg) take(r *record.Flow) {
	l.record = r.Clone()
	if r.State != record.StateEnd {
		l.live = sumOf(r)
		return
	}
	l.live, l.reason = sum{}, r.EndReason
	l.ended.add(sumOf(r))
}

func (p *pair) isLive() bool { return p.legs[0].isLive() || p.legs[1].isLive() }
func (p *pair) owes() bool   { return p.legs[0].hasEnded() || p.legs[1].hasEnded() }

// liveID returns the id for the live legs alone.
func (p *pair) liveID(r *record.Flow) [32]byte {
	var all sum
	all.add(p.legs[0].live)
	all.add(p.legs[1].live)
	return idOf(r, all.first)
}

// best returns the record with the better verdict.
func (p *pair) best() *record.Flow {
	a, b := p.legs[0].record, p.legs[1].record
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

// rank grows with the certainty of a record's verdict.
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

// merge makes one record of the legs: the verdict of the better one, the counts of both; of ended flows, or also of
// live ones.
func (p *pair) merge(withLive bool) *record.Flow {
	best := p.best()
	merged := best.Clone()
	var all sum
	for i := range p.legs {
		l := &p.legs[i]
		all.add(l.ended)
		if withLive {
			all.add(l.live)
		}
		if l.record == best && l.reason != record.NotEnded || merged.EndReason == record.NotEnded {
			merged.EndReason = l.reason
		}
	}
	merged.State, merged.Step = record.StateEnd, p.step
	merged.FirstSeen, merged.LastSeen = all.first+p.step, all.last+p.step
	merged.Client.Packets, merged.Client.Bytes = all.packets[0], all.bytes[0]
	merged.Server.Packets, merged.Server.Bytes = all.packets[1], all.bytes[1]
	if r := p.legs[0].record; r != nil { // the client's packets came in there
		merged.Client.MAC, merged.Interface, merged.VLANs = r.Client.MAC, r.Interface, r.VLANs
		merged.Client.Health.Raise(r.Client.Health)
	}
	if r := p.legs[1].record; r != nil {
		merged.Server.MAC = r.Server.MAC
		merged.Server.Health.Raise(r.Server.Health)
	}
	setID(merged)
	if p.isKnown { // even if the other leg, reported later, began earlier
		merged.ID = p.id
	}
	return merged
}
