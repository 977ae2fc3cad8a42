// SPDX-License-Identifier: Apache-2.0

// Package defaults holds the numbers of the default configuration that packages without one need as well. It imports
// nothing, so that any package may.
package defaults

import "time"

const (
	// MaxFlows are the flows kept at a time by weir run: a busy office's. A flow takes at most 512 bytes.
	MaxFlows = 1 << 16
	// MaxFlowsReplay are those of each worker of weir replay, where nobody waits and memory is a workstation's.
	MaxFlowsReplay = 1 << 20
	// PacketsTCP are the packets with payload that are inspected of each TCP flow: both hellos and the certificate.
	PacketsTCP = 10
	// PacketsOther are those of each other flow.
	PacketsOther = 8

	// TCPIdle is for how long an answered TCP flow may be silent before it counts as over: keep-alives are seldom
	// rarer.
	TCPIdle = 5 * time.Minute
	// Idle is that of any other flow.
	Idle = time.Minute

	// StateDir is the directory for the key, the sink and the waiting reports.
	StateDir = "/var/lib/weir"

	// StatsEvery is the interval of a stats record.
	StatsEvery = 10 * time.Second
	// ReportEvery is the interval of a report.
	ReportEvery = 15 * time.Second
)

// LegPatience is for how long half of a connection under NAT waits for its other leg. Both fall silent together, and
// each has a record when its flow has been silent for idle; the rest is for who is late.
func LegPatience(idle time.Duration) time.Duration { return idle + idle/2 }

// LegForgotten is after how much silence a live leg is taken for one whose end came by another way. One that does speak
// again is joined anew.
func LegForgotten(tcpIdle, idle time.Duration) time.Duration { return 3 * max(tcpIdle, idle) }

// ConnectionMemory is for how long an ended connection is known: longer than a flow may be silent before its record is
// made.
func ConnectionMemory(tcpIdle, idle time.Duration) time.Duration {
	return max(tcpIdle, idle) + time.Minute
}
