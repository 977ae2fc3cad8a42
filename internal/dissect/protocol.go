// SPDX-License-Identifier: Apache-2.0

// Package dissect decides which protocol a flow speaks and learns what the protocol tells of it.
//
// This is the kit: what a Protocol is, the Table of them, the Session that shows a flow to them, and the Result that
// they fill. The dissectors themselves are in internal/dissect/protocols, one slug a file. Inspect is a pure function
// of the conversation so far: it keeps nothing between calls, so it can be called again, with more, from the start.
// docs/DISSECTORS.md shows how to add one.
package dissect

import (
	"cmp"
	"fmt"
	"slices"
)

// Verdict is a dissector's answer.
type Verdict uint8

// The answers. After Yes and YesMore the flow has its protocol for good.
const (
	// No: it is not this protocol, and no later packet can change that.
	No Verdict = iota
	// NeedMore: nothing speaks against it, but what came so far is not distinctive. On Conversation.Last it counts as
	// No.
	NeedMore
	// Yes: it is this protocol, and Result says all that is worth knowing.
	Yes
	// YesMore: it is this protocol, and later packets can tell more. Inspect is called again with more, as long as the
	// packet budget and Protocol.Extra last; the Result of the last call stands.
	YesMore
)

// Transport is a set of what a protocol travels over.
type Transport uint8

// The transports. IP is for protocols that sit on IP itself, chosen by Protocol.IPProtocols.
const (
	TCP Transport = 1 << iota
	UDP           // and UDP-Lite
	SCTP
	IP
)

// MaxExtra bounds Protocol.Extra: with the default budget of 10, no flow is looked at for more than 64 packets.
const MaxExtra = 54

// Protocol is the table entry of one dissector.
type Protocol struct {
	// Name is the slug of the flow record: lower case, a-z, 0-9 and "-".
	Name string
	// Also lists the other slugs that Inspect may choose with Result.SetProtocol ("websocket" of "http").
	Also []string
	// Spec names the specification, with section where that helps: "RFC 4253 §4.2".
	Spec string
	// Category is one of the catalog's categories, used where no application is known.
	Category string
	// Over is what it travels over.
	Over Transport
	// Ports are those at which it is tried first, before Start is looked at. Either side's port counts.
	Ports []uint16
	// IPProtocols are the IP protocol numbers, for Over IP.
	IPProtocols []uint8
	// Start holds the bytes with which the first payload of either side can begin, for trying it at any port.
	// Empty: it is tried at Ports only. Keep it tight: each byte in it makes other flows meet this dissector.
	Start ByteSet
	// MinLength is the shortest first payload of either side with which it is tried by Start.
	MinLength int
	// Heuristic marks a dissector whose first packet is not very distinctive: it is asked after the others.
	Heuristic bool
	// Extra is how many packets with payload past the flow's budget it may ask for, at most MaxExtra.
	Extra int
	// Inspect looks at the conversation so far and says what it is.
	Inspect func(c *Conversation, r *Result) Verdict
}

// ByteSet is a set of byte values.
type ByteSet [4]uint64

// Has says whether b is in the set.
func (s *ByteSet) Has(b byte) bool { return s[b>>6]>>(b&63)&1 != 0 }

// BytesOf is the set of the given values.
func BytesOf(values ...byte) ByteSet {
	var s ByteSet
	for _, b := range values {
		s[b>>6] |= 1 << (b & 63)
	}
	return s
}

// ByteRange is the set of the values from low to high, both included.
func ByteRange(low, high byte) ByteSet {
	var s ByteSet
	for b := int(low); b <= int(high); b++ {
		s[b>>6] |= 1 << (b & 63)
	}
	return s
}

// Or is the union of s and t.
func (s ByteSet) Or(t ByteSet) ByteSet {
	for i := range s {
		s[i] |= t[i]
	}
	return s
}

// FirstBytes is the set of the first bytes of the given prefixes.
func FirstBytes(prefixes ...string) ByteSet {
	var s ByteSet
	for _, p := range prefixes {
		s[p[0]>>6] |= 1 << (p[0] & 63)
	}
	return s
}

// ID is a protocol name's number in this process; 0 is no protocol. It is not stable between builds: records carry
// names.
type ID uint16

// Table is the compiled table of protocols. It is immutable and may be shared by all workers.
type Table struct {
	protocols []*Protocol // sorted: exact before heuristic, then by name
	names     []string    // by ID; names[0] is ""
	ids       map[string]ID
	category  []string // by ID
	byPort    map[portKey][]uint16
	byStart   [3][256][]uint16 // TCP, UDP, SCTP; candidates by first byte
	// startLength is the largest MinLength of those in byStart: no payload longer than it calls for more of them.
	startLength [3][256]int
	byIP        [256][]uint16
}

type portKey struct {
	over Transport
	port uint16
}

// NewTable compiles a table, of protocols.All() for all that weir knows. It panics on an entry that contradicts itself,
// which a test reaches first.
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
			continue // several dissectors can give one name: "rtp" in the clear and after SIP said so
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

// Name is the slug of id, "" for 0.
func (t *Table) Name(id ID) string { return t.names[id] }

// Category is the category of the protocol id, "" for 0.
func (t *Table) Category(id ID) string { return t.category[id] }

// ID is the number of the slug name, 0 where no dissector gives that name.
func (t *Table) ID(name string) ID { return t.ids[name] }

// Names lists the slugs that the table's dissectors can give, sorted.
func (t *Table) Names() []string { return slices.Sorted(slices.Values(t.names[1:])) }

// Protocols lists the table's entries. They must not be changed.
func (t *Table) Protocols() []*Protocol { return t.protocols }
