// SPDX-License-Identifier: Apache-2.0

// Package tally adds records up: totals and rates by application, protocol, category and host, for whoever shows or
// reports them. All of it is bounded.
package tally

import (
	"cmp"
	"iter"
	"maps"
	"net/netip"

	"github.com/weirnet/weir/internal/record"
)

// Bounds of what is kept.
const (
	MaxNames            = 1 << 12 // applications, protocols, categories; the catalog has fewer
	MaxHosts            = 1 << 12
	MaxHostApplications = 32 // of one host; the rest is one row
)

// Other is the name of the row for names that found no room, None that of the row for records without one.
const (
	Other = "(other)"
	None  = "-"
)

// Row is what one application, protocol, category, host, or application of a host amounts to.
type Row struct {
	Usage
	Name  string     // "" for hosts
	Addr  netip.Addr // of hosts
	Flows int
}

// add counts a whole flow.
func (r *Row) add(a Amounts) {
	r.Flows++
	r.Total.Add(a)
}

// Names are rows by name.
type Names struct {
	rows map[string]*Row
	most int
}

// NewNames returns Names of at most so many names, Other apart.
func NewNames(most int) *Names { return &Names{map[string]*Row{}, most} }

// Row returns the row of a name; "" is None. When there are too many, those that come later are one row.
func (n *Names) Row(name string) *Row {
	name = cmp.Or(name, None)
	r := n.rows[name]
	if r == nil && len(n.rows) >= n.most {
		name = Other
		r = n.rows[name]
	}
	if r == nil {
		r = &Row{Name: name}
		n.rows[name] = r
	}
	return r
}

// All are the rows, in no order. All of a nil Names are none.
func (n *Names) All() iter.Seq[*Row] {
	if n == nil {
		return func(func(*Row) bool) {}
	}
	return maps.Values(n.rows)
}

// Len is how many there are.
func (n *Names) Len() int { return len(n.rows) }

// Totals are sums of flows by whatever they are wanted by; those that are nil are not counted.
type Totals struct {
	Applications, Protocols, Categories *Names
	Hosts                               *Hosts // by client
}

// Add counts the last record of a flow.
func (t *Totals) Add(r *record.Flow) {
	a := Of(r)
	for _, by := range [...]struct {
		names *Names
		name  string
	}{{t.Applications, r.Application}, {t.Protocols, r.Protocol}, {t.Categories, r.Category}} {
		if by.names != nil {
			by.names.Row(by.name).add(a)
		}
	}
	if t.Hosts != nil {
		h := t.Hosts.Host(r.Client.Addr.Addr())
		h.add(a)
		h.Applications.Row(r.Application).add(a)
		t.Hosts.Touch(h)
	}
}
