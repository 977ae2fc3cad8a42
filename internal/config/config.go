// SPDX-License-Identifier: Apache-2.0

// Package config holds weir's settings: one struct, with the defaults, the names in the file, in the environment and on
// the command line, and what each is for. A flag goes before the environment, and that before the file.
package config

//go:generate go run ./document ../../docs/CONFIG.md

import (
	"net/netip"
	"time"

	"github.com/weirnet/weir/internal/config/defaults"
)

// Config is all that can be set. Tags: key is the name in the file; flag the flag's name and its letter; in names the
// commands that take it (none: all that read packets); min, max and oneof say what is allowed; arg is what help calls
// the value.
type Config struct {
	Capture struct {
		Interfaces  []string `key:"interfaces" flag:"interface,i" in:"run top" help:"interface to watch, by name or pattern such as 'eth*'; may be repeated (none: all that matter)"`
		Mode        string   `key:"mode" flag:"mode" in:"run top" oneof:"auto ebpf libpcap afpacket" help:"auto, ebpf, libpcap or afpacket"`
		Hook        string   `key:"hook" flag:"hook" in:"run top" help:"of mode ebpf: tcx, clsact, xdp (receive only) or xdp-native (none: tcx, or clsact before Linux 6.6); of modes afpacket and libpcap: plain (no eBPF)"`
		Promiscuous bool     `key:"promiscuous" flag:"promiscuous" in:"run top" help:"also see frames that are not for this machine (mirror ports)"`
		Filter      string   `key:"filter" flag:"filter" help:"only packets that pass this tcpdump expression (live: of mode libpcap; capture files: of a build with libpcap)"`
		Workers     int      `key:"workers" flag:"workers" min:"0" max:"256" help:"worker threads (0: one per CPU, at most 4)"`
		CPUs        []int    `key:"cpus" flag:"cpus" in:"run top" help:"CPUs that the workers are pinned to (none: those that weir may use)"`
	} `key:"capture" help:"Where packets come from, and who reads them."`

	Flows struct {
		Max          int           `key:"max" flag:"max-flows" in:"run top" min:"64" max:"16777216" help:"flows kept at a time; past it, the least worth keeping give way"`
		MaxReplay    int           `key:"max_replay" flag:"max-flows" in:"replay" min:"1" max:"16777216" help:"flows kept at a time, by each worker; past it, the least worth keeping give way"`
		PacketsTCP   int           `key:"packets_tcp" flag:"max-packets-tcp" min:"1" max:"200" help:"packets with payload that are inspected of each TCP flow"`
		PacketsOther int           `key:"packets_other" flag:"max-packets-other" min:"1" max:"200" help:"packets with payload that are inspected of each other flow"`
		KeepTunnels  bool          `key:"keep_tunnels" flag:"keep-tunnels" help:"do not look into tunnels"`
		IgnoreVLAN   bool          `key:"ignore_vlan" flag:"ignore-vlan" help:"packets in different VLANs are of one flow (mirror ports that give each direction a VLAN of its own)"`
		CountEach    bool          `key:"count_each" flag:"count-each" in:"replay" help:"count a packet each time that the capture shows it, on each interface (false: once, where it comes in)"`
		TCPIdle      time.Duration `key:"tcp_idle" flag:"tcp-idle" min:"1s" max:"24h" help:"an answered TCP flow that has been silent for so long is over"`
		Idle         time.Duration `key:"idle" flag:"idle" min:"1s" max:"24h" help:"any other flow that has been silent for so long is over"`
		UpdateEvery  time.Duration `key:"update_every" flag:"update-every" in:"run replay" min:"0s" max:"24h" help:"also report flows that live on, this often, by the packets' time (state new, update; not in the table; 0s: never)"`
	} `key:"flows" help:"What is kept of each flow, and when it is reported."`

	Network struct {
		LAN         []string       `key:"lan" flag:"lan" in:"run top" help:"interface that is LAN, by name or pattern, also with a default route; may be repeated"`
		WAN         []string       `key:"wan" flag:"wan" in:"run top" help:"interface that is WAN, by name or pattern, also without a default route; may be repeated"`
		LANNetworks []netip.Prefix `key:"lan_networks" flag:"lan-network" help:"network that is LAN, such as 192.168.0.0/16; what no route is for is WAN then (mirror ports, captures); may be repeated"`
		NoConntrack bool           `key:"no_conntrack" flag:"no-conntrack" in:"run top" help:"do not follow the kernel's connection tracking: legs of NAT that are counted apart stay apart"`
	} `key:"network" help:"What is LAN, what is WAN, and who began a connection."`

	Names struct {
		Catalogs []string `key:"catalogs" flag:"catalog" help:"a file with applications that adds to and overrides the built-in catalog; may be repeated"`
	} `key:"names" help:"What applications are called."`

	Devices struct {
		State string `key:"state" flag:"state" in:"run top" help:"directory in which the list of devices is kept, such as /var/lib/weir (none: it is not)"`
	} `key:"devices" help:"The devices of the LAN."`

	Control struct {
		Socket string `key:"socket" flag:"socket" in:"run top" help:"socket by which weir explain and weir hosts ask: a path, or none (empty: for root /run/weir.sock, else weir.sock in a directory of the user's own)"`
	} `key:"control" help:"How other commands ask the running weir."`

	Output struct {
		Format   string `key:"format" flag:"output,o" in:"run replay" oneof:"table ndjson csv none" help:"table, ndjson, csv, or none (summary only) (empty: table on a terminal, else ndjson)"`
		PanicDir string `key:"panic_dir" flag:"panic-dir" in:"replay" help:"where packets over which a dissector broke are saved (none: nowhere)"`
	} `key:"output" help:"Where findings go."`
}

// Default returns the defaults.
func Default() *Config {
	c := new(Config)
	c.Capture.Mode = "auto"
	c.Flows.Max = defaults.MaxFlows
	c.Flows.MaxReplay = defaults.MaxFlowsReplay
	c.Flows.PacketsTCP = defaults.PacketsTCP
	c.Flows.PacketsOther = defaults.PacketsOther
	c.Flows.TCPIdle = defaults.TCPIdle
	c.Flows.Idle = defaults.Idle
	return c
}

// Derived is a value that follows from settings.
type Derived struct {
	Name  string // in words
	From  string // the keys
	Value string
}

// Derived are the values that follow from c's.
func (c *Config) Derived() []Derived {
	return []Derived{
		{"a NAT leg waits for the other", "flows.idle", defaults.LegPatience(c.Flows.Idle).String()},
		{"a silent NAT leg is forgotten", "flows.tcp_idle, flows.idle", defaults.LegForgotten(c.Flows.TCPIdle,
			c.Flows.Idle).String()},
		{"an ended connection is remembered", "flows.tcp_idle, flows.idle", defaults.ConnectionMemory(c.Flows.TCPIdle,
			c.Flows.Idle).String()},
	}
}
