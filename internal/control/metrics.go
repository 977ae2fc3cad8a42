// SPDX-License-Identifier: Apache-2.0

package control

import "github.com/weirnet/weir/internal/metric"

// Metrics is what an agent measures of itself and of the traffic. It names no address and no device.
type Metrics struct {
	Mode    string  `json:"mode"`
	Seconds float64 `json:"seconds"` // since the start
	// Readings are all counters, those that are 0 included.
	Readings   []metric.Reading   `json:"readings"`
	Live       uint64             `json:"live_flows"`
	Traffic    []Traffic          `json:"traffic"`
	Interfaces []InterfaceMetrics `json:"interfaces"`
	Processes  []ProcessMetrics   `json:"processes"`
	Queues     []QueueMetrics     `json:"queues"`
	Uplink     *Uplink            `json:"uplink,omitempty"` // nil: reports go to no sink
}

// What Traffic adds up by.
const (
	TrafficByDirection   = "direction"
	TrafficByProtocol    = "protocol"
	TrafficByApplication = "application"
)

// Traffic is the sum of some flows since the start.
type Traffic struct {
	By      string `json:"by"`
	Name    string `json:"name"`
	Flows   uint64 `json:"flows"` // that have ended
	Packets uint64 `json:"packets"`
	// Upload and Download are the bytes that the flows' devices sent and received.
	Upload   uint64 `json:"upload_bytes"`
	Download uint64 `json:"download_bytes"`
}

// InterfaceMetrics are the kernel's counters of a watched interface.
type InterfaceMetrics struct {
	Name      string `json:"name"`
	Role      string `json:"role,omitempty"` // lan or wan
	RxBytes   uint64 `json:"rx_bytes"`
	RxPackets uint64 `json:"rx_packets"`
	RxDropped uint64 `json:"rx_dropped"`
	TxBytes   uint64 `json:"tx_bytes"`
	TxPackets uint64 `json:"tx_packets"`
	TxDropped uint64 `json:"tx_dropped"`
}

// ProcessMetrics is what a process of weir uses.
type ProcessMetrics struct {
	Name          string  `json:"name"`
	UserSeconds   float64 `json:"user_seconds"` // of CPU time
	SystemSeconds float64 `json:"system_seconds"`
	ResidentBytes uint64  `json:"resident_bytes"`
}

// QueueMetrics is a queue of the agent.
type QueueMetrics struct {
	Name   string `json:"name"`
	Length int    `json:"length"`
	Limit  int    `json:"limit"`
}
