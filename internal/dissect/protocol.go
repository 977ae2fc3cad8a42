// SPDX-License-Identifier: Apache-2.0

// Package dissect names a flow's protocol from its payload and extracts the protocol's metadata.
//
// This package is the kit: Protocol, the Table of protocols, the Session that shows a flow to them, and the Result that
// they fill. The dissectors themselves are in internal/dissect/protocols, one slug per file. Inspect is a pure function
// of the conversation so far: it keeps no state, so the session can call it again from the start when more has arrived.
// docs/DISSECTORS.md shows how to add a protocol.
package dissect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Verdict is a dissector's answer.
type Verdict uint8

// Verdicts. After Yes and YesMore the flow has its protocol for good.
const (
	// No: the flow does not speak this protocol, and no later packet can change that.
	No Verdict = iota
	// NeedMore: nothing contradicts the protocol, but nothing distinctive has come yet. On Conversation.Last it counts
	// as No.
	NeedMore
	// Yes: the flow speaks this protocol, and Result is complete.
	Yes
	// YesMore: the flow speaks this protocol, and later packets can add metadata. The session calls Inspect again with
	// more, within the packet budget and Protocol.Extra; the Result of the last call stands.
	YesMore
)

// Transport is a set of transports that a protocol travels over.
type Transport uint8

// Transports. IP is for protocols directly over IP, selected by Protocol.IPProtocols.
const (
	TCP Transport = 1 << iota
	UDP           // and UDP-Lite
	SCTP
	IP
)

// MaxExtra bounds Protocol.Extra: with the default budget of 10, dissectors inspect at most 64 packets of a flow.
const MaxExtra = 54

// Protocol is the table entry of one dissector.
type Protocol struct {
	// Name is the slug in the flow record: lower case, a-z, 0-9 and "-".
	Name string
	// Also lists the other slugs that Inspect may choose with Result.SetProtocol ("websocket" of "http").
	Also []string
	// Spec names the specification, with the section if useful: "RFC 4253 §4.2".
	Spec string
	// Category is one of the catalog's categories, for flows without a known application.
	Category string
	// Members are those of the flow record that Inspect may fill: "smtp.server"; "tls.*" are all that TLS fills.
	Members []string
	// Since is the version of weir that recognised it first; "": the first version.
	Since string
	// Over holds the protocol's transports.
	Over Transport
	// Ports are the ports at which the session tries it first, before it consults Start. Either side's port counts.
	Ports []uint16
	// IPProtocols are the IP protocol numbers, for Over IP.
	IPProtocols []uint8
	// Start holds the possible first bytes of either side's first payload, to try the protocol at any port. Empty: the
	// session tries it at Ports only. Keep Start tight: each byte in it leads other flows to this dissector.
	Start ByteSet
	// MinLength is the shortest first payload, in bytes, for which Start selects the protocol.
	MinLength int
	// Heuristic marks a dissector whose first packet is not very distinctive: the session asks it after the others.
	Heuristic bool
	// Extra is how many packets with payload the dissector may request past the flow's budget, at most MaxExtra.
	Extra int
	// Inspect judges the conversation so far.
	Inspect func(c *Conversation, r *Result) Verdict
}

// ByteSet is a set of byte values.
type ByteSet [4]uint64

// Has reports whether b is in the set.
func (s *ByteSet) Has(b byte) bool { return s[b>>6]>>(b&63)&1 != 0 }

// BytesOf returns the set of the given values.
func BytesOf(values ...byte) ByteSet {
	var s ByteSet
	for _, b := range values {
		s[b>>6] |= 1 << (b & 63)
	}
	return s
}

// ByteRange returns the set of the values from low to high, both included.
func ByteRange(low, high byte) ByteSet {
	var s ByteSet
	for b := int(low); b <= int(high); b++ {
		s[b>>6] |= 1 << (b & 63)
	}
	return s
}

