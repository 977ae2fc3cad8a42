// SPDX-License-Identifier: Apache-2.0

package packet

import (
	"hash/maphash"
	"time"
)

// FragmentLifetime is how long Fragments keeps the ports of a first fragment, in nanoseconds. RFC 791 §3.2 lets a
// receiver begin with 15 seconds, Linux waits 30 for the last fragment.
const FragmentLifetime = int64(30 * time.Second)

// Fragments remembers the ports of first fragments and gives them to the later ones, which carry none. Its memory is
// fixed: at most 80 bytes per datagram. A full table evicts its oldest datagram. Only one goroutine at a time may use
// it.
//
// Fragments delays no packet: a later fragment that arrives before its first stays without ports.
type Fragments struct {
	// Evictions counts datagrams evicted within their lifetime to make room for newer ones.
	Evictions uint64

	seed    maphash.Seed // random, so that attackers can't choose collisions
	heads   []int32      // by hash: index of the first entry of a chain, plus 1
	entries []fragmentEntry
	oldest  int // the entry to replace next; they are filled in turn
}

// Datagram is the key that all fragments of one datagram share (RFC 791 §3.2, RFC 8200 §4.5). proto is 0 in IPv6, whose
// fragments need not agree in it: a later fragment names the first header of the fragmentable part.
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
	head             int32 // this entry's chain
	next             int32 // the entry after it in its chain, plus 1
	time             int64
}

// Datagram returns the key of the datagram that p is a fragment of. Call it before Resolve, which may set Proto.
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

// Resolve remembers the ports of a first fragment, and sets SrcPort, DstPort and (in IPv6) Proto of a later fragment
// whose first it has seen. It reports whether p's ports are known: false only for a later fragment without its first.
// now is in nanoseconds from any start. now may jump back: entries more than FragmentLifetime ahead of it then expire.
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

// replace moves the oldest entry from its chain to the start of another, with the new key.
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
