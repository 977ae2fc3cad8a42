// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package duckdb

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/weirnet/weir/internal/sink/store/decode"
)

// flags of an interval.
type flags uint8

const (
	flagWhole          flags = 1 << iota // a whole record came with it
	flagVerdict                          // a verdict came with it
	flagPlace                            // a place came with it
	flagVerdictChanged                   // other verdict than in the interval with packets before
	flagPlaceChanged
	flagUpServer  // place.isUpServer
	flagByAddress // place.isByAddress
	flagNet       // place.hasNet
	changeFlags   = flagVerdictChanged | flagPlaceChanged
	placeFlags    = flagUpServer | flagByAddress | flagNet
)

// flags are those that tell a place.
func (p *place) flags() (all flags) {
	if p.isUpServer {
		all |= flagUpServer
	}
	if p.isByAddress {
		all |= flagByAddress
	}
	if p.hasNet {
		all |= flagNet
	}
	return all
}

// interval is what a report says of a flow.
//
// The intervals of a flow, in the order of its agent's reports, have two invariants: up to one with a whole record they
// add up to the record's counts, and each has the properties of the last line that told them. Reports that come in that
// order keep them by themselves (row.next). A late one is inserted (history.insert), at the expense of the whole record
// that follows it: so the order of arrival does not matter.
type interval struct {
	t, pos int64
	prev   int64 // t of the interval with packets before; 0
	flags  flags
	dims   dims
	counts counts

	isStored, isChanged bool
}

// flagsOf are those of a line.
func flagsOf(f *decode.Flow) (all flags) {
	if f.IsWhole {
		all |= flagWhole
	}
	if f.Has.Of(decode.Verdict) {
		all |= flagVerdict
	}
	if f.Has.Of(decode.Place) {
		all |= flagPlace
	}
	return all
}

// isNeeded reports whether the interval has to be stored.
func (i *interval) isNeeded() bool {
	return i.flags&(flagWhole|flagVerdict|flagPlace) != 0 || i.counts != counts{}
}

// after sets what relates an interval to the newest one with packets, which was at t, and to the changes since then. It
// returns both for the next interval.
func (i *interval) after(t int64, changed flags) (int64, flags) {
	i.prev = t
	i.flags = i.flags&^(changeFlags|placeFlags) | changed | i.dims.place.flags()
	if i.counts.hasPackets() {
		return i.t, 0
	}
	return t, changed
}

// changes compares the dimensions of two intervals.
func changes(a, b *dims) (changed flags) {
	if a.verdict != b.verdict {
		changed |= flagVerdictChanged
	}
	if a.device != b.device || a.net != b.net || a.direction != b.direction || a.port != b.port ||
		a.country != b.country || a.asn != b.asn {
		changed |= flagPlaceChanged
	}
	return changed
}

// history is a flow's intervals in order.
type history []*interval

// insert inserts a late line's interval, and returns by how much the flow's counts grow. It is nil if the history has
// the report already.
func (h history) insert(n *interval, line counts) (history, counts) {
	at, isThere := slices.BinarySearchFunc(h, n, func(a, b *interval) int { return cmp.Compare(a.pos, b.pos) })
	if isThere {
		return nil, counts{}
	}
	n.counts = line
	if n.flags&flagWhole != 0 {
		for _, earlier := range h[:at] {
			n.counts = n.counts.sub(earlier.counts)
		}
	}
	h.describe(at, n)
	grown := n.counts
	for _, later := range h[at:] {
		if later.flags&flagWhole != 0 {
			later.counts, later.isChanged = later.counts.sub(n.counts), true
			grown = counts{}
			break
		}
	}
	return slices.Insert(h, at, n), grown
}

// describe gives a line's interval the properties that the ones before have and the line does not tell, and those that
// it tells to the ones behind, up to the next line that tells them.
func (h history) describe(at int, n *interval) {
	own := n.dims
	n.dims = dims{}
	if at > 0 {
		n.dims = h[at-1].dims
	}
	for flag, set := range map[flags]func(*dims){
		flagVerdict: func(d *dims) { d.verdict = own.verdict },
		flagPlace:   func(d *dims) { d.place = own.place },
		flagWhole:   func(d *dims) { d.port = own.port },
	} {
		if n.flags&flag == 0 {
			continue
		}
		set(&n.dims)
		for _, later := range h[at:] {
			if later.flags&flag != 0 {
				break
			}
			later.set(set)
		}
	}
}

// locate gives the intervals behind a whole record its addresses, up to the next one.
func (h history) locate(n *interval, client, server netip.Addr, text func(string) string) {
	at := slices.Index(h, n) + 1
	for _, later := range h[at:] {
		if later.flags&flagWhole != 0 {
			break
		}
		later.set(func(d *dims) { d.locate(client, server, text) })
	}
}

// set changes an interval's dimensions.
func (i *interval) set(change func(*dims)) {
	before := i.dims
	change(&i.dims)
	i.isChanged = i.isChanged || i.dims != before
}

// isKnownAt reports whether a whole record came before a place in the order.
func (h history) isKnownAt(pos int64) bool {
	return slices.ContainsFunc(h, func(i *interval) bool { return i.pos < pos && i.flags&flagWhole != 0 })
}

// relate relates the intervals anew after insertions, and returns what the flow's next interval comes after.
func (h history) relate() (t int64, changed flags) {
	var before *interval
	for _, i := range h {
		if before != nil {
			changed |= changes(&before.dims, &i.dims)
		}
		prev, flags := i.prev, i.flags
		t, changed = i.after(t, changed)
		i.isChanged = i.isChanged || i.prev != prev || i.flags != flags
		before = i
	}
	return t, changed
}
