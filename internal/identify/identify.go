// SPDX-License-Identifier: Apache-2.0

// Package identify guesses the operating system and the kind of a LAN device from its traffic. It keeps no state: the
// guess depends on the set of evidence alone, not on its order.
package identify

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Source is the origin of a piece of evidence. Devices are stored with these numbers, so new sources go to the end.
type Source uint8

const (
	DHCPFingerprint Source = iota // the parameter request list (option 55), decimal numbers with commas between
	DHCPClass                     // the vendor class (option 60)
	DHCPv6Class                   // the vendor class of DHCPv6 (option 16)
	UserAgent                     // HTTP's or QUIC's
	MDNSService                   // a name with a service type in it, such as "_ipp._tcp.local"
	SSDP                          // the SERVER field, or a device or service type
	JA4                           // no rule yet: clients share TLS libraries
	HostName
	Vendor      // the organisation that the MAC address is assigned to
	OpenService // such as "tcp/9100"
	sources     // their number
)

var sourceNames = [sources]string{
	"dhcp-fingerprint", "dhcp-class", "dhcpv6-class", "user-agent", "mdns", "ssdp", "ja4", "host-name", "vendor",
	"service",
}

func (s Source) String() string {
	if s >= sources {
		return "unknown"
	}
	return sourceNames[s]
}

// origin returns the source that s repeats. Both vendor classes come from one DHCP client.
func (s Source) origin() Source {
	if s == DHCPv6Class {
		return DHCPClass
	}
	return s
}

// Evidence is a text that a device sent, or a fact about its address.
type Evidence struct {
	Source Source `json:"source"`
	Value  string `json:"value"`
}

// Guess is a device's likely system or kind; the zero Guess means unknown.
type Guess struct {
	Value      string     // one of systems or kinds
	Confidence int        // percent, 30 to 95
	Evidence   []Evidence // the evidence for it, the strongest first, at most 4; values are at most 256 bytes
}

const (
	maxEvidence = 64  // pieces considered, for each is compared with each
	maxValue    = 256 // bytes of a value considered: the dissectors' limit
	maxShown    = 4
	// minSure: below it a guess would be wrong about as often as right, because other devices show typical traits too.
	minSure = 0.30
	// maxSure: no evidence is proof, and the device's owner can forge any of it.
	maxSure = 0.95
)

// opinion is the conclusion from one piece of evidence.
type opinion struct {
	value    string
	weight   int // percent
	evidence Evidence
}

// Identify guesses a device's system and kind. It considers the first 64 pieces of evidence; duplicates count once.
func Identify(evidence []Evidence) (os, kind Guess) {
	evidence = evidence[:min(len(evidence), maxEvidence)]
	seen := make([]Evidence, 0, len(evidence))
	var ofSystem, ofKind []opinion
	for _, e := range evidence {
		e.Value = e.Value[:min(len(e.Value), maxValue)]
		if slices.Contains(seen, e) {
			continue
		}
		seen = append(seen, e)
		r := find(e)
		if r.os != "" {
			ofSystem = append(ofSystem, opinion{r.os, r.osWeight, e})
		}
		if r.kind != "" {
			ofKind = append(ofKind, opinion{r.kind, r.kindWeight, e})
		}
	}
	return judge(ofSystem, systems), judge(ofKind, kinds)
}

// find returns the first rule that matches the evidence, or an empty one.
func find(e Evidence) rule {
	value := strings.ToLower(strings.TrimSpace(e.Value))
	switch e.Source {
	case DHCPFingerprint:
		return first(dhcpFingerprints, value)
	case DHCPClass, DHCPv6Class:
		return first(dhcpClasses, value)
	case UserAgent:
		return first(userAgents, value)
	case MDNSService:
		return first(mdnsServices, serviceType(value))
	case SSDP:
		return first(ssdpTexts, value)
	case HostName:
		return first(hostNames, value)
	case Vendor:
		return first(vendors, value)
	case OpenService:
		return first(openServices, value)
	}
	return rule{}
}

// total is the combined confidence in a value.
type total struct {
	value string
	sure  float64
}

// judge weighs opinions by these rules:
//   - Pieces for the same value combine as if independent: 1-(1-a)(1-b)…, 0.95 at most. Pieces of one origin are
//     dependent: the strongest counts whole, the next half, the next a quarter, and so on.
//   - The value with the highest sum wins. A special case of it (android of linux) replaces it if at least half as
//     sure; the two don't contradict each other.
//   - The strongest contradicting value subtracts half of its own sum, as a share: 0.8 against 0.4 gives
//     0.8·(1-0.4/2) = 0.64.
//   - A result below 0.30 is no guess.
func judge(all []opinion, general map[string]string) Guess {
	slices.SortFunc(all, func(a, b opinion) int { // a total order, so that the evidence's own order never matters
		return cmp.Or(b.weight-a.weight, cmp.Compare(a.evidence.Source, b.evidence.Source),
			cmp.Compare(a.evidence.Value, b.evidence.Value))
	})
	totals := addUp(all)
	best := choose(totals, general)
	rival := strongest(totals, func(t total) bool {
		return t.value != best.value && !isSpecial(t.value, best.value, general) &&
			!isSpecial(best.value, t.value, general)
	})
	sure := best.sure * (1 - rival.sure/2)
	if sure < minSure {
		return Guess{}
	}
	g := Guess{Value: best.value, Confidence: int(math.Round(100 * sure))}
	for _, o := range all {
		if o.value == g.Value && len(g.Evidence) < maxShown {
			g.Evidence = append(g.Evidence, o.evidence)
		}
	}
	return g
}

// addUp totals the opinions on each value. all has the strongest first.
func addUp(all []opinion) []total {
	var totals []total
	for i, o := range all {
		if !slices.ContainsFunc(all[:i], func(p opinion) bool { return p.value == o.value }) {
			totals = append(totals, total{o.value, sureness(all, o.value)})
		}
	}
	return totals
}

func sureness(all []opinion, value string) float64 {
	var before [sources]int // pieces of the same origin that counted more
	doubt := 1.0
	for _, o := range all {
		if o.value != value {
			continue
		}
		origin := o.evidence.Source.origin()
		doubt *= 1 - math.Ldexp(float64(o.weight)/100, -before[origin])
		before[origin]++
	}
	return min(1-doubt, maxSure)
}

// choose returns the surest value, then follows its special cases as long as one is sure enough.
func choose(totals []total, general map[string]string) total {
	best := strongest(totals, func(total) bool { return true })
	for range maxGenerations {
		special := strongest(totals, func(t total) bool {
			return t.sure >= max(minSure, best.sure/2) && isSpecial(t.value, best.value, general)
		})
		if special.value == "" {
			break
		}
		best = special
	}
	return best
}

// strongest returns the surest of the wanted totals, the first by name among equals; the zero total if none is wanted.
func strongest(totals []total, wanted func(total) bool) total {
	var best total
	for _, t := range totals {
		if wanted(t) && (t.sure > best.sure || t.sure == best.sure && t.value < best.value) {
			best = t
		}
	}
	return best
}

// isSpecial: a is a special case of b.
func isSpecial(a, b string, general map[string]string) bool {
	for range maxGenerations {
		a = general[a]
		if a == "" || a == b {
			break
		}
	}
	return a != "" && a == b
}
