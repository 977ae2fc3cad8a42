// SPDX-License-Identifier: Apache-2.0

// Package explain explains in words why an address is LAN or WAN, and why weir named and placed a flow as it did. It
// keeps the last records for that.
package explain

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/explain/words"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// Explainer answers questions. Any goroutine may call its methods, SetCatalog only before the others.
type Explainer struct {
	network func() *topology.Network
	catalog words.Catalog // nil: explanations name no entries
	records ring
}

// New returns an Explainer that places addresses by the result of network, which may be nil.
func New(network func() *topology.Network) *Explainer { return &Explainer{network: network} }

// SetCatalog makes explanations name the catalog's entries.
func (e *Explainer) SetCatalog(c words.Catalog) { e.catalog = c }

// Keep copies a completed record for later questions.
func (e *Explainer) Keep(r *record.Flow) { e.records.keep(r) }

// Past calls each with the newest records that selects wants, at most most, the oldest of them first. A record is valid
// during the call. It returns the number of records searched.
func (e *Explainer) Past(most int, selects func(*record.Flow) bool, each func(*record.Flow)) (of int) {
	return e.records.past(most, selects, each)
}

// minPrefix is the least number of digits that select a flow's id.
const minPrefix = 4

// Explain explains, a line each, why an address is on its side, or why weir named and placed a recent flow as it did.
// what is an address, or an id or its beginning.
func (e *Explainer) Explain(what string) ([]string, error) {
	if a, err := netip.ParseAddr(what); err == nil {
		return e.explainAddress(a), nil
	}
	id := strings.ToLower(what)
	if _, err := hex.DecodeString(id[:len(id)&^1]); err != nil || len(id) < minPrefix || len(id) > 32 {
		return nil, fmt.Errorf("%q is neither an address nor the id of a flow (32 digits, or the first %d and more)",
			what, minPrefix)
	}
	r, of := e.records.find(id)
	if r == nil {
		return nil, fmt.Errorf("none of the last %d records is of a flow %s; weir reports a flow when it ends (with "+
			"--update-every also before)", of, what)
	}
	return e.explainFlow(r), nil
}

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
	lines = append(lines, words.Connection(r)...)
	return append(lines, words.Names(r, e.catalog)...)
}

func timeText(ns int64) string { return time.Unix(0, ns).Format("15:04:05.000") }
