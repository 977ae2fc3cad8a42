// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"hash/maphash"
	"time"
)

// FragmentLifetime is how long the ports of a first fragment are kept, in nanoseconds. RFC 791 §3.2 lets a receiver
// begin with 15 seconds, Linux waits 30 for the last fragment.
const FragmentLifetime = int64(30 * time.Second)

// Fragments remembers the ports of first fragments, to give them to the later ones, which have none of their own.
// Its memory is fixed: at most 80 bytes for each datagram that it remembers. When it is full the oldest one goes.
// One goroutine at a time may use it.
//
// It holds no packet back: a later fragment that is seen before its first stays without ports.
type Fragments struct {
	// Evictions counts datagrams that made room for newer ones before their lifetime was over.
	Evictions uint64

	seed    maphash.Seed // random, so that nobody chooses collisions
	heads   []int32      // by hash: index of the first entry of a chain, plus 1
	entries []fragmentEntry
	oldest  int // the entry that is replaced next; they are filled in turn
}

// Datagram is what fragments of one datagram have in common: RFC 791 §3.2 and RFC 8200 §4.5. proto is 0 in IPv6,
// whose fragments need not agree in it: a later one names the first header of the fragmentable part.
type Datagram struct {
	src, dst       [16]byte
	id             uint32
	version, proto uint8
}

type fragmentEntry struct {
	key              Datagram
	srcPort, dstPort uint16
	proto            uint8
	used             bool
	head             int32 // the chain that it is in
	next             int32 // the entry after it in its chain, plus 1
	time             int64
}

// Datagram is which one p is a fragment of. It is to be asked before Resolve, which may set Proto.
func (p *Packet) Datagram() Datagram {
	d := Datagram{src: p.Src.As16(), dst: p.Dst.As16(), id: p.FragmentID, version: p.IPVersion}
	if p.IPVersion == 4 {
		d.proto = p.Proto
	}
	return d
}

// NewFragments makes room for max datagrams, at least 1.
func NewFragments(max int) *Fragments {
	if max < 1 {
		max = 1
	}
	heads := 1
	for heads < max {
		heads *= 2
	}
	return &Fragments{seed: maphash.MakeSeed(), heads: make([]int32, heads), entries: make([]fragmentEntry, max)}
}

// Resolve remembers the ports of p if it is a first fragment, and sets SrcPort, DstPort and (in IPv6) Proto if it is
// a later one whose first was seen. It reports whether p's ports are known now: false only for a later fragment that
// met no first. now is in nanoseconds, from any start; it may jump back, and what is then more than FragmentLifetime
// ahead is forgotten.
func (f *Fragments) Resolve(p *Packet, now int64) bool {
	if !p.Fragment {
		return true
	}
	key := p.Datagram()
	head := int32(maphash.Comparable(f.seed, key) & uint64(len(f.heads)-1))
	e := f.find(&key, head)
	if p.LaterFragment {
		if e == nil || !e.alive(now) {
			return false
		}
		p.SrcPort, p.DstPort, p.Proto = e.srcPort, e.dstPort, e.proto
		return true
	}
	if p.Fault != FaultNone {
		return true // nothing to remember
	}
	if e == nil {
		e = f.replace(&key, head, now)
	}
	e.srcPort, e.dstPort, e.proto, e.time = p.SrcPort, p.DstPort, p.Proto, now
	return true
}

func (e *fragmentEntry) alive(now int64) bool {
	age := now - e.time
	return -FragmentLifetime <= age && age <= FragmentLifetime
}

func (f *Fragments) find(key *Datagram, head int32) *fragmentEntry {
	for i := f.heads[head]; i != 0; i = f.entries[i-1].next {
		if e := &f.entries[i-1]; e.key == *key {
			return e
		}
	}
	return nil
}

// replace takes the oldest entry out of its chain and puts it, with the new key, at the start of another.
func (f *Fragments) replace(key *Datagram, head int32, now int64) *fragmentEntry {
	index := int32(f.oldest) + 1
	e := &f.entries[f.oldest]
	if f.oldest++; f.oldest == len(f.entries) {
		f.oldest = 0
	}
	if e.used {
		if e.alive(now) {
			f.Evictions++
		}
		link := &f.heads[e.head]
		for *link != index {
			link = &f.entries[*link-1].next
		}
		*link = e.next
	}
	e.key, e.used, e.head, e.next = *key, true, head, f.heads[head]
	f.heads[head] = index
	return e
}
