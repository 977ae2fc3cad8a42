// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"strings"
	"sync"

	"github.com/weirnet/weir/internal/record"
)

// ringSize is how many of the last records are kept, to be explained.
const ringSize = 4096

// ring holds the last records that were passed on. Its lock is held to copy one record, or to look for one, and over
// nothing that can wait: neither does a question wait for the output nor the output for questions.
type ring struct {
	mu      sync.Mutex
	records []record.Flow
	next    int
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
	kept.Info, kept.Risks = nil, 0 // what a flow says is not what explains it
	kept.VLANs, kept.Tunnels = append(old.VLANs[:0], r.VLANs...), append(old.Tunnels[:0], r.Tunnels...)
	*old = kept
	x.next = (x.next + 1) % ringSize
}

// find returns a copy of the newest record whose id begins with prefix; nil where there is none, of so many.
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
