// SPDX-License-Identifier: Apache-2.0

// Package kernel captures with eBPF: programs in the kernel count every packet of every flow, and pass the first ones
// to a worker.
//
// It has two halves. Loader loads and attaches the programs; it needs capabilities, and runs in the helper process.
// View is the agent's half: it maps the loader's maps into its memory, needs no right, and makes no system call but to
// wait.
package kernel

import (
	"errors"
	"fmt"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/config/defaults"
)

// Geometry is the layout of the maps, on which both halves have to agree.
type Geometry struct {
	Workers        int
	SlotsPerWorker int
	RingBytes      int // of each worker; a power of two, and a multiple of the page size
	CPUs           int // possible CPUs of the kernel
	WakeupBytes    int
}

// Limits. The default of 65,536 flows is 12 MiB of slots.
const (
	DefaultRingBytes = 2 << 20
	maxWorkers       = 256
	maxSlots         = 1 << 24
)

// SnapLength is the most bytes of a frame that a record holds: a full Ethernet frame.
const SnapLength = int(bpf.WeirRoomLARGE_FRAME)

func (g *Geometry) check() error {
	switch {
	case g.Workers < 1 || g.Workers > maxWorkers:
		return fmt.Errorf("workers: %d is not in 1 to %d", g.Workers, maxWorkers)
	case g.SlotsPerWorker < 1 || g.Workers*g.SlotsPerWorker > maxSlots:
		return fmt.Errorf("flows: %d for each of %d workers is not in 1 to %d in all", g.SlotsPerWorker, g.Workers,
			maxSlots)
	case g.RingBytes < 4096 || g.RingBytes&(g.RingBytes-1) != 0:
		return fmt.Errorf("ring of %d bytes: not a power of two of at least 4096", g.RingBytes)
	case g.CPUs < 1:
		return errors.New("no CPU")
	}
	return nil
}

// Config is the configuration of a Loader.
type Config struct {
	Geometry
	// PacketsTCP and PacketsOther bound the sampled packets with payload of each flow; 0 means those of defaults.
	PacketsTCP, PacketsOther int
	// SnapLength bounds the bytes of a sampled frame: at most, and by default, the constant.
	SnapLength int
	// Hook is the kind of hook: "" selects tcx, or clsact where the kernel has no tcx; "tcx", "clsact", "xdp" and
	// "xdp-native" allow no other.
	Hook string
	// KeepTunnels leaves tunnels closed: the programs sample them like other flows.
	KeepTunnels bool
	// IgnoreVLAN leaves VLAN identifiers out of the flows' keys.
	IgnoreVLAN bool
	// TCPHealth notes what headers tell of a flow's health (packet.Health).
	TCPHealth bool
	// Kept are the Objects of a Loader before, to go on with, in descriptors that Load takes over. If they have another
	// layout, Load begins anew.
	Kept []Object
}

func (c *Config) setDefaults() {
	if c.PacketsTCP <= 0 {
		c.PacketsTCP = defaults.PacketsTCP
	}
	if c.PacketsOther <= 0 {
		c.PacketsOther = defaults.PacketsOther
	}
	if c.SnapLength <= 0 || c.SnapLength > SnapLength {
		c.SnapLength = SnapLength
	}
	if c.RingBytes <= 0 {
		c.RingBytes = DefaultRingBytes
	}
	if c.Workers <= 0 {
		c.Workers = 1
	}
	if c.SlotsPerWorker <= 0 {
		c.SlotsPerWorker = defaults.MaxFlows / c.Workers
	}
	if c.WakeupBytes <= 0 {
		c.WakeupBytes = c.RingBytes / 8
	}
}
