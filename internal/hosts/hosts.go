// SPDX-License-Identifier: Apache-2.0

// Package hosts keeps the devices of the LAN: their addresses, what they are called, and what they seem to be. It
// learns from flow records and from the kernel's table of neighbours.
package hosts

import (
	"cmp"
	"container/list"
	"net/netip"
	"slices"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

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

	mac      [6]byte
	evidence []identify.Evidence
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

// Limits. What is past them replaces what was seen least recently; of devices, the least sure ones first.
const (
	maxHosts      = 4096
	maxAddresses  = 16
	maxNames      = 6
	maxEvidence   = 32
	maxText       = 256     // bytes of a name or a piece of evidence
	maxDeviceText = 2 << 10 // bytes of all names and evidence of a device; so 8 MiB of all devices
)

// certainty is how sure it is that a device exists: whoever is on the LAN can send frames in the name of others, as
// many as he likes.
type certainty uint8

const (
	heard    certainty = iota // a frame named it as its sender
	asking                    // it asked for an address by DHCP
	answered                  // a flow of it has packets of both ends
	known                     // the kernel has reached it, or a DHCP server gave it an address
	certainties
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
	certainty certainty
	place     *list.Element // among those as certain
}

// Table holds the devices. It is safe for use by several goroutines.
type Table struct {
	mu     sync.Mutex
	hosts  map[key]*host
	byAddr map[netip.Addr]*host // the last one that had the address
	macs   map[netip.Addr][6]byte
	// seenOf are the devices by certainty, the one seen least recently first.
	seenOf   [certainties]list.List
	counters counters
}

// counters say what became of devices for which there was no room.
type counters struct {
	Evicted uint64 // that gave way to others
	Refused uint64 // sightings of devices less certain than all that there are
}

// New returns an empty table.
func New() *Table {
	return &Table{hosts: map[key]*host{}, byAddr: map[netip.Addr]*host{}, macs: map[netip.Addr][6]byte{}}
}

// Collect adds the counts to a snapshot.
func (t *Table) Collect(s *metric.Snapshot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.Add(metric.DevicesForgotten, t.counters.Evicted)
	s.Add(metric.DevicesRefused, t.counters.Refused)
}

// seen notes that a device was there, and returns it; nil: there is no room for one that is no surer than that.
func (t *Table) seen(k key, addr netip.Addr, at time.Time, c certainty) *host {
	h := t.hosts[k]
	if h == nil {
		if len(t.hosts) >= maxHosts && !t.evict(c) {
			return nil
		}
		h = &host{key: k, first: at, certainty: c}
		t.hosts[k] = h
		h.place = t.seenOf[c].PushBack(h)
	}
	t.raise(h, c)
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

// raise notes that a device was seen just now, and is at least as certain as c.
func (t *Table) raise(h *host, c certainty) {
	if c <= h.certainty {
		t.seenOf[h.certainty].MoveToBack(h.place)
		return
	}
	t.seenOf[h.certainty].Remove(h.place)
	h.certainty, h.place = c, t.seenOf[c].PushBack(h)
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

// evict forgets the device that was seen least recently of the least certain ones; of those at most as certain as c.
func (t *Table) evict(c certainty) bool {
	for i := range c + 1 {
		if least := t.seenOf[i].Front(); least != nil {
			t.remove(least.Value.(*host))
			t.counters.Evicted++
			return true
		}
	}
	t.counters.Refused++
	return false
}

func (t *Table) remove(h *host) {
	delete(t.hosts, h.key)
	t.seenOf[h.certainty].Remove(h.place)
	for _, a := range h.addresses {
		if t.byAddr[a.IP] == h {
			delete(t.byAddr, a.IP)
		}
	}
}

// name notes what a device is called. Of one source the last name counts.
func (h *host) name(name, source string) {
	if name = clean(name); name == "" {
		return
	}
	h.names = slices.DeleteFunc(h.names, func(n Name) bool { return n.Source == source })
	h.names = append(h.names, Name{name, source})
	slices.SortStableFunc(h.names, func(a, b Name) int { return cmp.Compare(trust(a.Source), trust(b.Source)) })
	h.names = h.names[:min(len(h.names), maxNames)]
	h.shorten()
}

// clean is a text of at most maxText bytes in memory of its own, without what can't be printed. So it is no longer in
// JSON than twice that.
func clean(text string) string {
	kept := make([]byte, 0, min(len(text), maxText))
	for _, r := range text {
		if !unicode.IsPrint(r) {
			r = '?'
		}
		if len(kept)+utf8.RuneLen(r) > maxText {
			break
		}
		kept = utf8.AppendRune(kept, r)
	}
	return string(kept)
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
	is := func(e identify.Evidence) bool { return e.Source == source && e.Value == value }
	if i := slices.IndexFunc(h.evidence, is); i >= 0 { // the newest are last
		e := h.evidence[i]
		h.evidence = append(slices.Delete(h.evidence, i, i+1), e)
		return
	}
	if value = clean(value); value == "" {
		return
	}
	h.evidence = append(slices.DeleteFunc(h.evidence, is), identify.Evidence{Source: source, Value: value})
	h.shorten()
}

// shorten holds the limits of a device's evidence: the oldest gives way.
func (h *host) shorten() {
	size := 0
	for i := range h.names {
		size += len(h.names[i].Name)
	}
	least := len(h.evidence)
	for least > 0 && len(h.evidence)-least < maxEvidence && size+len(h.evidence[least-1].Value) <= maxDeviceText {
		least--
		size += len(h.evidence[least].Value)
	}
	h.evidence = slices.Delete(h.evidence, 0, least)
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
func (t *Table) Find(a netip.Addr) (p Host, ok bool) {
	t.mu.Lock()
	h := t.byAddr[a]
	if h != nil {
		p = h.copy()
	}
	t.mu.Unlock()
	if h == nil {
		return Host{}, false
	}
	p.identify()
	return p, true
}

// All are the devices, those seen last first. The lock is held for one device at a time: who asks must not keep the
// records waiting.
func (t *Table) All() []Host {
	list := t.list()
	for _, h := range list {
		t.with(h, func() {
			if router := t.byAddr[h.router]; router != nil {
				router.isRouter = true
			}
		})
	}
	all := make([]Host, 0, len(list))
	for _, h := range list {
		t.with(h, func() { all = append(all, h.copy()) })
	}
	for i := range all {
		all[i].identify()
	}
	slices.SortFunc(all, func(a, b Host) int {
		if o := b.LastSeen.Compare(a.LastSeen); o != 0 {
			return o
		}
		return cmp.Compare(a.MAC, b.MAC)
	})
	return all
}

// list are the devices, those first that are least certain and were seen least recently.
func (t *Table) list() []*host {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*host, 0, len(t.hosts))
	for i := range t.seenOf {
		for e := t.seenOf[i].Front(); e != nil; e = e.Next() {
			all = append(all, e.Value.(*host))
		}
	}
	return all
}

// with calls f with the lock held if a device is still there.
func (t *Table) with(h *host, f func()) (isThere bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if isThere = t.hosts[h.key] == h; isThere {
		f()
	}
	return isThere
}

// copy is the device without what is guessed.
func (h *host) copy() Host {
	p := Host{
		Addresses: slices.Clone(h.addresses), Names: slices.Clone(h.names), Interface: h.link, Router: h.router,
		IsRouter:  h.isRouter,
		FirstSeen: h.first, LastSeen: h.last, mac: h.key.mac, evidence: slices.Clone(h.evidence),
	}
	slices.SortFunc(p.Addresses, func(a, b Address) int { return a.IP.Compare(b.IP) })
	return p
}

// identify adds what the device's address and the evidence tell.
func (p *Host) identify() {
	evidence := p.evidence
	if p.mac != [6]byte{} {
		p.MAC = string(record.AppendMAC(nil, p.mac))
		p.Vendor, p.RandomMAC = oui.Vendor(p.mac), oui.IsRandom(p.mac)
		if p.Vendor != "" {
			evidence = append(evidence, identify.Evidence{Source: identify.Vendor, Value: p.Vendor})
		}
	}
	for _, n := range p.Names {
		evidence = append(evidence, identify.Evidence{Source: identify.HostName, Value: n.Name})
	}
	system, kind := identify.Identify(evidence)
	p.OS, p.Kind, p.evidence = guess(system), guess(kind), nil
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
