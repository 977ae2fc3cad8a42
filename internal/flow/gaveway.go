// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"time"

	"github.com/weirnet/weir/internal/packet"
)

// gaveWay remembers connections that had ended when they gave their places to others in a full table: what is still
// under way of one, such as its last acknowledgement, would make a flow that never was. It is a cache of a fixed size.
type gaveWay struct {
	sets [gaveWaySets][gaveWayWays]gone
}

const (
	gaveWaySets = 1024
	gaveWayWays = 4
	// gaveWayFor is how long one is remembered after its last packet: retransmissions wait longer each time.
	gaveWayFor = int64(time.Minute)
)

// gone is one of them; the zero value is none.
type gone struct {
	key    Key
	last   int64
	reason Reason
}

// add remembers a key in place of the one of its set that was heard of least recently.
func (g *gaveWay) add(hash uint64, key *Key, reason Reason, now int64) {
	set := &g.sets[hash%gaveWaySets]
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
	*oldest = gone{*key, now, reason}
}

// IsLate says whether a TCP packet that comes at now belongs to a connection that had ended and gave way in the full
// table. The owner counts it and makes no flow of it.
func (t *Table[D]) IsLate(key *Key, flags uint8, hasPayload bool, now int64) bool {
	if t.gaveWay == nil || !IsOfEnded(Closed, flags, hasPayload) {
		return false // nearly always
	}
	_, hash, found := t.find(key)
	if found {
		return false
	}
	set := &t.gaveWay.sets[hash%gaveWaySets]
	for n := range set {
		if e := &set[n]; e.key == *key && !IsIdle(e.last, now, gaveWayFor) {
			if !IsOfEnded(e.reason, flags, hasPayload) {
				return false
			}
			e.last = max(e.last, now)
			return true
		}
	}
	return false
}

// IsOfEnded says whether a packet belongs to a connection that ended for reason and leaves it so: it begins no other
// one (see IsReplaced), and does not take a reset back (see Follow).
func IsOfEnded(reason Reason, flags uint8, hasPayload bool) bool {
	if flags&packet.SYN != 0 {
		return false
	}
	return reason == Closed || flags&packet.RST != 0 || !hasPayload
}
