// SPDX-License-Identifier: Apache-2.0

// Package defaults holds the numbers of the default configuration that packages without one need as well. It imports nothing, so
// that any package may.
package defaults

const (
	// MaxFlows are the flows kept at a time by weir run: a busy office's. A flow takes at most 512 bytes.
	MaxFlows = 1 << 16
	// MaxFlowsReplay are those of each worker of weir replay, where nobody waits and memory is a workstation's.
	MaxFlowsReplay = 1 << 20
	// PacketsTCP are the packets with payload that are inspected of each TCP flow: both hellos and the certificate.
	PacketsTCP = 10
	// PacketsOther are those of each other flow.
	PacketsOther = 8
)
