// SPDX-License-Identifier: Apache-2.0

// Package agent is weir on live interfaces, in two processes: Supervise is the privileged one, which makes sockets and
// loads programs and reads no packet; Run is the confined one, with the workers.
package agent

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/weirnet/weir/internal/capture/afpacket"
	"github.com/weirnet/weir/internal/capture/kernel"
	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// Modes of capture.
const (
	ModeAuto     = "auto"
	ModeEBPF     = "ebpf"
	ModeLibpcap  = "libpcap"
	ModeAFPacket = "afpacket"
)

// HookPlain is the hook of modes afpacket and libpcap by which no eBPF is used, also where it is to be had: the workers
// see and count every packet.
const HookPlain = "plain"

// Options are what both processes are told. Zero values mean defaults.
type Options struct {
	Interfaces []string // names or patterns; none: all that matter
	Mode       string
	// of ebpf: tcx, clsact, xdp, xdp-native; "": tcx, else clsact; of afpacket and libpcap: plain
	Hook            string
	Workers         int   // default: one for each CPU that the process may use, at most 4
	CPUs            []int // that workers are pinned to; default: those that the process may use
	MaxFlows        int   // that are kept at a time, by all workers; default defaults.MaxFlows
	MaxPacketsTCP   int
	MaxPacketsOther int
	KeepTunnels     bool
	IgnoreVLAN      bool
	Promiscuous     bool
	Filter          string // of libpcap
	Duration        time.Duration
	UpdateEvery     time.Duration
	TCPIdle, Idle   time.Duration // after which a silent flow is over; defaults.TCPIdle, defaults.Idle
	Catalogs        []string
	Sides           topology.Sides
	NoConntrack     bool   // the kernel's connections are not followed
	State           string // directory in which the list of devices is kept; "": it isn't
	Socket          string // by which other commands ask: a path, "none", or "": control.DefaultPath
}

// Check completes the options, and says what is wrong with them.
func (o *Options) Check() (topology.Selection, error) {
	switch o.Mode {
	case "":
		o.Mode = ModeAuto
	case ModeAuto, ModeEBPF, ModeLibpcap, ModeAFPacket:
	default:
		return topology.Selection{}, fmt.Errorf("--mode %q: must be auto, ebpf, libpcap or afpacket", o.Mode)
	}
	if err := o.checkHook(); err != nil {
		return topology.Selection{}, err
	}
	cpus, err := allowedCPUs()
	if err != nil {
		return topology.Selection{}, err
	}
	if len(o.CPUs) == 0 {
		o.CPUs = cpus
	}
	for _, cpu := range o.CPUs {
		if !slices.Contains(cpus, cpu) {
			return topology.Selection{}, fmt.Errorf("--cpus %d: weir may run on %v", cpu, cpus)
		}
	}
	if o.Workers == 0 {
		o.Workers = min(len(o.CPUs), maxDefaultWorkers)
	}
	if o.Workers < 1 || o.Workers > maxWorkers {
		return topology.Selection{}, fmt.Errorf("--workers %d: must be 1 to %d", o.Workers, maxWorkers)
	}
	o.TCPIdle, o.Idle = cmp.Or(o.TCPIdle, defaults.TCPIdle), cmp.Or(o.Idle, defaults.Idle)
	if o.MaxFlows == 0 {
		o.MaxFlows = defaults.MaxFlows
	}
	if o.MaxFlows < o.Workers*minFlows || o.MaxFlows > maxFlows {
		return topology.Selection{}, fmt.Errorf("--max-flows %d: must be %d for each worker to %d", o.MaxFlows,
			minFlows, maxFlows)
	}
	if o.Filter != "" && o.Mode != ModeLibpcap {
		return topology.Selection{}, fmt.Errorf("--filter needs --mode libpcap: libpcap compiles it")
	}
	if err := o.Sides.Check(); err != nil {
		return topology.Selection{}, err
	}
	return topology.NewSelection(o.Interfaces...)
}

const (
	maxDefaultWorkers = 4
	// their rings, or an interface's sockets, go in one message to the confined process (helper.MaxFDs)
	maxWorkers = 128
	minFlows   = 64
	maxFlows   = 1 << 24
)

// setup is the payload of the helper's first message.
type setup struct {
	Geometry kernel.Geometry   // of mode ebpf
	Ring     afpacket.Geometry // of mode afpacket
	// Refused are the better modes that don't work here, with the reason.
	Refused []string `json:",omitempty"`
	// Extra names the last descriptors, see extras.
	Extra []string `json:",omitempty"`
	// Untracked says why the kernel's connections can't be followed, Unasked why nobody can ask.
	Untracked, Unasked string `json:",omitempty"`
}

// watched is the payload of the helper's answer to Watch.
type watched struct {
	How    string // by which the interface is watched: tcx, clsact, ...
	Number uint32 `json:",omitempty"` // of mode libpcap: the answer in the stream has it
	Passed uint64 `json:",omitempty"` // packets by the interface until then, as the kernel counts
}

// Output is where the confined process's findings go.
type Output struct {
	// Flow gets each record, valid during the call, from one goroutine. Its first error ends the agent.
	Flow func(*record.Flow) error
	// Log gets lines for people.
	Log func(format string, args ...any)
	// Tick, if it is not nil, is called once a second.
	Tick func(Status)
	// Hurry, if it is not nil, is called when a signal asks for the end: from then on Flow has to return, or Progress
	// to go up.
	Hurry func()
	// Progress, if it is not nil, goes up as long as what is written, until the process ends, gets on.
	Progress func() uint64
	// Names, if it is not nil, gets a function that says what the device with an address is called, "" where that is
	// not known.
	Names func(func(netip.Addr) string)
	// OnPanic is told of dissectors' panics, see dissect.Pool.
	OnPanic panicFunc
	// Done, if it is not nil, ends the agent when it is closed.
	Done <-chan struct{}
}
