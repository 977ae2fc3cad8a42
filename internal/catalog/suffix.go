// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"strings"
)

// maxName is the longest host name in octets: RFC 1035 §2.3.4 without the root label.
const maxName = 253

// none marks a missing value of a record.
const none = int32(-1)

// suffixSet finds the longest host name in the set that is a suffix of a name: one hash and one probe for each possible
// label, without allocation. It is an open-addressed table of offsets into one text, each beside the upper half of its
// name's hash: a miss touches one cache line, a hit two. A random hash seed keeps authors of names from choosing
// collisions.
type suffixSet struct {
	seed      maphash.Seed
	slots     []uint64 // the hash's upper 32 bits, then the record's offset; 0: free
	records   []byte   // from offset 1 on: values, length of the name, name
	minLabels int      // over all names: find probes no shorter or longer tails
	maxLabels int
}

// A record is two little-endian values (none for a missing one), the name's length and the name.
const (
	suffixAt   = 0 // value for the name and its subdomains
	exactAt    = 4 // value for the name alone
	lengthAt   = 8
	nameAt     = 9
	typicalLen = 16 // of a name, for the text's initial size
)

// newSuffixSet returns an empty set that can hold n names.
func newSuffixSet(n int) suffixSet {
	// At most half full, so that a probe ends after 1.5 slots on average (linear probing, hit) or 2.5 (miss).
	size := 1 << bits.Len(uint(2*n))
	return suffixSet{
		seed:      maphash.MakeSeed(),
		slots:     make([]uint64, size),
		records:   make([]byte, 1, 1+n*(nameAt+typicalLen)),
		minLabels: maxName,
	}
}

// add adds a name of at most maxName bytes, within the n of newSuffixSet. The first value of a name stays.
func (s *suffixSet) add(name string, value int32, exact bool) {
	hash := maphash.String(s.seed, name)
	slot, at := s.probe(hash, []byte(name))
	if at == 0 {
		at = uint32(len(s.records))
		s.records = binary.LittleEndian.AppendUint32(s.records, math.MaxUint32)
		s.records = binary.LittleEndian.AppendUint32(s.records, math.MaxUint32)
		s.records = append(s.records, byte(len(name)))
		s.records = append(s.records, name...)
		s.slots[slot] = hash&^0xffffffff | uint64(at)
		labels := strings.Count(name, ".") + 1
		s.minLabels = min(s.minLabels, labels)
		s.maxLabels = max(s.maxLabels, labels)
	}
	field := at + suffixAt
	if exact {
		field = at + exactAt
	}
	if s.value(field) == none {
		binary.LittleEndian.PutUint32(s.records[field:], uint32(value))
	}
}

// value reads one value of a record.
func (s *suffixSet) value(field uint32) int32 {
	return int32(binary.LittleEndian.Uint32(s.records[field:]))
}

// find returns the value of the longest suffix of name in the set, on a label boundary.
func (s *suffixSet) find(name []byte) (int32, bool) {
	if len(name) == 0 || len(name) > maxName {
		return 0, false
	}
	start, labels := s.tail(name)
	for ; labels >= s.minLabels; labels-- {
		tail := name[start:]
		if _, at := s.probe(maphash.Bytes(s.seed, tail), tail); at != 0 {
			if value := s.value(at + exactAt); start == 0 && value != none {
				return value, true
			}
			if value := s.value(at + suffixAt); value != none {
				return value, true
			}
		}
		start += bytes.IndexByte(tail, '.') + 1
	}
	return 0, false
}

// tail returns the start and the number of the last labels of name, at most maxLabels.
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

// probe returns the slot that ended the search for name, and the record's offset, 0 if name is absent. A free slot ends
// the search, and half of the slots are free.
func (s *suffixSet) probe(hash uint64, name []byte) (slot uint64, at uint32) {
	mask := uint64(len(s.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		entry := s.slots[i]
		if entry == 0 {
			return i, 0
		}
		if (entry^hash)>>32 != 0 {
			continue
		}
		at := uint32(entry)
		record := s.records[at:]
		if end := nameAt + int(record[lengthAt]); string(record[nameAt:end]) == string(name) {
			return i, at
		}
	}
}
