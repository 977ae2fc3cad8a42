// SPDX-License-Identifier: Apache-2.0

// Package hosts keeps the devices of the LAN: their addresses, their names, and guesses of what they are. It learns
// from flow records and from the kernel's neighbour table.
package hosts

import (
	"cmp"
	"container/list"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/identify"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/oui"
	"github.com/weirnet/weir/internal/record"
)

// Host is a device.
type Host struct {
	// MAC is its link-layer address, as six pairs of digits; empty for a device behind another router.
	MAC    string `json:"mac,omitempty"`
	Vendor string `json:"vendor,omitempty"`
	// RandomMAC: the device chose the address at random, so another day weir may see another device.
	RandomMAC bool       `json:"random_mac,omitempty"`
	Addresses []Address  `json:"addresses"`
	Names     []Name     `json:"names,omitempty"` // the best one first
	OS        *Guess     `json:"os,omitempty"`
	Kind      *Guess     `json:"kind,omitempty"`
	Interface string     `json:"interface,omitempty"`
	Router    netip.Addr `json:"router,omitzero"` // the router that it is behind
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

// Name is a device's name, and the protocol that announced it: dhcp, mdns, ssdp, netbios, llmnr.
type Name struct {
	Name   string `json:"name"`
	Source string `json:"source"`
}

// Guess is one guess about a device.
type Guess struct {
	Value      string   `json:"value"`
	Confidence int      `json:"confidence"` // percent
	Evidence   []string `json:"evidence"`   // such as "dhcp-class MSFT 5.0"
}

// Limits. Past them the newest replaces what was seen least recently; of devices, the least certain first.
const (
	maxHosts      = 4096
	maxAddresses  = 16
	maxNames      = 6
	maxEvidence   = 32
	maxText       = 256     // bytes of a name or a piece of evidence
	maxDeviceText = 2 << 10 // bytes of all names and evidence of a device; so 8 MiB of all devices
)

// certainty is how sure a device's existence is: anyone on the LAN can send any number of frames in others' names.
type certainty uint8

const (
	heard    certainty = iota // a frame named it as its sender
	asking                    // it requested an address by DHCP
	answered                  // a flow of it has packets of both ends
	known                     // the kernel has reached it, or a DHCP server gave it an address
	certainties
)

// key identifies a device: by its MAC address, or behind a router by its IP address.
type key struct {
	mac  [6]byte
	addr netip.Addr
}

// host is a Host under construction.
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
	place     *list.Element // among those of the same certainty
	isChanged bool          // see Table.Changed
}

// Table holds the devices. It is safe for use by several goroutines.
type Table struct {
	mu     sync.Mutex
	hosts  map[key]*host
	byAddr map[netip.Addr]*host // the last device with the address
	macs   map[netip.Addr][6]byte
	// seenOf lists the devices by certainty, the one seen least recently first.
	seenOf   [certainties]list.List
	counters counters
}

