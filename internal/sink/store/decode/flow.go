// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"encoding/hex"
	"errors"
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
	Transport string
	Identity  []byte // community_id, interface, vlan, ip_version

	Direction string

	Connection []byte // nat, conntrack, offloaded

	Protocol, Application, Category, Hostname, Method string
	Verdict                                           []byte // hostname_method, application_method, tunnel

	Findings []byte // of dissectors

	Risks []string
}

// End is an end of a flow.
type End struct {
	Addr           netip.Addr
	Port           uint16
	MAC, Side      string
	Packets, Bytes uint64
}

// Group is a group of fields, which a line replaces as a whole.
type Group uint8

// Groups of fields, as the schema describes them.
const (
	Place      Group = iota // direction, mac and side of both ends
	Connection              // nat, conntrack, offloaded
	Verdict                 // protocol, application, category, hostname, method …
	Findings                // of dissectors
	Risks
	Begin // first_seen
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
	case f.Direction == "":
		f.Client.MAC, f.Client.Side, f.Server.MAC, f.Server.Side = "", "", "", ""
	}
}

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
	case "schema", "tcp", "process": // no store has a place for the latter two
		c.skip()
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
		default:
			c.skip()
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