// Or returns the union of s and t.
func (s ByteSet) Or(t ByteSet) ByteSet {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

// FirstBytes returns the set of the first bytes of the given prefixes.
func FirstBytes(prefixes ...string) ByteSet {
	var s ByteSet
	for _, p := range prefixes {
		s[p[0]>>6] |= 1 << (p[0] & 63)
	}
	return s
}

// ID is the number of a protocol's name in this process; 0 is no protocol. Builds number differently, so records carry
// names.
type ID uint16

// Table is the compiled table of protocols. It is immutable, so all workers may share it.
type Table struct {
	protocols []*Protocol // sorted: exact before heuristic, then by name
	names     []string    // by ID; names[0] is ""
	ids       map[string]ID
	category  []string // by ID
	byPort    map[portKey][]uint16
	byStart   [3][256][]uint16 // TCP, UDP, SCTP; candidates by first byte
	// startLength is the largest MinLength in byStart: a longer payload selects no more of them.
	startLength [3][256]int
	byIP        [256][]uint16
}

type portKey struct {
	over Transport
	port uint16
}

// NewTable compiles a table; pass protocols.All() for all of weir's. It panics on an inconsistent entry, which a test
// finds first.
func NewTable(protocols []*Protocol) *Table {
	t := &Table{
		protocols: slices.Clone(protocols), names: []string{""}, category: []string{""},
		ids: map[string]ID{}, byPort: map[portKey][]uint16{},
	}
	slices.SortStableFunc(t.protocols, func(a, b *Protocol) int {
		if a.Heuristic != b.Heuristic {
			if a.Heuristic {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.Name, b.Name)
	})
	for i, p := range t.protocols {
		if p.Inspect == nil || p.Name == "" || p.Over == 0 || p.Extra > MaxExtra {
			panic(fmt.Sprintf("dissect: the table entry %q is incomplete", p.Name))
		}
		t.addNames(p)
		t.addCandidates(p, uint16(i))
	}
	return t
}

func (t *Table) addNames(p *Protocol) {
	for _, name := range append([]string{p.Name}, p.Also...) {
		if _, ok := t.ids[name]; ok {
			continue // several dissectors may share a name: "rtp" by its own header, and announced by SIP
		}
		t.ids[name] = ID(len(t.names))
		t.names = append(t.names, name)
		t.category = append(t.category, p.Category)
	}
}

func (t *Table) addCandidates(p *Protocol, index uint16) {
	for i, over := range []Transport{TCP, UDP, SCTP} {
		if p.Over&over == 0 {
			continue
		}
		for _, port := range p.Ports {
			key := portKey{over, port}
			t.byPort[key] = append(t.byPort[key], index)
		}
		for b := range 256 {
			if p.Start.Has(byte(b)) {
				t.byStart[i][b] = append(t.byStart[i][b], index)
				t.startLength[i][b] = max(t.startLength[i][b], p.MinLength)
			}
		}
	}
	if p.Over&IP != 0 {
		for _, number := range p.IPProtocols {
			t.byIP[number] = append(t.byIP[number], index)
		}
	}
}

// Name returns the slug of id, "" for 0.
func (t *Table) Name(id ID) string { return t.names[id] }

// Category returns the category of the protocol id, "" for 0.
func (t *Table) Category(id ID) string { return t.category[id] }

// ID returns the number of the slug name, 0 if no dissector gives it.
func (t *Table) ID(name string) ID { return t.ids[name] }

// Names returns the slugs that the table's dissectors can give, sorted.
func (t *Table) Names() []string { return slices.Sorted(slices.Values(t.names[1:])) }

// Fills reports whether the dissectors of a slug may fill a member of the flow record, such as "tls.version".
func (t *Table) Fills(slug, member string) bool {
	object, _, _ := strings.Cut(member, ".")
	for _, p := range t.protocols {
		if p.Name != slug && !slices.Contains(p.Also, slug) {
			continue
		}
		if slices.Contains(p.Members, member) || slices.Contains(p.Members, object+".*") {
			return true
		}
	}
	return false
}

// Protocols returns the table's entries. Callers must not change them.
func (t *Table) Protocols() []*Protocol { return t.protocols }
