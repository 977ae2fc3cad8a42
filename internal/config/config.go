// SPDX-License-Identifier: Apache-2.0

// Package config holds weir's settings: one struct with the defaults, the names in the file, in the environment and on
// the command line, the bounds and the help texts. A flag overrides the environment, the environment overrides the
// file.
package config

//go:generate go run ./document ../../docs/CONFIG.md

import (
	"net/netip"
	"time"

	"github.com/weirnet/weir/internal/config/defaults"
)

// Config holds all settings. Tags: key names the setting in the file; flag gives the flag's name and letter; in lists
// the commands that take it (none: all that read packets); min, max and oneof bound the value; arg names the value in
// help texts; split is what separates elements of a list in the environment (none: a comma).
type Config struct {
	Capture struct {
		Interfaces  []string `key:"interfaces" flag:"interface,i" in:"run top" help:"interface to watch, by name or pattern such as 'eth*'; may be repeated (none: all links, except those whose packets another one shows)"`
		Mode        string   `key:"mode" flag:"mode" in:"run top" oneof:"auto ebpf libpcap afpacket" help:"auto, ebpf, libpcap or afpacket"`
		Hook        string   `key:"hook" flag:"hook" in:"run top" help:"in mode ebpf: tcx, clsact, xdp (receive only) or xdp-native (none: tcx, or clsact before Linux 6.6); in modes afpacket and libpcap: plain (no eBPF)"`
		Promiscuous bool     `key:"promiscuous" flag:"promiscuous" in:"run top" help:"also receive frames for other machines (mirror ports)"`
		Filter      string   `key:"filter" flag:"filter" help:"only packets that match this tcpdump expression (live: needs mode libpcap; capture files: a build with libpcap)"`
		Workers     int      `key:"workers" flag:"workers" min:"0" max:"256" help:"worker threads (0: one per CPU, at most 4)"`
		CPUs        []int    `key:"cpus" flag:"cpus" in:"run top" help:"CPUs to pin the workers to (none: all CPUs that weir may use)"`
	} `key:"capture" help:"Where packets come from, and who reads them."`

	Flows struct {
		Max          int           `key:"max" flag:"max-flows" in:"run top" min:"64" max:"16777216" help:"flows kept at a time; a full table evicts the least valuable"`
		MaxReplay    int           `key:"max_replay" flag:"max-flows" in:"replay" min:"1" max:"16777216" help:"flows kept at a time, by each worker; a full table evicts the least valuable"`
		PacketsTCP   int           `key:"packets_tcp" flag:"max-packets-tcp" min:"1" max:"200" help:"packets with payload to inspect of each TCP flow"`
		PacketsOther int           `key:"packets_other" flag:"max-packets-other" min:"1" max:"200" help:"packets with payload to inspect of each other flow"`
		KeepTunnels  bool          `key:"keep_tunnels" flag:"keep-tunnels" help:"do not decode tunnels: their packets stay flows of the outer addresses"`
		IgnoreVLAN   bool          `key:"ignore_vlan" flag:"ignore-vlan" help:"leave the VLAN out of a flow's key (mirror ports that give each direction a VLAN of its own)"`
		TCPHealth    bool          `key:"tcp_health" flag:"tcp-health" help:"note what headers tell of a flow's health: handshake time, retransmissions, order, resets, zero windows, flags, TTL, DSCP"`
		Processes    bool          `key:"processes" flag:"processes" in:"run top" help:"find the process and the container of flows of this machine's own sockets, by tracing programs in the kernel"`
		CountEach    bool          `key:"count_each" flag:"count-each" in:"replay" help:"count a packet on each interface of the capture (false: once, on its way in)"`
		TCPIdle      time.Duration `key:"tcp_idle" flag:"tcp-idle" min:"1s" max:"24h" help:"an answered TCP flow ends after this much silence"`
		Idle         time.Duration `key:"idle" flag:"idle" min:"1s" max:"24h" help:"a flow other than answered TCP ends after this much silence"`
		UpdateEvery  time.Duration `key:"update_every" flag:"update-every" in:"run replay" min:"0s" max:"24h" help:"also report live flows, this often, by the packets' time (state new, update; not in the table; 0s: never)"`
	} `key:"flows" help:"Limits of flows, and when weir reports them."`

	Network struct {
		LAN         []string       `key:"lan" flag:"lan" in:"run top" help:"LAN interface, by name or pattern, even with a default route; may be repeated"`
		WAN         []string       `key:"wan" flag:"wan" in:"run top" help:"WAN interface, by name or pattern, even without a default route; may be repeated"`
		LANNetworks []netip.Prefix `key:"lan_networks" flag:"lan-network" help:"LAN network, such as 192.168.0.0/16; addresses without a route are WAN then (mirror ports, captures); may be repeated"`
		NoConntrack bool           `key:"no_conntrack" flag:"no-conntrack" in:"run top" help:"do not follow the kernel's connection tracking: the two legs of a NAT connection stay two flows"`
	} `key:"network" help:"LAN, WAN, and who began a connection."`

	Names struct {
		Catalogs []string `key:"catalogs" flag:"catalog" help:"a file of applications that extend and override the built-in catalog; may be repeated"`
		MMDB     []string `key:"mmdb" flag:"mmdb" help:"an MMDB file with autonomous systems or countries of addresses, such as GeoLite2-ASN.mmdb; may be repeated, the first that knows counts"`
	} `key:"names" help:"Names of applications, autonomous systems and countries."`

	Devices struct {
		State string `key:"state" flag:"state" in:"run top" help:"directory for the list of devices, such as /var/lib/weir (none: weir does not save it)"`
	} `key:"devices" help:"The devices of the LAN."`

	Control struct {
		Socket string `key:"socket" flag:"socket" in:"run top" help:"socket for the questions of weir explain and weir hosts: a path, or none (empty: for root /run/weir.sock, else weir.sock in a directory of the user's own)"`
	} `key:"control" help:"How other commands reach the running weir."`

	Events struct {
		Types      []string      `key:"types" flag:"events" in:"run replay" arg:"type" oneof:"dns http tls" help:"event records besides those of flows: dns (each question with its answer), http (each request), tls (each handshake); several with commas between (none: only for clients that ask for them)"`
		StatsEvery time.Duration `key:"stats_every" flag:"stats-every" in:"run top" min:"1s" max:"1h" help:"interval of stats records, for clients that ask for them"`
	} `key:"events" help:"Records of what flows say, and of what weir does."`

	Output struct {
		Format   string `key:"format" flag:"output,o" in:"run replay" oneof:"table ndjson csv report none" help:"table, ndjson, csv, report (weir run only: a report an interval), or none (summary only) (empty: table on a terminal, else ndjson)"`
		PanicDir string `key:"panic_dir" flag:"panic-dir" in:"replay" help:"directory for the packets that broke a dissector (none: weir does not save them)"`
	} `key:"output" help:"Where flow records go."`

	Log struct {
		Format string `key:"format" flag:"log-format" in:"run top" oneof:"text json" help:"weir's messages on standard error: text (plain lines) or json (an object a line)"`
		Level  string `key:"level" flag:"log-level" in:"run top" oneof:"debug info warn error" help:"the least important messages that weir writes: debug, info, warn or error"`
	} `key:"log" help:"What weir tells of itself on standard error. Of one text 20 messages a minute pass; the rest is counted."`

	Metrics struct {
		Listen string `key:"listen" flag:"metrics-listen" in:"run" help:"address and port for /metrics (Prometheus), /healthz and /readyz, such as 127.0.0.1:9167 (none: weir serves none)"`
		Remote bool   `key:"remote" flag:"metrics-remote" in:"run" help:"other machines may read the metrics: the address may be another than a loopback one"`
	} `key:"metrics" help:"What weir measures, for Prometheus. It names no address, host or device; docs/METRICS.md has the list."`

	Report struct {
		Every time.Duration `key:"every" flag:"report-every" in:"run" min:"1s" max:"1h" help:"interval of a report (--output report, and those to a sink)"`
	} `key:"report" help:"Reports: all that weir tells of an interval."`

	Uplink struct {
		State       string `key:"state_dir" flag:"state-dir" in:"run" help:"directory for the agent's key, its sink, and the reports that the sink does not have yet"`
		Use         string `key:"use" flag:"uplink" in:"run" oneof:"auto on off" help:"send reports to the sink: on, off, or auto (on if weir enrol has named a sink)"`
		Compression string `key:"compression" flag:"compression" in:"run" oneof:"zstd gzip none" help:"how reports to the sink are compressed: zstd, gzip or none"`
	} `key:"uplink" help:"The sink that gets reports."`

	Export struct {
		To     []string `key:"to" flag:"to" in:"run" split:" " help:"also write records to this URL, such as file:///var/log/weir/flows.ndjson (docs/OUTPUTS.md lists the kinds and their parameters); may be repeated (in the environment: separated by blanks)"`
		Listen []string `key:"listen" flag:"listen" in:"run" split:" " help:"serve live records at this URL, such as unix:///run/weir/stream.sock, tls://0.0.0.0:7150?certificate=/F&key=/F&token_file=/F, or netifyd+unix:///run/netifyd.sock for consumers of the Netify agent (docs/STREAM.md); may be repeated (in the environment: separated by blanks)"`
	} `key:"export" help:"Where records go besides standard output, each by a queue of its own."`

	Privacy struct {
		OmitNetworks []netip.Prefix `key:"omit_networks" flag:"omit-network" in:"run" help:"leave out of reports: flows with an end in this network, or that name an address of it, and its devices; may be repeated"`
		OmitDevices  []string       `key:"omit_devices" flag:"omit-device" in:"run" help:"leave out of reports: the device with this MAC address, and its flows, by all its addresses that weir knows; may be repeated"`
		OmitHosts    []string       `key:"omit_hosts" flag:"omit-host" in:"run" help:"leave out of reports: flows that name this host or one below it, such as example.org; may be repeated"`
		Addresses    string         `key:"addresses" flag:"addresses" in:"run" oneof:"plain lan all" help:"addresses in reports: plain; lan (pseudonyms for those of the LAN and the gateway) or all (for all); names of devices and texts that may hold addresses are left out then"`
		HostNames    string         `key:"host_names" flag:"host-names" in:"run" oneof:"full domain off" help:"host names in reports: full, domain (the registered domain) or off"`
		MaskGateway  bool           `key:"mask_gateway" flag:"mask-gateway" in:"run" help:"the gateway's own addresses, those of NAT included, are 0.0.0.0 or :: in reports"`
		OmitFields   []string       `key:"omit_fields" flag:"omit-field" in:"run" help:"leave this field out of reports: community_id, interface, vlan, mac, origin (asn, as_name, country), process, nat, conntrack, hostname, tunnel, risks, or the findings of a protocol, by its name; may be repeated"`
	} `key:"privacy" help:"What reports leave out. Records (ndjson, csv, table) stay as they are."`
}

