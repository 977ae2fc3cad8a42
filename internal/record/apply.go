// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weirnet/weir/internal/packet"
)

// Apply changes the record as a delta, which AppendDelta wrote, says: it is the flow's next record then. The record
// keeps nothing of line. After an error the record is half changed.
func (f *Flow) Apply(line []byte) error {
	if len(line) > MaxLine {
		return fmt.Errorf("a delta of %d bytes; %d are allowed", len(line), MaxLine)
	}
	var kind string
	var id [32]byte
	var client, server Endpoint
	var changed Parts // those of which a member has come
	f.EndReason = NotEnded
	err := members(line, func(name string, value json.RawMessage) error {
		switch name {
		case "type":
			return json.Unmarshal(value, &kind)
		case "id":
			return readID(value, &id)
		case "client":
			return client.read(value)
		case "server":
			return server.read(value)
		}
		if p, ok := partOf(name); ok && !changed.Has(p) {
			changed |= 1 << p
			f.clear(p)
		}
		return f.member(name, value)
	})
	switch {
	case err != nil:
		return fmt.Errorf("no delta of a flow: %w", err)
	case kind != "flow_delta":
		return fmt.Errorf("no delta of a flow: its type is %q", kind)
	case id != f.ID:
		return errors.New("a delta of another flow")
	case changed.Has(PartIdentity):
		return errors.New("a delta that changes the flow's identity")
	}
	if client.Health != (packet.Health{}) || server.Health != (packet.Health{}) { // a change of health has that of both
		changed |= 1 << PartHealth
	}
	f.Client.apply(&client, changed)
	f.Server.apply(&server, changed)
	return nil
}

// partOf returns the part of a member of a delta; the state and the time of the last packet have none.
func partOf(member string) (p Part, ok bool) {
	switch member {
	case "state", "end_reason", "last_seen":
		return 0, false
	case "direction", "process": // a change of place always has the former
		return PartPlace, true
	case "nat", "conntrack", "offloaded":
		return PartConnection, true
	case "protocol", "application", "category", "hostname", "hostname_method", "method", "application_method",
		"tunnel":
		return PartVerdict, true
	case "first_seen":
		return PartBegin, true
	case "risks":
		return PartRisks, true
	case "schema", "community_id", "interface", "vlan", "ip_version", "ip_proto", "tcp":
		return PartIdentity, true
	}
	return PartInfo, true
}

// clear empties the fields of a part that its members set.
func (f *Flow) clear(p Part) {
	switch p {
	case PartPlace:
		f.Process = nil
	case PartConnection:
		f.NAT, f.Conntrack = NAT{}, Conntrack{}
	case PartVerdict:
		f.Protocol, f.Application, f.Category, f.Hostname, f.Tunnels = "", "", "", nil, nil
		f.Method, f.ApplicationMethod, f.HostnameMethod = 0, 0, 0
	case PartInfo:
		f.Info = nil
	case PartRisks:
		f.Risks = 0
	}
}

// apply adds a delta's counts to the end's, and takes the end's new place and health.
func (e *Endpoint) apply(delta *Endpoint, changed Parts) {
	if changed.Has(PartPlace) {
		e.MAC, e.Side, e.Origin = delta.MAC, delta.Side, delta.Origin
	}
	if changed.Has(PartHealth) {
		e.Health = delta.Health
	}
	e.Packets += delta.Packets
	e.Bytes += delta.Bytes
}
