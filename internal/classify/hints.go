// SPDX-License-Identifier: Apache-2.0

package classify

import (
	"math"
	"net/netip"
)

// Limits of the hints.
const (
	// DefaultMaxHints is how many (client, address) pairs Hints remembers: some hundred for each of some hundred
	// clients. With one name of the usual length each they take 10 MiB, with four of 100 bytes 22 MiB.
	DefaultMaxHints = 32768
	// namesPerHint bounds the names that a client may have resolved to one address within their lifetimes.
	namesPerHint = 4
	// minTTL keeps an answer usable while the client sets up its connection, even with TTL 0 (RFC 1035 §3.2.1).
	minTTL = 10e9
)

// Hints remembers the names that each client resolved to an address. The latest answer comes first, and each lives as
// long as its TTL. Hints is bounded: it evicts the oldest pair. It belongs to one goroutine.
type Hints struct {
	entries map[hintKey]*hint
	order   []hintKey // ring of the keys in order of arrival
	next    int       // the oldest entry of a full ring
	max     int
	// Evicted counts evicted pairs, NamesEvicted names that newer ones pushed out of their pair.
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

// NewHints returns an empty memory for at most max pairs, DefaultMaxHints if max is 0.
func NewHints(max int) *Hints {
	if max <= 0 {
		max = DefaultMaxHints
	}
	return &Hints{entries: map[hintKey]*hint{}, max: max}
}

// Learn remembers that at the time now a DNS answer gave client the address addr for host, valid for ttl seconds.
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
				name.learnt = old.learnt // valid throughout, so flows that began before this answer find it too
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

// Name returns the name by which client knew addr at the time at: the latest name learnt before and still valid. The
// result is valid until the next Learn.
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

// Each calls f with each name, in the order in which Resume restores them. Flows that began long ago need those, too,
// that are no longer valid.
func (h *Hints) Each(f func(client, addr netip.Addr, host []byte, learnt, expires int64)) {
	for n := range h.order {
		key := h.order[(h.next+n)%len(h.order)]
		e := h.entries[key]
		client, addr := netip.AddrFrom16(key.client), netip.AddrFrom16(key.addr)
		for i := namesPerHint - 1; i >= 0; i-- { // the latest last
			if name := &e.names[i]; name.host != nil {
				f(client, addr, name.host, name.learnt, name.expires)
			}
		}
	}
}

// Resume remembers a name of an earlier Hints as Each told it.
func (h *Hints) Resume(client, addr netip.Addr, host []byte, learnt, expires int64) {
	const nanoseconds = 1e9
	ttl := min(max(expires-learnt, 0)/nanoseconds, math.MaxUint32)
	h.Learn(client, addr, host, uint32(ttl), learnt)
}
