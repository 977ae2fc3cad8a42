// SPDX-License-Identifier: Apache-2.0

// Package tally adds records up: bounded totals and rates by application, protocol, category and host, for displays and
// reports.
package tally

import (
	"cmp"
	"iter"
	"maps"

	"github.com/weirnet/weir/internal/record"
)

// MaxNames bounds the rows of applications, protocols or categories; the catalog has fewer.
const MaxNames = 1 << 12

// Other names the row for names past the limit, None the row for records without a name.
const (
	Other = "(other)"
	None  = "-"
)

// Row holds the sums of an application, protocol or category.
type Row struct {
	Usage
	Name  string
	Flows int
}

// add counts a whole flow.
func (r *Row) add(a Amounts) {
	r.Flows++
	r.Total.Add(a)
}

// Names holds rows by name.
type Names struct {
	rows map[string]*Row
	most int
}

// NewNames returns Names of at most that many names, not counting Other.
func NewNames(most int) *Names { return &Names{map[string]*Row{}, most} }

// Row returns the row of a name; "" is None. Past the limit new names share a row, Other.
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

// All returns the rows, in no order. A nil Names has none.
func (n *Names) All() iter.Seq[*Row] {
	if n == nil {
		return func(func(*Row) bool) {}
	}
	return maps.Values(n.rows)
}

// Len returns the number of rows.
func (n *Names) Len() int { return len(n.rows) }

// Totals are sums of flows by several criteria; nil ones are not counted.
type Totals struct {
	Applications, Protocols, Categories *Names
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
}
