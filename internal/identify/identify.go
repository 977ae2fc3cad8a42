// SPDX-License-Identifier: Apache-2.0

// Package identify guesses the operating system and the kind of a device of the LAN from what its traffic showed. It
// keeps nothing: the guess depends on the evidence alone, and not on its order.
package identify

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Source says where a piece of evidence came from. The numbers are stored with devices: new sources go to the end.
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
	Vendor      // to whom the MAC address is assigned
	OpenService // such as "tcp/9100"
	sources     // how many there are
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

// origin is whose word a source is. Both vendor classes are what one DHCP client says of itself.
func (s Source) origin() Source {
	if s == DHCPv6Class {
		return DHCPClass
	}
	return s
}

// Evidence is something that a device sent, or that is known of its address.
type Evidence struct {
	Source Source `json:"source"`
	Value  string `json:"value"`
}

// Guess is what a device seems to be; the zero Guess is "not known".
type Guess struct {
	Value      string     // one of those in systems or kinds
	Confidence int        // percent, 30 to 95
	Evidence   []Evidence // those that speak for it, the strongest first, at most 4; values are cut at 256 bytes
}

const (
	maxEvidence = 64  // pieces looked at, for each is compared with each
	maxValue    = 256 // bytes of a value looked at: what the dissectors write at most
	maxShown    = 4
	// minSure: below it a guess would be wrong about as often as right, for what is typical of one device others do
	// too.
	minSure = 0.30
	// maxSure: nothing of all this is proof, and any of it can be set by the device's owner.
	maxSure = 0.95
)

// opinion is what one piece of evidence says.
type opinion struct {
	value    string
	weight   int // percent
	evidence Evidence
}

// Identify guesses what a device is. It looks at the first 64 pieces of evidence; one that is there twice counts once.
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

// find is the first rule that the evidence meets; one that says nothing where there is none.
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

// total is how sure a value is by all that speaks for it.
type total struct {
	value string
	sure  float64
}

// judge weighs opinions. The rule:
//   - Pieces for the same value combine as if independent: 1-(1-a)(1-b)…, 0.95 at most. Those of one origin are not
//     independent, so there the strongest counts whole, the next one half, the next one a quarter, and so on.
//   - The value with the highest sum is taken. A general one (linux) gives way to a special one of it (android) that is
//     at least half as sure; between the two there is no contradiction.
//   - The strongest value that contradicts takes away half of its own sum, as a share: 0.8 against 0.4 is 0.8·(1-0.4/2)
//     = 0.64.
//   - What then is below 0.30 is not said.
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

// addUp makes one total of each value's opinions, of which the strongest come first.
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

// choose takes the surest value, and then special ones of it as long as there are any that are sure enough.
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

// strongest is the surest of those that are wanted, of equals the first by name; the zero total where there is none.
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
