// SPDX-License-Identifier: Apache-2.0

package tally

import (
	"container/list"
	"iter"
	"maps"
	"net/netip"
)

// Host is the row of a host.
type Host struct {
	Row
	Applications Names
	Gone         bool // evicted for another one
	place        *list.Element
}

// Hosts holds rows by address.
type Hosts struct {
	Evicted uint64 // hosts replaced by others

	rows  map[netip.Addr]*Host
	byUse *list.List // of *Host, the least recently used at the back
	most  int
}

// NewHosts returns Hosts of at most that many hosts.
func NewHosts(most int) *Hosts {
	return &Hosts{rows: map[netip.Addr]*Host{}, byUse: list.New(), most: most}
}

// Host returns the row of a host; a new one evicts the least recently used when there are too many.
func (h *Hosts) Host(addr netip.Addr) *Host {
	if r := h.rows[addr]; r != nil {
		return r
	}
	if len(h.rows) >= h.most {
		oldest := h.byUse.Remove(h.byUse.Back()).(*Host)
		oldest.Gone = true
		delete(h.rows, oldest.Addr)
		h.Evicted++
	}
	r := &Host{Row: Row{Addr: addr}, Applications: Names{map[string]*Row{}, MaxHostApplications}}
	r.place = h.byUse.PushFront(r)
	h.rows[addr] = r
	return r
}

// Find returns a host, or nil.
func (h *Hosts) Find(addr netip.Addr) *Host { return h.rows[addr] }

// Touch marks a host as used. An evicted one stays evicted.
func (h *Hosts) Touch(r *Host) { h.byUse.MoveToFront(r.place) }

// All returns the hosts, in no order.
func (h *Hosts) All() iter.Seq[*Host] { return maps.Values(h.rows) }

// Len returns the number of hosts.
func (h *Hosts) Len() int { return len(h.rows) }
