// SPDX-License-Identifier: Apache-2.0

// Package netifyd writes flow records as the messages of the Netify agent (netifyd), for programs that read its socket:
// agent_hello, protocols, agent_status, flow, flow_stats, flow_purge, each behind a line with its length. It follows
// that agent's public documentation (netify.ai, "Data Streams" of versions 3 and 4, "Telemetry" of version 5) and what
// its consumers read; docs/FROM-NETIFY.md lists each field. It neither opens a socket nor reads a clock.
package netifyd

import (
	"encoding/json"
	"strconv"
	"time"
)

// Framing of a message: this line with the length of the message, its line end included, and the message as JSON on a
// line.
const frameHead = `{"length": `

// appendMessage appends a message with its frame.
func appendMessage(b []byte, message any) []byte {
	text, err := json.Marshal(message)
	if err != nil { // of no message here: texts, numbers, lists of these
		return b
	}
	b = strconv.AppendInt(append(b, frameHead...), int64(len(text))+1, 10)
	return append(append(append(b, "}\n"...), text...), '\n')
}

// jsonVersion is the version of the messages' format that consumers know.
const jsonVersion = 1.9

type hello struct {
	Type         string  `json:"type"`
	BuildVersion string  `json:"build_version"`
	AgentVersion string  `json:"agent_version"`
	JSONVersion  float64 `json:"json_version"`
}

type protocolList struct {
	Type      string        `json:"type"`
	Protocols []protocolTag `json:"protocols"`
}

type protocolTag struct {
	ID  uint32 `json:"id"`
	Tag string `json:"tag"`
}

// AppendHello appends what a connection begins with: agent_hello, and the protocols that weir knows, by their names in
// flow records.
func AppendHello(b []byte, version string, protocols []string) []byte {
	b = appendMessage(b, hello{"agent_hello", "weir/" + version, version, jsonVersion})
	if len(protocols) == 0 {
		return b
	}
	list := protocolList{Type: "protocols"}
	for _, slug := range protocols {
		id, tag := protocolOf(slug)
		list.Protocols = append(list.Protocols, protocolTag{id, tag})
	}
	return appendMessage(b, list)
}

// Status is the state of the agent, for agent_status.
type Status struct {
	Version    string
	Time       time.Time
	Uptime     time.Duration
	Interval   time.Duration // between two of them
	Cores      int
	Interfaces []string
	// Of the agent's processes so far, if known.
	UserCPU, SystemCPU float64 // seconds
	ResidentBytes      uint64
	Dropped            uint64 // records that this connection was too slow for
}

type status struct {
	Type           string   `json:"type"`
	AgentVersion   string   `json:"agent_version"`
	BuildVersion   string   `json:"build_version"`
	Version        string   `json:"version"`
	Timestamp      int64    `json:"timestamp"`
	UpdateInterval int64    `json:"update_interval"`
	UpdateIMF      int      `json:"update_imf"`
	Uptime         int64    `json:"uptime"`
	CPUCores       int      `json:"cpu_cores"`
	CPUUser        float64  `json:"cpu_user"`
	CPUUserPrev    float64  `json:"cpu_user_prev"`
	CPUSystem      float64  `json:"cpu_system"`
	CPUSystemPrev  float64  `json:"cpu_system_prev"`
	DHCStatus      bool     `json:"dhc_status"`
	FHCStatus      bool     `json:"fhc_status"`
	FlowCount      int      `json:"flow_count"`
	FlowCountPrev  int      `json:"flow_count_prev"`
	FlowsActive    int      `json:"flows_active"`
	FlowsExpired   uint64   `json:"flows_expired"`
	FlowsExpiring  int      `json:"flows_expiring"`
	FlowsInUse     int      `json:"flows_in_use"`
	FlowsPurged    uint64   `json:"flows_purged"`
	MaxRSS         uint64   `json:"maxrss_kb"`
	MaxRSSPrev     uint64   `json:"maxrss_kb_prev"`
	RSS            uint64   `json:"memrss_kb"`
	RSSPrev        uint64   `json:"memrss_kb_prev"`
	TCM            uint64   `json:"tcm_kb"`
	TCMPrev        uint64   `json:"tcm_kb_prev"`
	Interfaces     []string `json:"weir_interfaces,omitempty"`
	Dropped        uint64   `json:"weir_dropped,omitempty"`
}

// AppendStatus appends an agent_status.
func (t *Translator) AppendStatus(b []byte, s *Status) []byte {
	rss, last := s.ResidentBytes>>10, &t.lastStatus
	t.maxRSS = max(t.maxRSS, rss)
	now := status{Type: "agent_status", AgentVersion: s.Version, BuildVersion: "weir/" + s.Version, Version: s.Version,
		Timestamp: s.Time.Unix(), UpdateInterval: int64(s.Interval.Seconds()), UpdateIMF: 1,
		Uptime: int64(s.Uptime.Seconds()), CPUCores: s.Cores,
		CPUUser: s.UserCPU, CPUUserPrev: last.CPUUser, CPUSystem: s.SystemCPU, CPUSystemPrev: last.CPUSystem,
		DHCStatus: true, FlowCount: len(t.flows), FlowCountPrev: last.FlowCount, FlowsActive: len(t.flows),
		FlowsExpired: t.expired, FlowsInUse: len(t.flows), FlowsPurged: t.purged - last.FlowsPurged,
		MaxRSS: t.maxRSS, MaxRSSPrev: last.MaxRSS, RSS: rss, RSSPrev: last.RSS, Interfaces: s.Interfaces,
		Dropped: s.Dropped}
	b = appendMessage(b, &now)
	*last = now
	last.FlowsPurged = t.purged
	return b
}
