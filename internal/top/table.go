// SPDX-License-Identifier: Apache-2.0

package top

import (
	"container/list"
	"net/netip"
	"slices"

	"github.com/weirnet/weir/internal/tally"
)

// row holds the sums of an application, a device and so on.
type row struct {
	tally.Usage
	key       string
	trail     tally.Trail
	flows     int          // live ones
	addresses []netip.Addr // of a device, as its flows have them
	gone      bool         // evicted for another one
	place     *list.Element
}

// maxRows bounds the rows of a criterion, maxAddresses the addresses of one of them.
const (
	maxRows      = 1 << 12
	maxAddresses = 16
)

// table holds the rows of a criterion.
type table struct {
	rows    map[string]*row
	byUse   *list.List // of *row, the least recently used at the back
	most    int
	evicted uint64
}

func newTable(most int) *table { return &table{rows: map[string]*row{}, byUse: list.New(), most: most} }

// row returns the row of a key; a new one evicts the least recently used when there are too many.
func (t *table) row(key []byte) *row {
	if r := t.rows[string(key)]; r != nil {
		return r
	}
	if len(t.rows) >= t.most {
		oldest := t.byUse.Remove(t.byUse.Back()).(*row)
		oldest.gone = true
		delete(t.rows, oldest.key)
		t.evicted++
	}
	r := &row{key: string(key)}
	r.place = t.byUse.PushFront(r)
	t.rows[r.key] = r
	return r
}

// touch marks a row as used. An evicted one stays evicted.
func (t *table) touch(r *row) {
	if !r.gone {
		t.byUse.MoveToFront(r.place)
	}
}

// has remembers an address of a device.
func (r *row) has(a netip.Addr) {
	if len(r.addresses) < maxAddresses && a.IsValid() && !slices.Contains(r.addresses, a) {
		r.addresses = append(r.addresses, a)
	}
}

// clone copies a table for a display that stands still; its rows are only read.
func (t *table) clone() *table {
	c := &table{rows: make(map[string]*row, len(t.rows)), evicted: t.evicted}
	for key, r := range t.rows {
		k := *r
		k.trail, k.place, k.addresses = r.trail.Clone(), nil, slices.Clone(r.addresses)
		c.rows[key] = &k
	}
	return c
}