// Default returns the defaults.
func Default() *Config {
	c := new(Config)
	c.Capture.Mode = "auto"
	c.Flows.Max = defaults.MaxFlows
	c.Flows.MaxReplay = defaults.MaxFlowsReplay
	c.Flows.PacketsTCP = defaults.PacketsTCP
	c.Flows.PacketsOther = defaults.PacketsOther
	c.Flows.TCPHealth = true
	c.Flows.TCPIdle = defaults.TCPIdle
	c.Flows.Idle = defaults.Idle
	c.Log.Format, c.Log.Level = "text", "info"
	c.Events.StatsEvery = defaults.StatsEvery
	c.Report.Every = defaults.ReportEvery
	c.Uplink.State, c.Uplink.Use, c.Uplink.Compression = defaults.StateDir, "auto", "zstd"
	c.Privacy.Addresses, c.Privacy.HostNames = "plain", "full"
	return c
}

// Derived is a value that follows from settings.
type Derived struct {
	Name  string // a phrase for people
	From  string // the settings' keys
	Value string
}

// Derived returns the values that follow from c's settings.
func (c *Config) Derived() []Derived {
	return []Derived{
		{"a NAT leg waits for the other", "flows.idle", defaults.LegPatience(c.Flows.Idle).String()},
		{"a silent NAT leg is forgotten", "flows.tcp_idle, flows.idle", defaults.LegForgotten(c.Flows.TCPIdle,
			c.Flows.Idle).String()},
		{"an ended connection is remembered", "flows.tcp_idle, flows.idle", defaults.ConnectionMemory(c.Flows.TCPIdle,
			c.Flows.Idle).String()},
	}
}
