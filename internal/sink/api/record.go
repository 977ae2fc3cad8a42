// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/explain/words"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// flowJSON is a flow record's JSON (internal/record/schema.json), without the dissectors' findings.
type flowJSON struct {
	ID          string   `json:"id"`
	CommunityID string   `json:"community_id"`
	State       string   `json:"state"`
	EndReason   string   `json:"end_reason"`
	Interface   string   `json:"interface"`
	VLANs       []uint16 `json:"vlan"`
	IPVersion   uint8    `json:"ip_version"`
	Proto       string   `json:"ip_proto"`
	Client      endJSON  `json:"client"`
	Server      endJSON  `json:"server"`
	Direction   string   `json:"direction"`
	NAT         *struct {
		Kind       string     `json:"kind"`
		ClientIP   netip.Addr `json:"client_ip"`
		ClientPort uint16     `json:"client_port"`
		ServerIP   netip.Addr `json:"server_ip"`
		ServerPort uint16     `json:"server_port"`
	} `json:"nat"`
	Conntrack *struct {
		ID   uint32 `json:"id"`
		Mark uint32 `json:"mark"`
		Zone uint16 `json:"zone"`
	} `json:"conntrack"`
	IsOffloaded       bool      `json:"offloaded"`
	Protocol          string    `json:"protocol"`
	Application       string    `json:"application"`
	Category          string    `json:"category"`
	Hostname          string    `json:"hostname"`
	HostnameMethod    string    `json:"hostname_method"`
	Method            string    `json:"method"`
	ApplicationMethod string    `json:"application_method"`
	Tunnels           []string  `json:"tunnel"`
	FirstSeen         time.Time `json:"first_seen"`
	LastSeen          time.Time `json:"last_seen"`
	Risks             []string  `json:"risks"`
}

type endJSON struct {
	IP      netip.Addr `json:"ip"`
	Port    uint16     `json:"port"`
	MAC     string     `json:"mac"`
	Side    string     `json:"side"`
	Packets uint64     `json:"packets"`
	Bytes   uint64     `json:"bytes"`
}

// parseRecord reads a flow record from its JSON.
func parseRecord(text []byte) (*record.Flow, error) {
	var j flowJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return nil, fmt.Errorf("flow record: %w", err)
	}
	r := &record.Flow{
		CommunityID: []byte(j.CommunityID), State: named[record.State](j.State),
		EndReason: named[record.EndReason](j.EndReason), Interface: j.Interface, VLANs: j.VLANs, IPVersion: j.IPVersion,
		Proto: protoOf(j.Proto), Client: j.Client.endpoint(), Server: j.Server.endpoint(),
		Direction: named[record.Direction](j.Direction), Protocol: j.Protocol, Application: j.Application,
		Category: j.Category, Hostname: []byte(j.Hostname), Method: named[record.Method](j.Method),
		ApplicationMethod: named[record.ApplicationMethod](j.ApplicationMethod),
		HostnameMethod:    named[record.HostnameMethod](j.HostnameMethod),
		FirstSeen:         j.FirstSeen.UnixNano(), LastSeen: j.LastSeen.UnixNano(),
	}
	copy(r.ID[:], j.ID)
	if n := j.NAT; n != nil {
		r.NAT = record.NAT{Kind: named[record.NATKind](n.Kind), Client: netip.AddrPortFrom(n.ClientIP, n.ClientPort),
			Server: netip.AddrPortFrom(n.ServerIP, n.ServerPort)}
	}
	if c := j.Conntrack; c != nil {
		r.Conntrack = record.Conntrack{ID: c.ID, Mark: c.Mark, Zone: c.Zone, IsTracked: true,
			IsOffloaded: j.IsOffloaded}
	}
	for _, t := range j.Tunnels {
		r.Tunnels = append(r.Tunnels, named[packet.Tunnel](t))
	}
	for i, risk := range record.RiskList() {
		if slices.Contains(j.Risks, risk.Slug) {
			r.Risks.Add(record.Risk(i))
		}
	}
	return r, nil
}

func (e *endJSON) endpoint() record.Endpoint {
	end := record.Endpoint{Addr: netip.AddrPortFrom(e.IP, e.Port), Packets: e.Packets, Bytes: e.Bytes,
		Side: named[record.Side](e.Side)}
	if mac, err := net.ParseMAC(e.MAC); err == nil {
		copy(end.MAC[:], mac)
	}
	return end
}

// named returns the value whose text it is; the zero value for a text that a newer agent has.
func named[T interface {
	~uint8
	fmt.Stringer
}](text string) T {
	for i := range 256 {
		if T(i).String() == text {
			return T(i)
		}
	}
	return 0
}

func protoOf(text string) uint8 {
	for i := range 256 {
		if packet.ProtoName(uint8(i)) == text {
			return uint8(i)
		}
	}
	return 0
}

// builtIn is the catalog that this program carries.
var builtIn = sync.OnceValues(func() (*catalog.Catalog, error) { return catalog.Load() })

// why says in sentences what is known of a flow, and explains its risks.
func why(text []byte) ([]string, []Risk, error) {
	r, err := parseRecord(text)
	if err != nil {
		return nil, nil, err
	}
	entries, err := builtIn()
	if err != nil {
		return nil, nil, err
	}
	lines := []string{fmt.Sprintf("%s from %s to %s, %s.", packet.ProtoName(r.Proto), words.End(r.Client.Addr),
		words.End(r.Server.Addr), r.Direction)}
	if r.Client.Side != record.SideUnknown || r.Server.Side != record.SideUnknown {
		lines = append(lines, fmt.Sprintf("The gateway placed the client on the side %s and the server on the side %s.",
			sideText(r.Client.Side), sideText(r.Server.Side)))
	}
	lines = append(lines, words.Connection(r)...)
	lines = append(lines, words.Names(r, entries)...)
	risks := []Risk{}
	for i, risk := range record.RiskList() {
		if r.Risks.Has(record.Risk(i)) {
			risks = append(risks, Risk{risk.Slug, risk.Severity.String(), risk.Meaning, risk.Advice})
		}
	}
	return lines, risks, nil
}

func sideText(s record.Side) string { return cmp.Or(s.String(), "unknown") }
