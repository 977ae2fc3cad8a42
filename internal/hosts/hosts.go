// SPDX-License-Identifier: Apache-2.0

// Package hosts keeps the devices of the LAN: their addresses, what they are called, and what they seem to be. It learns from flow
// records and from the kernel's table of neighbours.
package hosts

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/identify"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/oui"
	"github.com/weirnet/weir/internal/record"
)

// Host is one device.
type Host struct {
	// MAC is its link-layer address, as six pairs of digits; empty for one that is behind another router.
	MAC    string `json:"mac,omitempty"`
	Vendor string `json:"vendor,omitempty"`
	// RandomMAC: the device chose the address at random, so that another day it may be another device to weir.
	RandomMAC bool       `json:"random_mac,omitempty"`
	Addresses []Address  `json:"addresses"`
	Names     []Name     `json:"names,omitempty"` // the best one first
	OS        *Guess     `json:"os,omitempty"`
	Kind      *Guess     `json:"kind,omitempty"`
	Interface string     `json:"interface,omitempty"`
	Router    netip.Addr `json:"router,omitzero"` // behind which it is
	IsRouter  bool       `json:"is_router,omitempty"`
	FirstSeen time.Time  `json:"first_seen"`
	LastSeen  time.Time  `json:"last_seen"`
}

// Address is an address that a device has had.
type Address struct {
	IP        netip.Addr `json:"ip"`
	FirstSeen time.Time  `json:"first_seen"`
	LastSeen  time.Time  `json:"last_seen"`
}

// Name is what a device is called, and by which protocol that was learnt: dhcp, mdns, ssdp, netbios, llmnr.
type Name struct {
	Name   string `json:"name"`
	Source string `json:"source"`
}

// Guess is what a device seems to be.
type Guess struct {
	Value      string   `json:"value"`
	Confidence int      `json:"confidence"` // percent
	Evidence   []string `json:"evidence"`   // such as "dhcp-class MSFT 5.0"
}

// Limits. What is past them replaces what was seen least recently.
const (
	maxHosts     = 4096
	maxAddresses = 16
	maxNames     = 6
	maxEvidence  = 32
	maxText      = 256 // bytes of a name or a piece of evidence
)

// key is what a device is known by: its MAC address, or behind a router its IP address.
type key struct {
	mac  [6]byte
	addr netip.Addr
}

// host is a Host in the making.
type host struct {
	key       key
	addresses []Address
	names     []Name
	evidence  []identify.Evidence
	link      string
	router    netip.Addr
	isRouter  bool
	first     time.Time
	last      time.Time
}

// Table holds the devices. It is safe for use by several goroutines.
type Table struct {
	mu      sync.Mutex
	hosts   map[key]*host
	byAddr  map[netip.Addr]*host // the last one that had the address
	macs    map[netip.Addr][6]byte
	evicted uint64
}

// New returns an empty table.
func New() *Table {
	return &Table{hosts: map[key]*host{}, byAddr: map[netip.Addr]*host{}, macs: map[netip.Addr][6]byte{}}
}

// Collect adds the counts to a snapshot.
func (t *Table) Collect(s *metric.Snapshot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.Add(metric.DevicesForgotten, t.evicted)
}

// seen notes that a device was there, and returns it.
func (t *Table) seen(k key, addr netip.Addr, at time.Time) *host {
	h := t.hosts[k]
	if h == nil {
		if len(t.hosts) >= maxHosts {
			t.evict()
		}
		h = &host{key: k, first: at}
		t.hosts[k] = h
	}
	if at.After(h.last) {
		h.last = at
	}
	if at.Before(h.first) {
		h.first = at
	}
	if addr.IsValid() && !addr.IsUnspecified() {
		t.address(h, addr, at)
	}
	return h
}

// address notes that a device has an address.
func (t *Table) address(h *host, addr netip.Addr, at time.Time) {
	t.byAddr[addr] = h
	i := slices.IndexFunc(h.addresses, func(a Address) bool { return a.IP == addr })
	if i >= 0 {
		if a := &h.addresses[i]; at.After(a.LastSeen) {
			a.LastSeen = at
		}
		return
	}
	if len(h.addresses) == maxAddresses { // privacy extensions change them every day
		i := oldest(h.addresses)
		if t.byAddr[h.addresses[i].IP] == h {
			delete(t.byAddr, h.addresses[i].IP)
		}
		h.addresses = slices.Delete(h.addresses, i, i+1)
	}
	h.addresses = append(h.addresses, Address{addr, at, at})
}

