// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/hex"
	"sync/atomic"

	"github.com/weirnet/weir/internal/record"
)

// memory remembers what has been reported of flows. A full one forgets the flow heard of least recently: one whose last
// record was lost, or one that is silent.
type memory struct {
	most         int
	slots        map[key]int32
	flows        []reported // by slot
	free         []int32
	newest, last int32 // ends of the list by the time when a flow was heard of
	forgotten    atomic.Uint64
}

// key is a flow's identifier.
type key [16]byte

// keyOf returns a record's key.
func keyOf(f *record.Flow) (k key) {
	if _, err := hex.Decode(k[:], f.ID[:]); err != nil { // not hexadecimal, so half of it identifies it as well
		copy(k[:], f.ID[:])
	}
	return k
}

// reported is what has been reported of a flow.
type reported struct {
	key          key
	newer, older int32
	reported     record.Counts // in reports up to the last one
	latest       record.Counts // with this interval
	sums         record.Sums   // of the latest record
	// What follows is of this interval.
	segment  int32        // -1: it has no record
	changed  record.Parts // since the last report
	isWhole  bool         // its whole record travels
	hasEnded bool
}

// nobody is the end of a list of slots.
const nobody = -1

func newMemory(most int) memory {
	return memory{most: most, slots: map[key]int32{}, newest: nobody, last: nobody}
}

// slot returns the slot of a flow, which is now the one heard of last.
func (m *memory) slot(k key) int32 {
	i, ok := m.slots[k]
	switch {
	case ok:
		if i == m.newest {
			return i
		}
		m.unlink(i)
	case len(m.slots) >= m.most:
		i = m.last
		m.forgotten.Add(1)
		m.unlink(i)
		delete(m.slots, m.flows[i].key)
	case len(m.free) > 0:
		i = m.free[len(m.free)-1]
		m.free = m.free[:len(m.free)-1]
	default:
		i = int32(len(m.flows))
		m.flows = append(m.flows, reported{})
	}
	if !ok {
		m.flows[i] = reported{key: k, segment: nobody, isWhole: true}
		m.slots[k] = i
	}
	m.link(i)
	return i
}

// link makes a slot the newest.
func (m *memory) link(i int32) {
	m.flows[i].newer, m.flows[i].older = nobody, m.newest
	if m.newest == nobody {
		m.last = i
	} else {
		m.flows[m.newest].newer = i
	}
	m.newest = i
}

func (m *memory) unlink(i int32) {
	f := &m.flows[i]
	if f.newer == nobody {
		m.newest = f.older
	} else {
		m.flows[f.newer].older = f.older
	}
	if f.older == nobody {
		m.last = f.newer
	} else {
		m.flows[f.older].newer = f.newer
	}
}

// forgetReports marks all flows as ones that no report tells of. Those of this interval's records stay as they are.
func (m *memory) forgetReports() {
	for i := m.newest; i != nobody; i = m.flows[i].older {
		if m.flows[i].segment == nobody {
			m.flows[i].isWhole = true
		}
	}
}

// reported notes that a report has the latest record of a slot's flow. One that has ended needs no memory.
func (m *memory) reported(i int32) {
	f := &m.flows[i]
	if f.segment == nobody { // the slot had two flows in the interval
		return
	}
	if f.hasEnded {
		f.segment = nobody
		m.unlink(i)
		delete(m.slots, f.key)
		m.free = append(m.free, i)
		return
	}
	f.reported, f.segment, f.changed, f.isWhole = f.latest, nobody, 0, false
}
