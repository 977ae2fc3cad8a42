// SPDX-License-Identifier: Apache-2.0

// Package words says in sentences what a flow record says in fields: why the flow has its protocol and application, and
// what connection tracking knows of it. The agent and the sink use the same sentences.
package words

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/record"
)

// Catalog returns the entry that identified an application.
type Catalog interface {
	HostEntry(host []byte) (name string, ok bool)
	AddressEntry(netip.Addr) (block netip.Prefix, ok bool)
}

// Connection says what connection tracking knows of a flow.
func Connection(r *record.Flow) []string {
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
			r.NAT.Kind, End(r.NAT.Client), End(r.NAT.Server)))
	}
	if c.IsOffloaded {
		lines = append(lines, "A flowtable, or the card, forwards its packets.")
	}
	return lines
}

// Origins says where the ends of a flow are at home, as far as a file of the user's tells.
func Origins(r *record.Flow) (lines []string) {
	for _, end := range [...]*record.Endpoint{&r.Client, &r.Server} {
		o := end.Origin
		if o == nil {
			continue
		}
		var texts []string
		if o.ASN != 0 {
			texts = append(texts, strings.TrimSpace(fmt.Sprintf("the autonomous system %d %s", o.ASN, o.ASName)))
		}
		if o.Country != "" {
			texts = append(texts, "the country "+o.Country)
		}
		lines = append(lines, fmt.Sprintf("%s is in %s.", end.Addr.Addr(), strings.Join(texts, ", ")))
	}
	return lines
}

// Process says which process of this machine has the flow's socket, if that is known.
func Process(r *record.Flow) []string {
	p := r.Process
	if p == nil {
		return nil
	}
	line := fmt.Sprintf("Its socket is of the process %d, %s", p.PID, p.Name)
	if p.Executable != "" {
		line += " (" + p.Executable + ")"
	}
	line += fmt.Sprintf(", of the user %d", p.UID)
	if p.Container != "" {
		line += ", in the container " + p.Container
	}
	if p.Unit != "" {
		line += ", in the unit " + p.Unit
	}
	return []string{line + "."}
}

// Health says how well a TCP flow goes: its round trip, and what each end had to repeat. It leaves out what is usual.
func Health(r *record.Flow) (lines []string) {
	if trip := r.RoundTrip(); trip > 0 {
		lines = append(lines, fmt.Sprintf("A round trip takes %s: %s between weir and the client, %s between weir and "+
			"the server (of the handshake).", microseconds(trip), microseconds(uint64(r.RoundTrips[0])),
			microseconds(uint64(r.RoundTrips[1]))))
	}
	for _, end := range [...]struct {
		name string
		of   *record.Endpoint
	}{{"client", &r.Client}, {"server", &r.Server}} {
		h := &end.of.Health
		var texts []string
		for _, n := range [...]struct {
			count uint64
			what  string
		}{{uint64(h.Retransmits), "retransmissions"}, {uint64(h.OutOfOrder), "out of order"},
			{uint64(h.ZeroWindows), "with a closed window"}, {uint64(h.Resets), "resets"}} {
			if n.count > 0 {
				texts = append(texts, fmt.Sprintf("%d %s", n.count, n.what))
			}
		}
		if len(texts) > 0 {
			lines = append(lines, fmt.Sprintf("Of the %s's %d packets: %s.", end.name, end.of.Packets,
				strings.Join(texts, ", ")))
		}
	}
	return lines
}

func microseconds(n uint64) string { return (time.Duration(n) * time.Microsecond).String() }

// Names says what named a flow's protocol and application. c may be nil.
func Names(r *record.Flow, c Catalog) []string {
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
			"the flow itself names%s.", r.Application, host, hostEntry(r, c)))
	case record.ByCertificate:
		lines = append(lines, fmt.Sprintf("The application is %s: the server's certificate names it.", r.Application))
	case record.ByDNS:
		lines = append(lines, fmt.Sprintf("The application may be %s: the client had looked up %s, and got this "+
			"address%s.", r.Application, host, hostEntry(r, c)))
	case record.ByAddress:
		lines = append(lines, fmt.Sprintf("The application may be %s: the server's address is in a block of its "+
			"owner%s.", r.Application, addressEntry(r, c)))
	default:
		lines = append(lines, "The application is unknown.")
	}
	return lines
}

// hostEntry and addressEntry name the catalog's entry; "" if they find none.
func hostEntry(r *record.Flow, c Catalog) string {
	if c == nil {
		return ""
	}
	entry, ok := c.HostEntry(r.Hostname)
	if !ok {
		return ""
	}
	return " (its entry: " + entry + ")"
}

func addressEntry(r *record.Flow, c Catalog) string {
	if c == nil {
		return ""
	}
	block, ok := c.AddressEntry(r.Server.Addr.Addr())
	if !ok {
		return ""
	}
	return " (the catalog's entry: " + block.String() + ")"
}

// End returns an address with its port, if it has one.
func End(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}
