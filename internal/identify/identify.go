// SPDX-License-Identifier: Apache-2.0

// Package identify guesses what a device is, its operating system and its kind, from what its traffic showed.
package identify

import (
	"cmp"
	"slices"
	"strings"
)

// Source says where a piece of evidence came from.
type Source uint8

// The sources. Files that are kept have these numbers: new ones come at the end.
const (
	DHCPFingerprint Source = iota // the parameters that a DHCP client asks for, as numbers with commas (option 55, RFC 2132 §9.8)
	DHCPClass                     // vendor class (option 60)
	DHCPv6Class                   // RFC 8415 §21.16
	UserAgent                     // of HTTP and QUIC
	MDNSService                   // a service type that the device announces (RFC 6763 §7)
	SSDP                          // a SERVER header, or a type of device or service
	JA4                           // kept as evidence; no rule yet
	HostName
	Vendor      // of the network card
	OpenService // such as tcp/9100, where it answered
)

func (s Source) String() string {
	names := [...]string{"dhcp-fingerprint", "dhcp-class", "dhcpv6-class", "user-agent", "mdns", "ssdp", "ja4", "host-name", "vendor", "service"}
	if int(s) >= len(names) {
		return "unknown"
	}
	return names[s]
}

// Evidence is one thing that was seen.
type Evidence struct {
	Source Source `json:"source"`
	Value  string `json:"value"`
}

// Guess is what a device seems to be.
type Guess struct {
	Value      string     // such as windows, ios; phone, printer
	Confidence int        // percent
	Evidence   []Evidence // what speaks for it, the strongest first
}

// Limits of what is looked at and told.
const (
	maxEvidence = 64
	maxValue    = 256 // bytes
	maxTold     = 4
)

// Confidence, in percent: below least nothing is said, and nothing is surer than most.
const (
	least = 30
	most  = 95
)

// rule says what a text means, where it is in a value of its source.
type rule struct {
	text         string // in lower case
	system, kind string // "": it says nothing of that
	weight       int    // percent: how often that is right
}

// Identify guesses a device's operating system and its kind. What several independent things say is surer than each: the doubts are
// multiplied. What speaks for something else takes its own weight off. Of one source the strongest thing counts, since two of one
// source are seldom independent.
func Identify(all []Evidence) (system, kind Guess) {
	systems, kinds := ballot{}, ballot{}
	for _, e := range all[:min(len(all), maxEvidence)] {
		value := strings.ToLower(e.Value[:min(len(e.Value), maxValue)])
		for _, r := range matching(e.Source, value) {
			systems.vote(r.system, r.weight, e)
			kinds.vote(r.kind, r.weight, e)
		}
	}
	return systems.result(), kinds.result()
}

// matching are the rules for a value: of those that say the same the first, which are the more exact ones.
func matching(s Source, value string) []rule {
	var found []rule
	hasSystem, hasKind := false, false
	for _, r := range rules[s] {
		if r.system != "" && hasSystem || r.system == "" && hasKind || !fits(s, value, r.text) {
			continue
		}
		found = append(found, r)
		hasSystem, hasKind = hasSystem || r.system != "", hasKind || r.kind != ""
		if hasSystem && hasKind {
			break
		}
	}
	return found
}

// fits says whether a rule's text is in a value, or is the value where parts of it would say nothing.
func fits(s Source, value, text string) bool {
	switch s {
	case DHCPFingerprint, OpenService:
		return value == text
	case HostName, DHCPClass, DHCPv6Class:
		return strings.HasPrefix(value, text)
	case MDNSService: // a service type, which may have an instance before and a domain behind it
		at := strings.Index(value, text)
		return at >= 0 && (at == 0 || value[at-1] == '.') && (at+len(text) == len(value) || value[at+len(text)] == '.')
	}
	return strings.Contains(value, text)
}

// ballot has what speaks for each value, by source.
type ballot map[string]map[Source]vote

type vote struct {
	weight   int
	evidence Evidence
}

func (b ballot) vote(value string, weight int, e Evidence) {
	if value == "" {
		return
	}
	if b[value] == nil {
		b[value] = map[Source]vote{}
	}
	if weight > b[value][e.Source].weight {
		b[value][e.Source] = vote{weight, e}
	}
}

// result is the value that most speaks for.
func (b ballot) result() Guess {
	var best, second string
	sums := map[string]float64{}
	for value, votes := range b {
		doubt := 1.0
		for _, v := range votes {
			doubt *= 1 - float64(v.weight)/100
		}
		sums[value] = 1 - doubt
	}
	for value := range sums {
		switch {
		case best == "" || sums[value] > sums[best] || sums[value] == sums[best] && value < best:
			best, second = value, best
		case second == "" || sums[value] > sums[second]:
			second = value
		}
	}
	confidence := int(100*sums[best]*(1-sums[second]/2) + 0.5)
	if best == "" || confidence < least {
		return Guess{}
	}
	g := Guess{Value: best, Confidence: min(confidence, most)}
	votes := make([]vote, 0, len(b[best]))
	for _, v := range b[best] {
		votes = append(votes, v)
	}
	slices.SortFunc(votes, func(x, y vote) int {
		return cmp.Or(cmp.Compare(y.weight, x.weight), cmp.Compare(x.evidence.Source, y.evidence.Source))
	})
	for _, v := range votes[:min(len(votes), maxTold)] {
		g.Evidence = append(g.Evidence, v.evidence)
	}
	return g
}
