// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"slices"
	"strings"
	"sync"

	"github.com/weirnet/weir/internal/record"
)

// ringSize is the number of recent records kept for questions.
const ringSize = 4096

// ring holds the last records. It holds its lock only to copy one record or to search, and never while something waits:
// questions do not wait for the output, nor the output for questions.
type ring struct {
	mu      sync.Mutex
	records []record.Flow
	next    int
	kept    uint64 // records so far, those that were replaced included
}

// keep copies a record into the ring, in the memory of the one that it replaces.
func (x *ring) keep(r *record.Flow) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.records) < ringSize {
		x.records = append(x.records, record.Flow{})
	}
	old := &x.records[x.next]
	kept := *r
	kept.CommunityID = append(old.CommunityID[:0], r.CommunityID...)
	kept.Hostname = append(old.Hostname[:0], r.Hostname...)
	kept.Info = append(old.Info[:0], r.Info...)
	kept.VLANs, kept.Tunnels = append(old.VLANs[:0], r.VLANs...), append(old.Tunnels[:0], r.Tunnels...)
	*old = kept
	x.next = (x.next + 1) % ringSize
	x.kept++
}

// after calls each with the records that follow the first n that were kept, the oldest first, and returns how many of
// these are gone.
func (x *ring) after(n uint64, each func(*record.Flow)) (gone uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if n >= x.kept {
		return 0
	}
	wanted := x.kept - n
	if held := uint64(len(x.records)); wanted > held {
		gone, wanted = wanted-held, held
	}
	for i := int(wanted); i > 0; i-- {
		each(&x.records[(x.next+len(x.records)-i)%len(x.records)])
	}
	return gone
}

// find returns a copy of the newest record whose id begins with prefix, or nil; of is the number of records searched.
func (x *ring) find(prefix string) (r *record.Flow, of int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.records {
		r := &x.records[(x.next+len(x.records)-1-i)%len(x.records)]
		if strings.HasPrefix(string(r.ID[:]), prefix) {
			return r.Clone(), len(x.records)
		}
	}
	return nil, len(x.records)
}

// past calls each with the newest records that selects wants, at most most, the oldest of them first.
func (x *ring) past(most int, selects func(*record.Flow) bool, each func(*record.Flow)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	var found []*record.Flow
	for i := range x.records {
		if len(found) >= most {
			break
		}
		if r := &x.records[(x.next+len(x.records)-1-i)%len(x.records)]; selects(r) {
			found = append(found, r)
		}
	}
	for _, r := range slices.Backward(found) {
		each(r)
	}
}

// count returns the number of records.
func (x *ring) count() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.records)
}
