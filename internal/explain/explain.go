// SPDX-License-Identifier: Apache-2.0

// Package explain explains in words why an address is LAN or WAN, and why weir named and placed a flow as it did. It
// keeps the last records for that.
package explain

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/explain/words"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// Explainer answers questions. Any goroutine may call its methods.
type Explainer struct {
	network func() *topology.Network
	catalog atomic.Pointer[words.Catalog] // nil: explanations name no entries
	records ring
}

// New returns an Explainer that places addresses by the result of network, which may be nil.
func New(network func() *topology.Network) *Explainer { return &Explainer{network: network} }

// SetCatalog makes explanations name the catalog's entries.
func (e *Explainer) SetCatalog(c words.Catalog) { e.catalog.Store(&c) }

func (e *Explainer) names() words.Catalog {
	if c := e.catalog.Load(); c != nil {
		return *c
	}
	return nil
}

// Keep copies a completed record for later questions.
func (e *Explainer) Keep(r *record.Flow) { e.records.keep(r) }

// Past calls each with the newest records that selects wants, at most most, the oldest of them first. A record is valid
// during the call.
func (e *Explainer) Past(most int, selects func(*record.Flow) bool, each func(*record.Flow)) {
	e.records.past(most, selects, each)
}

// After calls each with the records that follow the first n that were kept, the oldest of them first, and returns how
// many of these it no longer has. A record is valid during the call.
func (e *Explainer) After(n uint64, each func(*record.Flow)) (gone uint64) {
	return e.records.after(n, each)
}

// minPrefix is the least number of digits that select a flow's id.
const minPrefix = 4

// Explain explains, a line each, why an address is on its side, or why weir named and placed a recent flow as it did.
// what is an address, an id or its beginning, two ends (192.0.2.1:40000 198.51.100.1:443, in any order), or a host, an
// application or a protocol: of several flows the newest is explained, and the others are listed.
func (e *Explainer) Explain(what string) ([]string, error) {
	what = strings.ToLower(strings.TrimSpace(what))
	if a, err := netip.ParseAddr(what); err == nil {
		others := e.newest(func(r *record.Flow) bool { return r.Client.Addr.Addr() == a || r.Server.Addr.Addr() == a })
		return append(e.explainAddress(a), list("Its latest flows", others)...), nil
	}
	if isID(what) {
		if r, _ := e.records.find(what); r != nil {
			return e.explainFlow(r), nil
		}
	}
	is, kind := selects(what)
	found := e.newest(is)
	if len(found) == 0 {
		return nil, fmt.Errorf("none of the last %d records is of a flow with the %s %q; weir reports a flow when it "+
			"ends, with --update-every or while weir flows follows also before", e.records.count(), kind, what)
	}
	return append(e.explainFlow(found[0]), list("Others of the kind", found[1:])...), nil
}

// isID reports whether a text can be the id of a flow, or its beginning.
func isID(text string) bool {
	_, err := hex.DecodeString(text[:len(text)&^1])
	return err == nil && len(text) >= minPrefix && len(text) <= 32 && strings.Trim(text, "0123456789abcdef") == ""
}

// selects returns whether a flow has what a text names, and what kind of name that is.
func selects(text string) (is func(*record.Flow) bool, kind string) {
	if one, other, ok := ends(text); ok {
		return func(r *record.Flow) bool {
			return r.Client.Addr == one && r.Server.Addr == other || r.Client.Addr == other && r.Server.Addr == one
		}, "ends"
	}
	if isID(text) {
		kind = "id, "
	}
	return func(r *record.Flow) bool {
		return r.Application == text || r.Protocol == text || string(r.Hostname) == text ||
			strings.HasSuffix(string(r.Hostname), "."+text)
	}, kind + "host, application or protocol"
}

// ends parses two ends.
func ends(text string) (one, other netip.AddrPort, ok bool) {
	parts := strings.Fields(text)
	if len(parts) != 2 {
		return one, other, false
	}
	one, err := netip.ParseAddrPort(parts[0])
	other, otherErr := netip.ParseAddrPort(parts[1])
	return one, other, err == nil && otherErr == nil
}

// mostListed bounds the flows that an explanation names.
const mostListed = 10

// newest returns the newest records of different flows, the newest first.
func (e *Explainer) newest(is func(*record.Flow) bool) (found []*record.Flow) {
	known := map[[32]byte]bool{}
	e.records.past(mostListed, func(r *record.Flow) bool {
		if known[r.ID] || !is(r) {
			return false
		}
		known[r.ID] = true
		return true
	}, func(r *record.Flow) { found = append(found, r.Clone()) })
	slices.Reverse(found)
	return found
}

// list describes flows in a line each, under a title.
func list(title string, flows []*record.Flow) (lines []string) {
	if len(flows) == 0 {
		return nil
	}
	lines = append(lines, title+":")
	for _, r := range flows {
		names := strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", r.Protocol, r.Application, r.Hostname)), " ")
		lines = append(lines, fmt.Sprintf("  %s  %s  %s to %s  %s", r.ID[:idShown], timeText(r.LastSeen),
			words.End(r.Client.Addr), words.End(r.Server.Addr), names))
	}
	return lines
}

// idShown is the number of an id's digits in a list.
const idShown = 12

func (e *Explainer) explainAddress(a netip.Addr) []string {
	n := e.network()
	if n == nil {
		return []string{"weir has not read the routes yet"}
	}
	side, why := n.Explain(a, "")
	return []string{fmt.Sprintf("%s is %s: %s.", a, side, why)}
}

func (e *Explainer) explainFlow(r *record.Flow) []string {
	lines := []string{
		fmt.Sprintf("Flow %s: %s from %s to %s, %s.", r.ID[:], packet.ProtoName(r.Proto), words.End(r.Client.Addr),
			words.End(r.Server.Addr), r.Direction),
		fmt.Sprintf("weir saw it on %s from %s to %s; this record is its %q.",
			cmp.Or(r.Interface, "an interface now gone"), timeText(r.FirstSeen), timeText(r.LastSeen), r.State),
	}
	if n := e.network(); n != nil {
		for _, end := range []struct {
			name string
			addr netip.Addr
		}{{"client", r.Client.Addr.Addr()}, {"server", r.Server.Addr.Addr()}} {
			side, why := n.Explain(end.addr, r.Interface)
			lines = append(lines, fmt.Sprintf("The %s, %s, is %s: %s.", end.name, end.addr, side, why))
		}
	}
	lines = append(lines, words.Origins(r)...)
	lines = append(lines, words.Process(r)...)
	lines = append(lines, words.Connection(r)...)
	return append(lines, words.Names(r, e.names())...)
}

func timeText(ns int64) string { return time.Unix(0, ns).Format("15:04:05.000") }
