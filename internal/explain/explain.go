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

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// Explainer answers questions. Any goroutine may call its methods, SetCatalog only before the others.
type Explainer struct {
	network func() *topology.Network
	catalog Catalog // nil: explanations name no entries
	records ring
}

// New returns an Explainer that places addresses by the result of network, which may be nil.
func New(network func() *topology.Network) *Explainer { return &Explainer{network: network} }

// Catalog returns the entry that identified an application.
type Catalog interface {
	HostEntry(host []byte) (name string, ok bool)
	AddressEntry(netip.Addr) (block netip.Prefix, ok bool)
}

// SetCatalog makes explanations name the catalog's entries.
func (e *Explainer) SetCatalog(c Catalog) { e.catalog = c }

// Keep copies a completed record for later questions.
func (e *Explainer) Keep(r *record.Flow) { e.records.keep(r) }

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
		fmt.Sprintf("Flow %s: %s from %s to %s, %s.", r.ID[:], packet.ProtoName(r.Proto), endText(r.Client.Addr),
			endText(r.Server.Addr), r.Direction),
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
	lines = append(lines, explainConntrack(r)...)
	return append(lines, e.explainNames(r)...)
}

func explainConntrack(r *record.Flow) []string {
	c := &r.Conntrack
	if !c.IsTracked {
		return []string{"The kernel's connection tracking has no entry for it: the handshake, the ports or the first " +
			"packet decided who is the client."}
	}
	line := fmt.Sprintf("Entry %d of the kernel's connection tracking says who began it", c.ID)
	if c.Zone != 0 {
		line += fmt.Sprintf(" (zone %d)", c.Zone)
	}
	if c.Mark != 0 {
		line += fmt.Sprintf(", and has the mark %d", c.Mark)
	}
	lines := []string{line + "."}
	if r.NAT.Kind != record.NATNone {
		lines = append(lines, fmt.Sprintf("Its addresses are translated (%s): the server knows the client as %s, "+
			"the client knows the server as %s. Both legs are this one flow.",
			r.NAT.Kind, endText(r.NAT.Client), endText(r.NAT.Server)))
	}
	if c.IsOffloaded {
		lines = append(lines, "A flowtable, or the card, forwards its packets.")
	}
	return lines
}

func (e *Explainer) explainNames(r *record.Flow) []string {
	var lines []string
	switch r.Method {
	case record.MethodDPI:
		lines = append(lines, fmt.Sprintf("The protocol is %s: its dissector recognised the packets.",
			r.Protocol))
	case record.MethodPort:
		lines = append(lines, fmt.Sprintf("The protocol may be %s: no dissector recognised it; this is a guess "+
			"by the port.", r.Protocol))
	default:
		lines = append(lines, "The protocol is unknown: no dissector recognised it, and its ports suggest none.")
	}
	host := string(r.Hostname)
	switch r.ApplicationMethod {
	case record.ByDPI:
		lines = append(lines, fmt.Sprintf("The application is %s: its protocol implies it.", r.Application))
	case record.ByHost:
		lines = append(lines, fmt.Sprintf("The application is %s: the catalog has it for the host name %s, which "+
			"the flow itself names%s.", r.Application, host, e.hostEntry(r)))
	case record.ByCertificate:
		lines = append(lines, fmt.Sprintf("The application is %s: the server's certificate names it.", r.Application))
	case record.ByDNS:
		lines = append(lines, fmt.Sprintf("The application may be %s: the client had looked up %s, and got this "+
			"address%s.", r.Application, host, e.hostEntry(r)))
	case record.ByAddress:
		lines = append(lines, fmt.Sprintf("The application may be %s: the server's address is in a block of its "+
			"owner%s.", r.Application, e.addressEntry(r)))
	default:
		lines = append(lines, "The application is unknown.")
	}
	return lines
}

// hostEntry and addressEntry name the catalog's entry; "" if they find none.
func (e *Explainer) hostEntry(r *record.Flow) string {
	if e.catalog == nil {
		return ""
	}
	entry, ok := e.catalog.HostEntry(r.Hostname)
	if !ok {
		return ""
	}
	return " (its entry: " + entry + ")"
}

func (e *Explainer) addressEntry(r *record.Flow) string {
	if e.catalog == nil {
		return ""
	}
	block, ok := e.catalog.AddressEntry(r.Server.Addr.Addr())
	if !ok {
		return ""
	}
	return " (the catalog's entry: " + block.String() + ")"
}

func endText(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

func timeText(ns int64) string { return time.Unix(0, ns).Format("15:04:05.000") }
