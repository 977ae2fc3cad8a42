// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/hex"
	"errors"
	"math"
	"net/netip"
	"strings"

	"github.com/weirnet/weir/internal/report"
)

// Flow is a flow in a report: its whole record, or what has changed of it. Raw texts are members of its record as they
// were written, without braces, separated by commas.
type Flow struct {
	IsWhole          bool
	ID               ID
	State, EndReason string
	First, Last      int64 // nanoseconds since the Unix epoch; First is 0 if the line does not have it
	Client, Server   End
	Has              Groups

	// Identity: in whole records only.
	Transport  string
	Identity   []byte    // community_id, interface, vlan, ip_version
	RoundTrips [2]uint32 // of the TCP handshake in microseconds: to the client, to the server; 0: unknown

	Direction string
	Process   Process // with the place

	Connection []byte // nat, conntrack, offloaded

	Protocol, Application, Category, Hostname, Method string
	Verdict                                           []byte // hostname_method, application_method, tunnel

	Findings []byte // of dissectors

	Risks []string
}

// End is an end of a flow.
type End struct {
	Addr            netip.Addr
	Port            uint16
	MAC, Side       string
	Country, ASName string // with the place, as ASN
	ASN             uint32 // 0: unknown
	Packets, Bytes  uint64
	Health          TCPHealth
}

// TCPHealth is what an end's packets told of TCP, up to now; TTL and DSCP of other transports, too.
type TCPHealth struct {
	Flags                                        string // letters
	Retransmits, OutOfOrder, Resets, ZeroWindows uint32 // packets
	TTL, DSCP                                    uint8
}

// Process is the process of the agent's machine that a flow is of.
type Process struct {
	Members                     []byte // pid, uid, unit; none without a process
	Name, Executable, Container string
}

// Group is a group of fields, which a line replaces as a whole.
type Group uint8

// Groups of fields, as the schema describes them.
const (
	Place      Group = iota // direction, mac, side, country and AS of both ends, process
	Connection              // nat, conntrack, offloaded
	Verdict                 // protocol, application, category, hostname, method …
	Findings                // of dissectors
	Risks
	Begin  // first_seen
	Health // of both ends
	NumGroups
)

// Groups is a set of groups.
type Groups uint8

// Of reports whether a group is in the set.
func (g Groups) Of(one Group) bool { return g&(1<<one) != 0 }

const allGroups = 1<<NumGroups - 1

// Flows calls yield with each flow of the report. The Flow is valid until yield returns; what it refers to remains.
func (r *Report) Flows(yield func(*Flow) error) error {
	if r.flows == nil {
		return nil
	}
	c := &cursor{b: r.flows}
	var f Flow
	var stopped error
	count := 0
	c.list(func() {
		f = Flow{}
		f.read(c)
		if count++; count > report.MaxFlows {
			c.fail(errors.New("too many flows"))
		}
		if c.err != nil {
			return
		}
		if stopped = yield(&f); stopped != nil {
			c.fail(stopped)
		}
	})
	return c.err
}

func (f *Flow) read(c *cursor) {
	var kind string
	hasID := false
	c.object(func(name []byte) {
		switch string(name) {
		case "type":
			kind = c.short(maxName)
		case "id":
			_, err := hex.Decode(f.ID[:], id(c.text()))
			hasID = err == nil
		case "state":
			f.State = c.short(maxName)
		case "end_reason":
			f.EndReason = c.short(maxName)
		case "first_seen":
			f.First = c.time()
			f.Has |= 1 << Begin
		case "last_seen":
			f.Last = c.time()
		case "client":
			f.Client.read(c)
		case "server":
			f.Server.read(c)
		default:
			f.readMember(c, name)
		}
	})
	f.IsWhole = kind == "flow"
	switch {
	case c.err != nil:
	case !hasID, !f.IsWhole && kind != "flow_delta", f.State == "", f.Last == 0:
		c.fail(errors.New("a flow without type, id, state or last_seen"))
	case f.IsWhole && (f.First == 0 || f.Direction == "" || f.Method == "" || f.Transport == "" ||
		!f.Client.Addr.IsValid() || !f.Server.Addr.IsValid()):
		c.fail(errors.New("a flow record that is not whole"))
	case f.IsWhole:
		f.Has = allGroups
		return
	}
	if f.Client.Health != (TCPHealth{}) || f.Server.Health != (TCPHealth{}) { // a change of health has that of both
		f.Has |= 1 << Health
	}
	if f.Direction == "" {
		f.Client.clearPlace()
		f.Server.clearPlace()
		f.Process = Process{}
	}
}

func (e *End) clearPlace() { e.MAC, e.Side, e.Country, e.ASName, e.ASN = "", "", "", "", 0 }

