// SPDX-License-Identifier: Apache-2.0

// Package kernel captures with eBPF: programs in the kernel count every packet of every flow, and show a worker the
// first ones.
//
// It has two halves. Loader has the programs and maps and attaches them; it needs capabilities and lives in the helper
// process. View is what the agent has of them, descriptors that it maps into its memory: it needs no right and, but for
// waiting, makes no system call.
package kernel

import (
	"errors"
	"fmt"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/config/defaults"
)

// Geometry is what both halves have to agree on.
type Geometry struct {
	Workers        int
	SlotsPerWorker int
	RingBytes      int // of each worker; a power of two, and a multiple of the page size
	CPUs           int // that the kernel may have
	WakeupBytes    int
}

// Limits. The default of 65,536 flows is 8 MiB of slots.
const (
	DefaultRingBytes = 2 << 20
	maxWorkers       = 256
	maxSlots         = 1 << 24
)

// SnapLength is how much of a frame can be shown at most, in bytes: a full Ethernet frame.
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

// Config is what the loader needs besides.
type Config struct {
	Geometry
	// PacketsTCP and PacketsOther are how many packets with payload of each flow are shown; 0: those of defaults.
	PacketsTCP, PacketsOther int
	// SnapLength is how many bytes of a frame are shown: at most, and by default, the constant.
	SnapLength int
	// Hook is how the programs are attached: "" takes tcx where the kernel has it and clsact otherwise; "tcx",
	// "clsact", "xdp" and "xdp-native" are that and nothing else.
	Hook string
	// KeepTunnels leaves tunnels closed: their packets are shown like any other's.
	KeepTunnels bool
	// IgnoreVLAN leaves VLAN identifiers out of the flows' keys.
	IgnoreVLAN bool
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