func oldest(all []Address) (least int) {
	for i := range all {
		if all[i].LastSeen.Before(all[least].LastSeen) {
			least = i
		}
	}
	return least
}

// evict forgets the device that was seen least recently.
func (t *Table) evict() {
	var least *host
	for _, h := range t.hosts {
		if least == nil || h.last.Before(least.last) {
			least = h
		}
	}
	t.remove(least)
	t.evicted++
}

func (t *Table) remove(h *host) {
	delete(t.hosts, h.key)
	for _, a := range h.addresses {
		if t.byAddr[a.IP] == h {
			delete(t.byAddr, a.IP)
		}
	}
}

// name notes what a device is called. Of one source the last name counts.
func (h *host) name(name, source string) {
	if name == "" {
		return
	}
	name = name[:min(len(name), maxText)]
	h.names = slices.DeleteFunc(h.names, func(n Name) bool { return n.Source == source })
	h.names = append(h.names, Name{name, source})
	slices.SortStableFunc(h.names, func(a, b Name) int { return cmp.Compare(trust(a.Source), trust(b.Source)) })
	h.names = h.names[:min(len(h.names), maxNames)]
}

// trust is the lower, the better a source's names are: what a device tells its own network first.
func trust(source string) int {
	return slices.Index([]string{"dhcp", "mdns", "netbios", "llmnr", "ssdp"}, source)
}

// tell notes a piece of evidence of what a device is.
func (h *host) tell(source identify.Source, value string) {
	if value == "" {
		return
	}
	e := identify.Evidence{Source: source, Value: value[:min(len(value), maxText)]}
	if i := slices.Index(h.evidence, e); i >= 0 {
		h.evidence = append(slices.Delete(h.evidence, i, i+1), e) // the newest are last
		return
	}
	if len(h.evidence) == maxEvidence {
		h.evidence = slices.Delete(h.evidence, 0, 1)
	}
	h.evidence = append(h.evidence, e)
}

// Name is the best name of the device that has an address; empty where none is known.
func (t *Table) Name(a netip.Addr) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.byAddr[a]; h != nil && len(h.names) > 0 {
		return h.names[0].Name
	}
	return ""
}

// Find is the device that has an address.
func (t *Table) Find(a netip.Addr) (Host, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.byAddr[a]
	if h == nil {
		return Host{}, false
	}
	return h.public(), true
}

// All are the devices, those seen last first.
func (t *Table) All() []Host {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.hosts {
		if router := t.byAddr[h.router]; router != nil {
			router.isRouter = true
		}
	}
	all := make([]Host, 0, len(t.hosts))
	for _, h := range t.hosts {
		all = append(all, h.public())
	}
	slices.SortFunc(all, func(a, b Host) int {
		if o := b.LastSeen.Compare(a.LastSeen); o != 0 {
			return o
		}
		return cmp.Compare(a.MAC, b.MAC)
	})
	return all
}

func (h *host) public() Host {
	p := Host{
		Addresses: slices.Clone(h.addresses), Names: slices.Clone(h.names), Interface: h.link, Router: h.router, IsRouter: h.isRouter,
		FirstSeen: h.first, LastSeen: h.last,
	}
	slices.SortFunc(p.Addresses, func(a, b Address) int { return a.IP.Compare(b.IP) })
	evidence := slices.Clone(h.evidence)
	if h.key.mac != [6]byte{} {
		p.MAC = string(record.AppendMAC(nil, h.key.mac))
		p.Vendor, p.RandomMAC = oui.Vendor(h.key.mac), oui.IsRandom(h.key.mac)
		if p.Vendor != "" {
			evidence = append(evidence, identify.Evidence{Source: identify.Vendor, Value: p.Vendor})
		}
	}
	for _, n := range h.names {
		evidence = append(evidence, identify.Evidence{Source: identify.HostName, Value: n.Name})
	}
	system, kind := identify.Identify(evidence)
	p.OS, p.Kind = guess(system), guess(kind)
	return p
}

func guess(g identify.Guess) *Guess {
	if g.Value == "" {
		return nil
	}
	out := &Guess{Value: g.Value, Confidence: g.Confidence}
	for _, e := range g.Evidence {
		out.Evidence = append(out.Evidence, e.Source.String()+" "+e.Value)
	}
	return out
}
