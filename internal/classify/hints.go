// SPDX-License-Identifier: Apache-2.0

package classify

import "net/netip"

// Limits of the hints.
const (
	// DefaultMaxHints is how many (client, address) pairs are remembered: some hundred for each of some hundred
	// clients. With one name of the usual length each they take 10 MiB, with four of 100 bytes 22 MiB.
	DefaultMaxHints = 32768
	// namesPerHint is how many names of one address a client may have asked for within their lifetimes.
	namesPerHint = 4
	// minTTL keeps an answer usable while the client sets up its connection, though its TTL be 0 (RFC 1035 §3.2.1).
	minTTL = 10e9
)

// Hints remembers which name each client asked for when it was given an address. The latest answer comes first, each
// lives as long as its own TTL. It is bounded: the pair that was learnt first gives way. It belongs to one goroutine.
type Hints struct {
	entries map[hintKey]*hint
	order   []hintKey // ring of the keys in order of their coming
	next    int       // the oldest place of a full ring
	max     int
	// Evicted counts pairs that gave way, NamesEvicted names of a pair that had others since.
	Evicted, NamesEvicted uint64
}

type hintKey struct{ client, addr [16]byte }

type hint struct {
	names [namesPerHint]hintName // the latest first
}

type hintName struct {
	host            []byte
	learnt, expires int64 // nanoseconds since the Unix epoch
}

// NewHints returns an empty memory of at most max pairs, DefaultMaxHints where max is 0.
func NewHints(max int) *Hints {
	if max <= 0 {
		max = DefaultMaxHints
	}
	return &Hints{entries: map[hintKey]*hint{}, max: max}
}

// Learn remembers that client was told at the time now that host has the address addr, for ttl seconds.
func (h *Hints) Learn(client, addr netip.Addr, host []byte, ttl uint32, now int64) {
	if len(host) == 0 || !addr.IsValid() || addr.IsUnspecified() || addr.IsLoopback() {
		return
	}
	key := hintKey{client.As16(), addr.As16()}
	e := h.entries[key]
	if e == nil {
		e = h.add(key)
	}
	name := hintName{learnt: now, expires: now + max(int64(ttl)*1e9, minTTL)}
	slot, isFull := namesPerHint-1, true
	for i := range e.names {
		if e.names[i].host == nil {
			slot, isFull = i, false
			break
		}
		if string(e.names[i].host) == string(host) {
			isFull = false
			if old := &e.names[i]; old.learnt <= now && now <= old.expires {
				name.learnt = old.learnt // it was known all the while, also to the flows that began before this answer
			}
			slot = i
			break
		}
	}
	if isFull && now <= e.names[slot].expires {
		h.NamesEvicted++
	}
	name.host = append(e.names[slot].host[:0], host...)
	copy(e.names[1:slot+1], e.names[:slot])
	e.names[0] = name
}

func (h *Hints) add(key hintKey) *hint {
	e := new(hint)
	if len(h.order) < h.max {
		h.order = append(h.order, key)
	} else {
		delete(h.entries, h.order[h.next])
		h.Evicted++
		h.order[h.next] = key
		h.next = (h.next + 1) % h.max
	}
	h.entries[key] = e
	return e
}

// Name is the name by which client knew addr at the time at: of those learnt before and still alive, the latest. It is
// valid until the next Learn.
func (h *Hints) Name(client, addr netip.Addr, at int64) []byte {
	e := h.entries[hintKey{client.As16(), addr.As16()}]
	if e == nil {
		return nil
	}
	for i := range e.names {
		if n := &e.names[i]; n.host != nil && n.learnt <= at && at <= n.expires {
			return n.host
		}
	}
	return nil
}
