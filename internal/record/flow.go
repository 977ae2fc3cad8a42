// SPDX-License-Identifier: Apache-2.0

// Package record holds the flow record and writes it as JSON and CSV; a JSON Schema describes the JSON. Enumerations
// (state, direction, method, risk …) are numbers in the record and become text only in the output.
package record

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/weirnet/weir/internal/packet"
)

// SchemaVersion is the "schema" of every record; it grows when a field changes its meaning or disappears.
const SchemaVersion = 1

// Endpoint is one end of a flow.
type Endpoint struct {
	Addr           netip.AddrPort
	MAC            [6]byte // zero: unknown
	Packets, Bytes uint64  // sent by this end; bytes from the network header on
	Side           Side
	Health         packet.Health
	Origin         *Origin // nil: unknown; records share it, so nobody changes it
}

// Origin is where an address is at home, by files of the user's (package geo). Zero values are unknown.
type Origin struct {
	ASN     uint32 // number of the autonomous system
	ASName  string // its organisation
	Country string // ISO 3166-1 alpha-2
}

// NAT is an address translation: the address and port under which each end knows the other.
type NAT struct {
	Kind           NATKind
	Client, Server netip.AddrPort
}

// Conntrack is the kernel's further knowledge of a connection, from connection tracking.
type Conntrack struct {
	ID, Mark  uint32
	Zone      uint16
	IsTracked bool
	// IsOffloaded: a flowtable or the network card forwards its packets.
	IsOffloaded bool
}

// Flow is one flow record. Empty texts and zero values are absent from the output.
type Flow struct {
	ID          [32]byte // hexadecimal digits
	CommunityID []byte
	State       State
	EndReason   EndReason
	Interface   string
	VLANs       []uint16 // the outermost first
	IPVersion   uint8
	Proto       uint8
	Client      Endpoint
	Server      Endpoint
	Direction   Direction
	NAT         NAT
	Conntrack   Conntrack
	// ICMPType and ICMPCode are the first packet's, or the request's if it belongs to a query; ICMPID is the query's
	// identifier.
	ICMPType, ICMPCode uint8
	ICMPID             uint16

	Protocol, Application, Category string
	Hostname                        []byte
	Method                          Method
	ApplicationMethod               ApplicationMethod
	HostnameMethod                  HostnameMethod

	Tunnels             []packet.Tunnel // the outermost first
	FirstSeen, LastSeen int64           // nanoseconds since the Unix epoch
	// Step is how far FirstSeen and LastSeen have moved because the clock was set since the flow began; see Began.
	Step int64
	// Info holds members of the record as JSON, without enclosing braces: "tls":{...}.
	Info  []byte
	Risks Risks
	// RoundTrips are those of the TCP handshake in microseconds: between weir and the client, weir and the server.
	// 0: unknown.
	RoundTrips [2]uint32
	// Process is the local one; nil: unknown, or there is none. Records share it, so nobody changes it.
	Process *Process
}

// Began is the flow's start by a clock that nobody sets. It is constant over the flow's life, so IDs derive from it.
func (f *Flow) Began() int64 { return f.FirstSeen - f.Step }

// Clone returns a deep copy of the record.
func (f *Flow) Clone() *Flow {
	c := *f
	c.CommunityID, c.Hostname, c.Info = bytes.Clone(f.CommunityID), bytes.Clone(f.Hostname), bytes.Clone(f.Info)
	c.VLANs, c.Tunnels = slices.Clone(f.VLANs), slices.Clone(f.Tunnels)
	return &c
}

// AppendJSON appends the record as one JSON object, without a line end.
func (f *Flow) AppendJSON(b []byte) []byte { return f.appendJSON(b, true) }

// AppendBrief is AppendJSON without what follows from the rest of the record, and compresses badly: tcp.rtt_us, and the
// Community ID of a flow with ports. An empty one stays: it says that the ID was left out on purpose.
func (f *Flow) AppendBrief(b []byte) []byte { return f.appendJSON(b, false) }

func (f *Flow) appendJSON(b []byte, isWhole bool) []byte {
	hasCommunityID := isWhole || len(f.CommunityID) == 0 ||
		f.Proto != packet.ProtoTCP && f.Proto != packet.ProtoUDP && f.Proto != packet.ProtoSCTP
	b = append(b, `{"type":"flow","schema":`...)
	b = strconv.AppendInt(b, SchemaVersion, 10)
	b = append(b, `,"id":"`...)
	b = append(b, f.ID[:]...)
	if hasCommunityID {
		b = append(b, `","community_id":"`...)
		b = append(b, f.CommunityID...)
	}
	b = append(b, '"')
	b = f.appendState(b)
	b = appendText(b, "interface", f.Interface)
	b = f.AppendVLANs(b)
	b = append(b, `,"ip_version":`...)
	b = strconv.AppendUint(b, uint64(f.IPVersion), 10)
	b = appendText(b, "ip_proto", packet.ProtoName(f.Proto))
	b = f.Client.appendJSON(append(b, `,"client":`...))
	b = f.Server.appendJSON(append(b, `,"server":`...))
	b = appendText(b, "direction", f.Direction.String())
	b = f.appendProcess(b)
	b = f.appendConnection(b)
	b = f.appendRoundTrips(b, isWhole)
	b = f.appendVerdict(b)
	b = append(b, `,"first_seen":"`...)
	b = AppendTime(b, f.FirstSeen)
	b = append(b, `","last_seen":"`...)
	b = AppendTime(b, f.LastSeen)
	b = append(b, '"')
	b = f.appendInfo(b)
	return append(f.appendRisks(b), '}')
}

