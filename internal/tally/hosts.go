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
	Gone         bool // it gave way to another one
	place        *list.Element
}

// Hosts are rows by address.
type Hosts struct {
	Evicted uint64 // hosts that gave way

	rows  map[netip.Addr]*Host
	byUse *list.List // of *Host, the one not heard of for longest at the back
	most  int
}

// NewHosts returns Hosts of at most so many hosts.
func NewHosts(most int) *Hosts {
	return &Hosts{rows: map[netip.Addr]*Host{}, byUse: list.New(), most: most}
}

// Host returns the row of a host; the one not heard of for longest gives way when there are too many.
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

// Find returns a host that is there; nil: it isn't.
func (h *Hosts) Find(addr netip.Addr) *Host { return h.rows[addr] }

// Touch notes that a host has been heard of. One that is gone stays gone.
func (h *Hosts) Touch(r *Host) { h.byUse.MoveToFront(r.place) }

// All are the hosts, in no order.
func (h *Hosts) All() iter.Seq[*Host] { return maps.Values(h.rows) }

// Len is how many there are.
func (h *Hosts) Len() int { return len(h.rows) }
