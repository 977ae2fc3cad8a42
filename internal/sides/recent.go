// SPDX-License-Identifier: Apache-2.0

package sides

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// maxRecent is how many of the last records are kept, to be explained.
const maxRecent = 4096

// recent are the last records that were passed on, in a ring. Its lock is held to copy one record, or to look for one, and over nothing
// that can wait: neither does a question wait for the output nor the output for questions.
type recent struct {
	mu      sync.Mutex
	records []record.Flow
	next    int
}

// keep copies a record into the ring, in the memory of the one that it replaces.
func (x *recent) keep(r *record.Flow) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.records) < maxRecent {
		x.records = append(x.records, record.Flow{})
	}
	old := &x.records[x.next]
	kept := *r
	kept.CommunityID = append(old.CommunityID[:0], r.CommunityID...)
	kept.Hostname = append(old.Hostname[:0], r.Hostname...)
	kept.Info, kept.Risks = nil, 0 // what a flow says is not what explains it
	kept.VLANs, kept.Tunnels = append(old.VLANs[:0], r.VLANs...), append(old.Tunnels[:0], r.Tunnels...)
	*old = kept
	x.next = (x.next + 1) % maxRecent
}

// find returns a copy of the newest record whose id begins with prefix; nil where there is none, of so many.
func (x *recent) find(prefix string) (r *record.Flow, of int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.records {
		r := &x.records[(x.next+len(x.records)-1-i)%len(x.records)]
		if strings.HasPrefix(string(r.ID[:]), prefix) {
			return clone(r), len(x.records)
		}
	}
	return nil, len(x.records)
}

// minPrefix is how many digits of an id tell flows apart well enough.
const minPrefix = 4

// Explain says in words, a line each, why an address is on its side, or why a flow of the last records was named and placed as it was.
// what is an address, or an id or its beginning.
func (p *Placer) Explain(what string) ([]string, error) {
	if a, err := netip.ParseAddr(what); err == nil {
		return p.explainAddress(a), nil
	}
	id := strings.ToLower(what)
	if _, err := hex.DecodeString(id[:len(id)&^1]); err != nil || len(id) < minPrefix || len(id) > 32 {
		return nil, fmt.Errorf("%q is neither an address nor the id of a flow (32 digits, or the first %d and more)", what, minPrefix)
	}
	r, of := p.recent.find(id)
	if r == nil {
		return nil, fmt.Errorf("none of the last %d records is of a flow %s; a flow is reported when it ends (weir run --update-every: before, too)", of, what)
	}
	return p.explainFlow(r), nil
}

func (p *Placer) explainAddress(a netip.Addr) []string {
	n := p.network.Load()
	if n == nil {
		return []string{"the routes are not known yet"}
	}
	side, why := n.Explain(a, "")
	return []string{fmt.Sprintf("%s is %s: %s.", a, side, why)}
}

func (p *Placer) explainFlow(r *record.Flow) []string {
	lines := []string{
		fmt.Sprintf("Flow %s: %s from %s to %s, %s.", r.ID[:], packet.ProtoName(r.Proto), endText(r.Client.Addr), endText(r.Server.Addr), r.Direction),
		fmt.Sprintf("It was seen on %s from %s to %s; this record is its %q.", cmp.Or(r.Interface, "an interface that is gone"), clock(r.FirstSeen), clock(r.LastSeen), r.State),
	}
	if n := p.network.Load(); n != nil {
		for _, end := range []struct {
			name string
			addr netip.Addr
		}{{"client", r.Client.Addr.Addr()}, {"server", r.Server.Addr.Addr()}} {
			side, why := n.Explain(end.addr, r.Interface)
			lines = append(lines, fmt.Sprintf("The %s, %s, is %s: %s.", end.name, end.addr, side, why))
		}
	}
	lines = append(lines, explainConntrack(r)...)
	return append(lines, p.explainNames(r)...)
}

func explainConntrack(r *record.Flow) []string {
	c := &r.Conntrack
	if !c.IsTracked {
		return []string{"The kernel's connection tracking has no entry for it: who is the client the handshake, the ports or the first packet told."}
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
		lines = append(lines, fmt.Sprintf("Its addresses are translated (%s): the server knows the client as %s, the client knows the server as %s. Both legs are this one flow.",
			r.NAT.Kind, endText(r.NAT.Client), endText(r.NAT.Server)))
	}
	if c.IsOffloaded {
		lines = append(lines, "A flowtable, or the card, forwards its packets.")
	}
	return lines
}

func (p *Placer) explainNames(r *record.Flow) []string {
	var lines []string
	switch r.Method {
	case record.MethodDPI:
		lines = append(lines, fmt.Sprintf("The protocol is %s: its dissector recognised what the packets say.", r.Protocol))
	case record.MethodPort:
		lines = append(lines, fmt.Sprintf("The protocol may be %s: no dissector recognised it, and this is a guess by the port.", r.Protocol))
	default:
		lines = append(lines, "The protocol is not known: no dissector recognised it, and no port tells.")
	}
	host := string(r.Hostname)
	switch r.ApplicationMethod {
	case record.ByDPI:
		lines = append(lines, fmt.Sprintf("The application is %s: the protocol tells.", r.Application))
	case record.ByHost:
		lines = append(lines, fmt.Sprintf("The application is %s: the catalog has it for the host name %s, which the flow itself names%s.", r.Application, host, p.hostEntry(r)))
	case record.ByCertificate:
		lines = append(lines, fmt.Sprintf("The application is %s: the server's certificate tells.", r.Application))
	case record.ByDNS:
		lines = append(lines, fmt.Sprintf("The application may be %s: the client had asked for %s, and got this address%s.", r.Application, host, p.hostEntry(r)))
	case record.ByAddress:
		lines = append(lines, fmt.Sprintf("The application may be %s: the server's address is in a block of its owner%s.", r.Application, p.addressEntry(r)))
	default:
		lines = append(lines, "No application is known for it.")
	}
	return lines
}

// hostEntry and addressEntry name the entry of the catalog; empty where there is none, or no catalog.
func (p *Placer) hostEntry(r *record.Flow) string {
	if p.catalog == nil {
		return ""
	}
	entry, ok := p.catalog.HostEntry(r.Hostname)
	if !ok {
		return ""
	}
	return " (its entry: " + entry + ")"
}

func (p *Placer) addressEntry(r *record.Flow) string {
	if p.catalog == nil {
		return ""
	}
	block, ok := p.catalog.AddressEntry(r.Server.Addr.Addr())
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

func clock(ns int64) string { return time.Unix(0, ns).Format("15:04:05.000") }
