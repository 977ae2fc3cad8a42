// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Summary describes a slug for people and programs.
type Summary struct {
	Slug          string   `json:"protocol"`
	Category      string   `json:"category"`
	Transports    []string `json:"transports"` // tcp, udp, sctp, and ip/N for IP protocol N
	Ports         []uint16 `json:"ports,omitempty"`
	AnyPort       bool     `json:"any_port"` // the first bytes suffice, at any port
	Specification string   `json:"specification"`
	Members       []string `json:"members,omitempty"` // of the flow record that it may fill
	Since         string   `json:"since"`             // the version of weir that named it first
}

// firstVersion is the version of the protocols whose entries name none.
const firstVersion = "0.1"

// Summaries describes all slugs of the table, sorted. What several entries say of a slug is joined.
func (t *Table) Summaries() []Summary {
	bySlug := map[string]*Summary{}
	for _, p := range t.protocols {
		for _, slug := range append([]string{p.Name}, p.Also...) {
			s := bySlug[slug]
			if s == nil {
				s = &Summary{Slug: slug, Category: p.Category, Since: cmp.Or(p.Since, firstVersion)}
				bySlug[slug] = s
			}
			s.add(p)
		}
	}
	all := make([]Summary, 0, len(bySlug))
	for _, s := range bySlug {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b Summary) int { return strings.Compare(a.Slug, b.Slug) })
	return all
}

// add adds what an entry of the slug says.
func (s *Summary) add(p *Protocol) {
	s.Transports = unite(s.Transports, p.transportNames())
	s.Ports = unite(s.Ports, p.Ports)
	s.Members = unite(s.Members, p.Members)
	s.AnyPort = s.AnyPort || p.Start != ByteSet{}
	switch {
	case s.Specification == "":
		s.Specification = p.Spec
	case !strings.Contains(s.Specification, p.Spec):
		s.Specification += "; " + p.Spec
	}
}

// unite returns the elements of both, each once, sorted.
func unite[T uint16 | string](a, b []T) []T {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

func (p *Protocol) transportNames() (names []string) {
	for _, t := range []struct {
		of   Transport
		name string
	}{{TCP, "tcp"}, {UDP, "udp"}, {SCTP, "sctp"}} {
		if p.Over&t.of != 0 {
			names = append(names, t.name)
		}
	}
	for _, n := range p.IPProtocols {
		names = append(names, "ip/"+strconv.Itoa(int(n)))
	}
	return names
}

// PortsText lists the ports where the dissector looks first; "any" after them says that the first bytes suffice.
func (s *Summary) PortsText() string {
	texts := make([]string, 0, len(s.Ports)+1)
	for _, p := range s.Ports {
		texts = append(texts, strconv.Itoa(int(p)))
	}
	if s.AnyPort {
		texts = append(texts, "any")
	}
	return strings.Join(texts, " ")
}