// counters count devices dropped for want of room.
type counters struct {
	Evicted uint64 // evicted for others
	Refused uint64 // sightings of devices less certain than all in the table
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

// seen notes that a device was there, and returns it; nil if the table is full of surer devices.
func (t *Table) seen(k key, addr netip.Addr, at time.Time, c certainty) *host {
	h := t.hosts[k]
	if h == nil {
		if len(t.hosts) >= maxHosts && !t.evict(c) {
			return nil
		}
		h = &host{key: k, first: at, certainty: c, isChanged: true}
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

// raise moves a device to the newest, and its certainty to at least c.
func (t *Table) raise(h *host, c certainty) {
	if c <= h.certainty {
		t.seenOf[h.certainty].MoveToBack(h.place)
		return
	}
	t.seenOf[h.certainty].Remove(h.place)
	h.certainty, h.place = c, t.seenOf[c].PushBack(h)
}

// address adds an address of a device.
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
	h.isChanged = true
}

func oldest(all []Address) (least int) {
	for i := range all {
		if all[i].LastSeen.Before(all[least].LastSeen) {
			least = i
		}
	}
	return least
}

// evict deletes the device seen least recently of the least certain ones, if at most as certain as c.
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

// name sets a device's name. A source's last name replaces its earlier one.
func (h *host) name(name, source string) {
	if name = clean(name); name == "" || slices.Contains(h.names, Name{name, source}) {
		return
	}
	h.isChanged = true
	h.names = slices.DeleteFunc(h.names, func(n Name) bool { return n.Source == source })
	h.names = append(h.names, Name{name, source})
	slices.SortStableFunc(h.names, func(a, b Name) int { return cmp.Compare(trust(a.Source), trust(b.Source)) })
	h.names = h.names[:min(len(h.names), maxNames)]
	h.shorten()
}

// clean returns a copy of a text, of at most maxText bytes, without unprintable characters. In JSON it takes at most
// twice as many bytes.
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

// trust ranks a source of names, 0 the best: names that a device announces to its own network come first.
func trust(source string) int {
	return slices.Index([]string{"dhcp", "mdns", "netbios", "llmnr", "ssdp"}, source)
}

// tell adds a piece of evidence about a device.
func (h *host) tell(source identify.Source, value string) {
	if value == "" {
		return
	}
	is := func(e identify.Evidence) bool { return e.Source == source && e.Value == value }
	if i := slices.IndexFunc(h.evidence, is); i >= 0 { // the newest is last
		e := h.evidence[i]
		h.evidence = append(slices.Delete(h.evidence, i, i+1), e)
		return
	}
	if value = clean(value); value == "" {
		return
	}
	h.isChanged = h.isChanged || !slices.ContainsFunc(h.evidence, is)
	h.evidence = append(slices.DeleteFunc(h.evidence, is), identify.Evidence{Source: source, Value: value})
	h.shorten()
}

// shorten enforces the limits of a device's evidence: it drops the oldest.
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

// Name returns the best name of the device with an address; "" if unknown.
func (t *Table) Name(a netip.Addr) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.byAddr[a]; h != nil && len(h.names) > 0 {
		return h.names[0].Name
	}
	return ""
}

// MACs returns the MAC addresses of the devices with an address: the one that the kernel knows as a neighbour, and the
// one of the device that last sent from it. They are zero if unknown, or behind a router, and differ when the address
// moves, or someone forges it.
func (t *Table) MACs(a netip.Addr) (neighbour, sender [6]byte) {
	a = a.Unmap().WithZone("")
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.byAddr[a]; h != nil {
		sender = h.key.mac
	}
	return t.macs[a], sender
}

// IsCalled reports whether the device with a link-layer address, or without one with an address, has a name, in any
// case.
func (t *Table) IsCalled(name string, mac [6]byte, a netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.byAddr[a]
	if mac != [6]byte{} {
		h = t.hosts[key{mac: mac}]
	}
	return h != nil && slices.ContainsFunc(h.names, func(n Name) bool { return strings.EqualFold(n.Name, name) })
}

// Find returns the device with an address.
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

// All returns the devices, the one seen last first. It locks the table for one device at a time, so as not to stop the
// records.
func (t *Table) All() []Host {
	list := t.list()
	t.findRouters(list)
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

// findRouters marks the devices that others are behind.
func (t *Table) findRouters(all []*host) {
	for _, h := range all {
		t.with(h, func() {
			if router := t.byAddr[h.router]; router != nil {
				router.setRouter(true)
			}
		})
	}
}

// list returns the devices, the least certain and least recently seen first.
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

// with calls f under the lock if the table still has the device.
func (t *Table) with(h *host, f func()) (isThere bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if isThere = t.hosts[h.key] == h; isThere {
		f()
	}
	return isThere
}

// copy returns the device without guesses.
func (h *host) copy() Host {
	p := Host{
		Addresses: slices.Clone(h.addresses), Names: slices.Clone(h.names), Interface: h.link, Router: h.router,
		IsRouter:  h.isRouter,
		FirstSeen: h.first, LastSeen: h.last, mac: h.key.mac, evidence: slices.Clone(h.evidence),
	}
	slices.SortFunc(p.Addresses, func(a, b Address) int { return a.IP.Compare(b.IP) })
	return p
}

// identify adds the guesses from the device's address and evidence.
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
