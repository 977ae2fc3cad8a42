// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"strings"
)

// maxName is the longest host name in octets, RFC 1035 §2.3.4 without the root's.
const maxName = 253

// none marks the absent half of a suffixEntry.
const none = int32(-1)

// suffixSet finds the longest of many host name suffixes that a name ends in: one hash and one probe for
// each label that can matter, with no allocation. It is an open-addressed table of entry numbers beside
// the upper half of their hashes, so that a probe that misses touches one cache line and no string.
// The hash has a random seed: nobody who writes names can choose collisions.
type suffixSet struct {
	seed      maphash.Seed
	slots     []uint64 // hash's upper 32 bits, then entry number + 1; 0 is free
	entries   []suffixEntry
	minLabels int // of all entries: shorter and longer tails are never probed
	maxLabels int
}

// suffixEntry is one name and the values it leads to, none where it has none.
type suffixEntry struct {
	name   string
	suffix int32 // for the name and everything below it
	exact  int32 // for the name only
}

// newSuffixSet returns an empty set that can hold n names.
func newSuffixSet(n int) suffixSet {
	// At most half full, so that a probe ends after 1.5 slots on average (linear probing, hit) or 2.5 (miss).
	size := 1 << bits.Len(uint(2*n))
	return suffixSet{
		seed:      maphash.MakeSeed(),
		slots:     make([]uint64, size),
		entries:   make([]suffixEntry, 0, n),
		minLabels: maxName,
	}
}

// add puts a name in. The first value given for a name stays.
func (s *suffixSet) add(name string, value int32, exact bool) {
	hash := maphash.String(s.seed, name)
	slot, e := s.probeString(hash, name)
	if e == nil {
		s.entries = append(s.entries, suffixEntry{name: name, suffix: none, exact: none})
		s.slots[slot] = hash&^0xffffffff | uint64(len(s.entries))
		e = &s.entries[len(s.entries)-1]
		labels := strings.Count(name, ".") + 1
		s.minLabels = min(s.minLabels, labels)
		s.maxLabels = max(s.maxLabels, labels)
	}
	if exact && e.exact == none {
		e.exact = value
	}
	if !exact && e.suffix == none {
		e.suffix = value
	}
}

// find returns the value of the longest suffix of name in the set, on a label boundary.
func (s *suffixSet) find(name []byte) (int32, bool) {
	if len(name) == 0 || len(name) > maxName {
		return 0, false
	}
	start, labels := s.tail(name)
	for ; labels >= s.minLabels; labels-- {
		tail := name[start:]
		if e := s.probe(maphash.Bytes(s.seed, tail), tail); e != nil {
			if start == 0 && e.exact != none {
				return e.exact, true
			}
			if e.suffix != none {
				return e.suffix, true
			}
		}
		start += bytes.IndexByte(tail, '.') + 1
	}
	return 0, false
}

// tail returns where the last maxLabels labels of name begin, and how many there are.
func (s *suffixSet) tail(name []byte) (start, labels int) {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' {
			labels++
			if labels == s.maxLabels {
				return i + 1, labels
			}
		}
	}
	return 0, labels + 1
}

// probe returns the entry for name, nil where there is none. A free slot ends the search, and half are free.
func (s *suffixSet) probe(hash uint64, name []byte) *suffixEntry {
	mask := uint64(len(s.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := s.slots[i]
		if slot == 0 {
			return nil
		}
		if (slot^hash)>>32 == 0 {
			if e := &s.entries[uint32(slot)-1]; e.name == string(name) {
				return e
			}
		}
	}
}

// probeString is probe for add: it also returns the slot where the search ended.
func (s *suffixSet) probeString(hash uint64, name string) (uint64, *suffixEntry) {
	mask := uint64(len(s.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := s.slots[i]
		if slot == 0 {
			return i, nil
		}
		if e := &s.entries[uint32(slot)-1]; e.name == name {
			return i, e
		}
	}
}
