// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"time"

	"github.com/weirnet/weir/internal/packet"
)

// evictedFlows remembers ended connections that a full table has evicted: their packets in flight, such as the last
// acknowledgement, would make a flow that never was. It is a cache of a fixed size.
type evictedFlows struct {
	sets [evictedSets][evictedWays]evictedFlow
}

const (
	evictedSets = 1024
	evictedWays = 4
	// evictedFor is how long the cache remembers a connection after its last packet: retransmissions come at growing
	// intervals.
	evictedFor = int64(time.Minute)
)

// evictedFlow is an entry; the zero value is empty.
type evictedFlow struct {
	key    Key
	last   int64
	reason Reason
}

// add stores a key in place of the least recent one of its set.
func (c *evictedFlows) add(hash uint64, key *Key, reason Reason, now int64) {
	set := &c.sets[hash%evictedSets]
	oldest := &set[0]
	for n := range set {
		e := &set[n]
		if e.key == *key {
			oldest = e
			break
		}
		if e.last < oldest.last {
			oldest = e
		}
	}
	*oldest = evictedFlow{*key, now, reason}
}

// IsLate reports whether a TCP packet that comes at now belongs to an ended connection that the full table has evicted.
// The owner counts it and makes no flow of it.
func (t *Table[D]) IsLate(key *Key, flags uint8, hasPayload bool, now int64) bool {
	if t.evicted == nil || !IsOfEnded(Closed, flags, hasPayload) {
		return false // nearly always
	}
	_, hash, found := t.find(key)
	if found {
		return false
	}
	set := &t.evicted.sets[hash%evictedSets]
	for n := range set {
		if e := &set[n]; e.key == *key && !IsIdle(e.last, now, evictedFor) {
			if !IsOfEnded(e.reason, flags, hasPayload) {
				return false
			}
			e.last = max(e.last, now)
			return true
		}
	}
	return false
}

// IsOfEnded reports whether a packet belongs to a connection that ended for reason and leaves it ended: it begins no
// other one (see IsReplaced), and does not revoke a reset (see Follow).
func IsOfEnded(reason Reason, flags uint8, hasPayload bool) bool {
	if flags&packet.SYN != 0 {
		return false
	}
	return reason == Closed || flags&packet.RST != 0 || !hasPayload
}
