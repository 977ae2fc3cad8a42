// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/sink/store"
)

// modelEnd is an end of a flow in a report.
type modelEnd struct {
	IP      string `json:"ip"`
	Port    int    `json:"port"`
	MAC     string `json:"mac"`
	Side    string `json:"side"`
	Packets int64  `json:"packets"`
	Bytes   int64  `json:"bytes"`

	Country string `json:"country"`
	ASN     int64  `json:"asn"`
	ASName  string `json:"as_name"`
	modelHealth
}

type modelHealth struct {
	Flags       string `json:"tcp_flags"`
	Retransmits int64  `json:"retransmits"`
	OutOfOrder  int64  `json:"out_of_order"`
	Resets      int64  `json:"resets"`
	ZeroWindows int64  `json:"zero_windows"`
	TTL         int64  `json:"ttl"`
}

// as is the key of an autonomous system.
func (e *modelEnd) as() string {
	if e.ASN == 0 {
		return ""
	}
	return strconv.FormatInt(e.ASN, 10)
}

type modelFlow struct {
	Type        string   `json:"type"`
	ID          string   `json:"id"`
	Client      modelEnd `json:"client"`
	Server      modelEnd `json:"server"`
	Direction   string   `json:"direction"`
	Protocol    string   `json:"protocol"`
	Application string   `json:"application"`
	Category    string   `json:"category"`
	Hostname    string   `json:"hostname"`
	Method      string   `json:"method"`
	IPProto     string   `json:"ip_proto"`
	Risks       []string `json:"risks"`
	Process     *struct {
		Name, Executable, Container string
	} `json:"process"`
	TCP struct {
		Client int64 `json:"client_rtt_us"`
		Server int64 `json:"server_rtt_us"`
	} `json:"tcp"`
}

// piece is what a report says of a flow.
type piece struct {
	at                int64
	flow              string
	keys              map[store.Dimension]string
	up, down, packets int64
	last              *modelFlow // as it is at last
}

// model adds reports up. It reads those of an agent in order.
type model struct{ pieces []piece }

// newModel reads the reports of agents.
func newModel(t testing.TB, agents ...[]store.Report) *model {
	t.Helper()
	m := &model{}
	for _, reports := range agents {
		known := map[string]*modelFlow{}
		for _, r := range reports {
			var line struct {
				Period struct {
					End time.Time `json:"end"`
				} `json:"period"`
				Flows []modelFlow `json:"flows"`
			}
			if err := json.Unmarshal(r.Line, &line); err != nil {
				t.Fatal(err)
			}
			for _, f := range line.Flows {
				m.flow(known, r.Agent, line.Period.End, f)
			}
		}
	}
	return m
}

func (m *model) flow(known map[string]*modelFlow, agent string, end time.Time, f modelFlow) {
	k := known[f.ID]
	client, server := f.Client, f.Server
	if k == nil {
		k = &modelFlow{}
		known[f.ID] = k
	}
	if f.Type == "flow" {
		client.Packets, client.Bytes = f.Client.Packets-k.Client.Packets, f.Client.Bytes-k.Client.Bytes
		server.Packets, server.Bytes = f.Server.Packets-k.Server.Packets, f.Server.Bytes-k.Server.Bytes
		*k = f
	} else {
		for _, end := range []struct{ to, by *modelEnd }{{&k.Client, &f.Client}, {&k.Server, &f.Server}} {
			end.to.Packets += end.by.Packets
			end.to.Bytes += end.by.Bytes
			if f.Direction != "" {
				end.to.MAC, end.to.Side = end.by.MAC, end.by.Side
				end.to.Country, end.to.ASN, end.to.ASName = end.by.Country, end.by.ASN, end.by.ASName
				k.Direction, k.Process = f.Direction, f.Process
			}
			if f.Client.modelHealth != (modelHealth{}) || f.Server.modelHealth != (modelHealth{}) {
				end.to.modelHealth = end.by.modelHealth
			}
		}
		if len(f.Risks) > 0 {
			k.Risks = f.Risks
		}
		if f.Method != "" {
			k.Method = f.Method
			k.Protocol, k.Application, k.Category, k.Hostname = f.Protocol, f.Application, f.Category, f.Hostname
		}
	}
	p := piece{at: end.UnixNano() - 1, flow: agent + f.ID, keys: k.keys(agent), last: k}
	p.up, p.down, p.packets = client.Bytes, server.Bytes, client.Packets+server.Packets
	if k.Server.Side == "lan" && k.Client.Side != "lan" {
		p.up, p.down = p.down, p.up
	}
	m.pieces = append(m.pieces, p)
}

// rtt is the round trip in microseconds; 0: a part of it is unknown.
func (f *modelFlow) rtt() int64 {
	if f.TCP.Client == 0 || f.TCP.Server == 0 {
		return 0
	}
	return f.TCP.Client + f.TCP.Server
}

// keys are a flow's dimensions.
func (f *modelFlow) keys(agent string) map[store.Dimension]string {
	keys := map[store.Dimension]string{store.ByApplication: f.Application, store.ByProtocol: f.Protocol,
		store.ByCategory: f.Category, store.ByHost: f.Hostname, store.ByDirection: f.Direction, store.ByAgent: agent}
	if f.Server.Port != 0 {
		keys[store.ByPort] = strconv.Itoa(f.Server.Port)
	}
	local, remote := f.Client, f.Server
	if local.Side != "lan" && remote.Side == "lan" {
		local, remote = remote, local
	}
	keys[store.ByCountry], keys[store.ByASN] = remote.Country, remote.as()
	if local.Side == "lan" {
		keys[store.ByDevice] = cmp.Or(local.MAC, local.IP)
	}
	if remote.Side == "wan" || remote.Side == "" {
		a := netip.MustParseAddr(remote.IP)
		bits := 48
		if a.Is4() {
			bits = 24
		}
		keys[store.ByNetwork] = netip.PrefixFrom(a, bits).Masked().String()
	}
	return keys
}

// sums are those of pieces; flows count once.
type sums struct {
	up, down, packets int64
	flows             map[string]bool
}

func (s *sums) add(p *piece) {
	s.up, s.down, s.packets = s.up+p.up, s.down+p.down, s.packets+p.packets
	if p.packets > 0 {
		if s.flows == nil {
			s.flows = map[string]bool{}
		}
		s.flows[p.flow] = true
	}
}

func (s *sums) public() store.Sums {
	return store.Sums{UpBytes: uint64(max(s.up, 0)), DownBytes: uint64(max(s.down, 0)),
		Packets: uint64(max(s.packets, 0)), Flows: uint64(len(s.flows))}
}

// top answers a question for all rows, by key.
func (m *model) top(by store.Dimension, from, to time.Time, match func(*piece) bool) (map[string]store.Sums,
	store.Sums) {
	rows, total := map[string]*sums{}, &sums{}
	for i := range m.pieces {
		p := &m.pieces[i]
		if p.at < from.UnixNano() || p.at >= to.UnixNano() || match != nil && !match(p) {
			continue
		}
		key := p.keys[by]
		if rows[key] == nil {
			rows[key] = &sums{}
		}
		rows[key].add(p)
		total.add(p)
	}
	public := map[string]store.Sums{}
	for k, s := range rows {
		public[k] = s.public()
	}
	return public, total.public()
}

// times are those at which pieces are.
func (m *model) times() []int64 {
	all := map[int64]bool{}
	for _, p := range m.pieces {
		all[p.at] = true
	}
	return slices.Sorted(maps.Keys(all))
}
