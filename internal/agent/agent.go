// SPDX-License-Identifier: Apache-2.0

// Package agent holds what weir's processes on live interfaces share: the options, and the payloads of their
// messages. Package privileged is the process that opens sockets, loads programs and reads no packet; package confined
// is the process that reads packets, with the workers. Packages ship and export, elsewhere, are those that send reports
// and records.
package agent

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture/afpacket"
	"github.com/weirnet/weir/internal/capture/kernel"
	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/config/defaults"
	"github.com/weirnet/weir/internal/handover"
	"github.com/weirnet/weir/internal/logging"
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

// HookPlain is the hook of modes afpacket and libpcap without eBPF, even where eBPF works: the workers see and count
// every packet.
const HookPlain = "plain"

// Options configure both processes. Zero values mean defaults.
type Options struct {
	Interfaces []string // names or patterns; none: all that matter
	Mode       string
	// mode ebpf: tcx, clsact, xdp, xdp-native; "": tcx, else clsact; modes afpacket and libpcap: plain
	Hook            string
	Workers         int   // default: one per CPU that the process may use, at most 4
	CPUs            []int // pins the workers; default: the CPUs that the process may use
	MaxFlows        int   // kept at a time, by all workers; default defaults.MaxFlows
	MaxPacketsTCP   int
	MaxPacketsOther int
	KeepTunnels     bool
	IgnoreVLAN      bool
	TCPHealth       bool // note what headers tell of a flow's health
	Processes       bool // find the processes of local flows
	Promiscuous     bool
	Filter          string // mode libpcap only
	Duration        time.Duration
	UpdateEvery     time.Duration
	Follow          bool          // records come as flows are named
	Events          record.Types  // event records that subscribers get
	StatsEvery      time.Duration // interval of stats records, for those who ask for them
	TCPIdle, Idle   time.Duration // silence that ends a flow; defaults.TCPIdle, defaults.Idle
	Catalogs        []string
	MMDB            []string // files with autonomous systems and countries
	Sides           topology.Sides
	NoConntrack     bool   // do not follow the kernel's connections
	State           string // directory for the list of devices; "": not saved
	Uplink          string // state folder of the uplink that gets reports; "": none
	Compression     string // of those reports
	Export          Export // what else leaves weir
	Begins          func() // unless nil, the privileged process calls it once it has opened all
	Log             *logging.Logger
	// Inherited holds the kernel's objects from before a restart in place; nil: none.
	Inherited *handover.Set
	// Reload, unless nil, reads the settings anew, in the privileged process. An error changes nothing.
	Reload func() (*Settings, error)
	Socket string // for other commands' questions: a path, "none", or "": control.DefaultPath
}

// Export is what the helper has to know of the process export, whose own settings are arguments.
type Export struct {
	Args    []string // of its command; none: nothing leaves weir by this process
	Folders []string // in which it writes; the helper makes what is missing
	Files   []string // that the helper opens for it, in this order
	// Sockets open those at which it listens, which come after the files. remove removes what one leaves behind.
	Sockets []func() (socket *os.File, remove func(), err error)
}

// Check completes the options. Its error names the flag and the value at fault.
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

// checkHook checks that the mode has the hook. With mode auto, a hook chooses its mode.
func (o *Options) checkHook() error {
	mode, also := ModeEBPF, ""
	switch o.Hook {
	case "":
		return nil
	case "tcx", "clsact", "xdp", "xdp-native":
	case HookPlain:
		mode, also = ModeAFPacket, ModeLibpcap
	default:
		return fmt.Errorf("--hook %q: must be tcx, clsact, xdp or xdp-native (mode ebpf), or plain (modes afpacket "+
			"and libpcap)", o.Hook)
	}
	if o.Mode == ModeAuto {
		o.Mode = mode
	}
	if o.Mode != mode && o.Mode != also {
		return fmt.Errorf("--hook %s is of mode %s, not of %s", o.Hook, mode, o.Mode)
	}
	return nil
}

const (
	maxDefaultWorkers = 4
	// one message to the confined process carries their rings, or an interface's sockets (helper.MaxFDs)
	maxWorkers = 128
	minFlows   = 64
	maxFlows   = 1 << 24
)

// Settings are the settings that a running agent can take on.
type Settings struct {
	LogLevel   string
	Interfaces []string
	Sides      topology.Sides
	Catalogs   []catalog.Source
	// Lines say for people what has changed, and what has not.
	Lines []string
}

// Setup is the payload of the helper's first message.
type Setup struct {
	Geometry kernel.Geometry   // of mode ebpf
	Ring     afpacket.Geometry // of mode afpacket
	// Refused holds the better modes that do not work here, with the reasons.
	Refused []string `json:",omitempty"`
	// Named names the last descriptors, see Descriptors.
	Named []string `json:",omitempty"`
	// NoConntrack says why weir does not follow connections, NoSocket why it has no control socket.
	NoConntrack, NoSocket string `json:",omitempty"`
	// NoProcesses says why weir does not find the processes of flows, although it was asked to.
	NoProcesses string `json:",omitempty"`
	// BootID is the kernel's, "" if unknown.
	BootID string `json:",omitempty"`
	// Pulse is the interval at which the helper wants to hear how the agent is; 0: never.
	Pulse time.Duration `json:",omitempty"`
}

// Watched is the payload of the helper's answer to Watch.
type Watched struct {
	Method string // what captures on the interface: tcx, clsact, ...
	Number uint32 `json:",omitempty"` // mode libpcap: the answer in the stream carries it
	Row    uint32 `json:",omitempty"` // of the kernel's counters of the interface's traffic; 0: none
	Passed uint64 `json:",omitempty"` // the interface's packets before the capture began, by the kernel's counters
}

// IsGone reports whether an error means that the interface no longer exists; what was attached to it is gone too.
func IsGone(err error) bool { return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) }