func (f *Flow) appendState(b []byte) []byte {
	b = append(b, `,"state":"`...)
	b = append(b, f.State.String()...)
	b = append(b, '"')
	return appendText(b, "end_reason", f.EndReason.String())
}

// AppendVLANs appends the member vlan, unless the flow has none.
func (f *Flow) AppendVLANs(b []byte) []byte {
	if len(f.VLANs) == 0 {
		return b
	}
	b = append(b, `,"vlan":[`...)
	for i, v := range f.VLANs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendUint(b, uint64(v), 10)
	}
	return append(b, ']')
}

// appendConnection appends what connection tracking knows.
func (f *Flow) appendConnection(b []byte) []byte { return f.Conntrack.appendJSON(f.NAT.appendJSON(b)) }

func (f *Flow) appendInfo(b []byte) []byte {
	if len(f.Info) == 0 {
		return b
	}
	return append(append(b, ','), f.Info...)
}

func (f *Flow) appendRisks(b []byte) []byte {
	if f.Risks == 0 {
		return b
	}
	return f.Risks.appendJSON(append(b, `,"risks":`...))
}

func (f *Flow) appendVerdict(b []byte) []byte {
	b = appendText(b, "protocol", f.Protocol)
	b = appendText(b, "application", f.Application)
	b = appendText(b, "category", f.Category)
	if len(f.Hostname) > 0 {
		b = append(b, `,"hostname":`...)
		b = AppendText(b, f.Hostname)
		b = appendText(b, "hostname_method", f.HostnameMethod.String())
	}
	b = appendText(b, "method", f.Method.String())
	b = appendText(b, "application_method", f.ApplicationMethod.String())
	if len(f.Tunnels) > 0 {
		b = append(b, `,"tunnel":[`...)
		for i, t := range f.Tunnels {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, '"')
			b = append(b, t.String()...)
			b = append(b, '"')
		}
		b = append(b, ']')
	}
	return b
}

func (e *Endpoint) appendJSON(b []byte) []byte {
	b = e.appendPlace(appendEnd(append(b, '{'), "", e.Addr))
	b = append(b, `,"packets":`...)
	b = strconv.AppendUint(b, e.Packets, 10)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendUint(b, e.Bytes, 10)
	return append(appendHealth(b, &e.Health), '}')
}

// appendPlace appends where the end is.
func (e *Endpoint) appendPlace(b []byte) []byte {
	if e.MAC != [6]byte{} {
		b = append(b, `,"mac":"`...)
		b = AppendMAC(b, e.MAC)
		b = append(b, '"')
	}
	b = appendText(b, "side", e.Side.String())
	o := e.Origin
	if o == nil {
		return b
	}
	if o.ASN != 0 {
		b = strconv.AppendUint(append(b, `,"asn":`...), uint64(o.ASN), 10)
	}
	if o.ASName != "" {
		b = AppendText(append(b, `,"as_name":`...), []byte(o.ASName))
	}
	return appendText(b, "country", o.Country)
}

// appendEnd appends the members of an address and, if it has one, a port.
func appendEnd(b []byte, prefix string, end netip.AddrPort) []byte {
	b = append(append(append(b, '"'), prefix...), `ip":"`...)
	b = end.Addr().AppendTo(b)
	b = append(b, '"')
	if port := end.Port(); port != 0 {
		b = append(append(append(b, `,"`...), prefix...), `port":`...)
		b = strconv.AppendUint(b, uint64(port), 10)
	}
	return b
}

func (n *NAT) appendJSON(b []byte) []byte {
	if n.Kind == NATNone {
		return b
	}
	b = append(append(append(b, `,"nat":{"kind":"`...), n.Kind.String()...), `",`...)
	b = append(appendEnd(b, "client_", n.Client), ',')
	return append(appendEnd(b, "server_", n.Server), '}')
}

func (c *Conntrack) appendJSON(b []byte) []byte {
	if !c.IsTracked {
		return b
	}
	b = strconv.AppendUint(append(b, `,"conntrack":{"id":`...), uint64(c.ID), 10)
	if c.Mark != 0 {
		b = strconv.AppendUint(append(b, `,"mark":`...), uint64(c.Mark), 10)
	}
	if c.Zone != 0 {
		b = strconv.AppendUint(append(b, `,"zone":`...), uint64(c.Zone), 10)
	}
	b = append(b, '}')
	if c.IsOffloaded {
		b = append(b, `,"offloaded":true`...)
	}
	return b
}

// appendText appends a member whose value needs no escape: one of our constants, or an interface name.
func appendText(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	return AppendText(b, value)
}

const digits = "0123456789abcdef"

// AppendMAC appends an address as six pairs of hexadecimal digits with colons.
func AppendMAC(b []byte, mac [6]byte) []byte {
	for i, c := range mac {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, digits[c>>4], digits[c&15])
	}
	return b
}

// AppendTime appends nanoseconds since the Unix epoch as RFC 3339 with nine digits, in UTC.
func AppendTime(b []byte, ns int64) []byte {
	return time.Unix(0, ns).UTC().AppendFormat(b, "2006-01-02T15:04:05.000000000Z")
}