// id returns a text that can be an identifier, and else one that is none.
func id(text []byte) []byte {
	if len(text) != 2*len(ID{}) {
		return []byte("x")
	}
	return text
}

// readMember reads a member of a group.
func (f *Flow) readMember(c *cursor, name []byte) {
	switch string(name) {
	case "ip_proto":
		f.Transport = c.short(maxName)
	case "community_id", "interface", "vlan", "ip_version":
		f.Identity = c.member(f.Identity, name)
	case "schema":
		c.skip()
	case "tcp":
		f.readRoundTrips(c)
	case "process":
		f.Process.read(c)
	case "direction":
		f.Direction = c.short(maxName)
		f.Has |= 1 << Place
	case "nat", "conntrack", "offloaded":
		f.Connection = c.member(f.Connection, name)
		f.Has |= 1 << Connection
	case "protocol":
		f.Protocol = c.short(maxName)
	case "application":
		f.Application = c.short(maxName)
	case "category":
		f.Category = c.short(maxName)
	case "hostname":
		f.Hostname = c.short(maxHost)
	case "method":
		f.Method = c.short(maxName)
		f.Has |= 1 << Verdict
	case "hostname_method", "application_method", "tunnel":
		f.Verdict = c.member(f.Verdict, name)
	case "risks":
		f.readRisks(c)
	default:
		f.Findings = c.member(f.Findings, name)
		f.Has |= 1 << Findings
	}
}

func (f *Flow) readRisks(c *cursor) {
	f.Has |= 1 << Risks
	f.Risks = nil
	c.list(func() {
		if len(f.Risks) == maxName {
			c.fail(errText)
			return
		}
		risk := c.short(maxName)
		if strings.Contains(risk, ",") { // what separates them where they are stored
			c.fail(errText)
		}
		f.Risks = append(f.Risks, risk)
	})
}

func (e *End) read(c *cursor) {
	c.object(func(name []byte) {
		switch string(name) {
		case "ip":
			e.Addr = c.address()
		case "port":
			e.Port = uint16(c.count(1<<16 - 1))
		case "mac":
			e.MAC = c.short(maxName)
		case "side":
			e.Side = c.short(maxName)
		case "packets":
			e.Packets = c.count(MaxCount)
		case "bytes":
			e.Bytes = c.count(MaxCount)
		case "country":
			e.Country = c.short(maxName)
		case "asn":
			e.ASN = uint32(c.count(math.MaxUint32))
		case "as_name":
			e.ASName = c.short(maxText)
		default:
			e.Health.readMember(c, name)
		}
	})
}

func (h *TCPHealth) readMember(c *cursor, name []byte) {
	switch string(name) {
	case "tcp_flags":
		h.Flags = c.short(maxName)
	case "retransmits":
		h.Retransmits = uint32(c.count(math.MaxUint32))
	case "out_of_order":
		h.OutOfOrder = uint32(c.count(math.MaxUint32))
	case "resets":
		h.Resets = uint32(c.count(math.MaxUint32))
	case "zero_windows":
		h.ZeroWindows = uint32(c.count(math.MaxUint32))
	case "ttl":
		h.TTL = uint8(c.count(math.MaxUint8))
	case "dscp":
		h.DSCP = uint8(c.count(math.MaxUint8))
	default:
		c.skip()
	}
}

func (f *Flow) readRoundTrips(c *cursor) {
	c.object(func(name []byte) {
		switch string(name) {
		case "client_rtt_us":
			f.RoundTrips[0] = uint32(c.count(math.MaxUint32))
		case "server_rtt_us":
			f.RoundTrips[1] = uint32(c.count(math.MaxUint32))
		default:
			c.skip()
		}
	})
}

func (p *Process) read(c *cursor) {
	*p = Process{}
	c.object(func(name []byte) {
		switch string(name) {
		case "name":
			p.Name = c.short(maxText)
		case "executable":
			p.Executable = c.short(maxText)
		case "container":
			p.Container = c.short(maxText)
		default:
			p.Members = c.member(p.Members, name)
		}
	})
}

// member reads a value, and appends it with its name to members.
func (c *cursor) member(members, name []byte) []byte {
	value := c.raw()
	if c.err != nil {
		return members
	}
	if len(members)+len(name)+len(value) > maxRaw || !isMember(name) {
		c.fail(errText)
		return members
	}
	if len(members) > 0 {
		members = append(members, ',')
	}
	members = append(append(append(members, '"'), name...), `":`...)
	return append(members, value...)
}

// isMember reports whether a name needs no escape.
func isMember(name []byte) bool {
	if len(name) == 0 || len(name) > maxName {
		return false
	}
	for _, b := range name {
		if b < ' ' || b == '"' || b == '\\' || b == 0x7f {
			return false
		}
	}
	return true
}
