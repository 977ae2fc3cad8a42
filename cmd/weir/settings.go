// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
)

// addSettings adds the flags of a command's settings. Load them when the command runs.
func addSettings(c *cobra.Command) *config.Loader {
	l := config.NewLoader(c.Name())
	l.AddFlags(c.Flags())
	for _, s := range config.Settings() {
		if len(s.OneOf) > 0 && s.IsFor(c.Name()) {
			_ = c.RegisterFlagCompletionFunc(s.Flag, cobra.FixedCompletions(
				s.OneOf, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	return l
}

// liveOptions converts the settings for the agent.
func liveOptions(c *config.Config) agent.Options {
	return agent.Options{
		Interfaces: c.Capture.Interfaces, Mode: c.Capture.Mode, Hook: c.Capture.Hook,
		Promiscuous: c.Capture.Promiscuous,
		Filter:      c.Capture.Filter, Workers: c.Capture.Workers, CPUs: c.Capture.CPUs,
		MaxFlows: c.Flows.Max, MaxPacketsTCP: c.Flows.PacketsTCP, MaxPacketsOther: c.Flows.PacketsOther,
		KeepTunnels: c.Flows.KeepTunnels,
		IgnoreVLAN:  c.Flows.IgnoreVLAN, TCPHealth: c.Flows.TCPHealth, Processes: c.Flows.Processes,
		UpdateEvery: c.Flows.UpdateEvery, TCPIdle: c.Flows.TCPIdle, Idle: c.Flows.Idle,
		Sides:       topology.Sides{LAN: c.Network.LAN, WAN: c.Network.WAN, Networks: c.Network.LANNetworks},
		NoConntrack: c.Network.NoConntrack, Catalogs: c.Names.Catalogs, MMDB: c.Names.MMDB, State: c.Devices.State,
		Socket: c.Control.Socket, Events: eventTypes(c), StatsEvery: c.Events.StatsEvery,
	}
}

// eventTypes returns the types of the events that the settings ask for.
func eventTypes(c *config.Config) record.Types {
	types, err := record.ParseTypes(c.Events.Types)
	if err != nil {
		panic(err) // config allows a part of these
	}
	return types
}

// confinedArgs returns the arguments of the confined process: all settings, as flags. It has no right to read the file.
func confinedArgs(c *cobra.Command, l *config.Loader) []string {
	_ = os.Unsetenv(config.EnvFile)
	args := append([]string{c.Name()}, l.Args()...)
	c.Flags().Visit(func(f *pflag.Flag) {
		if !l.Knows(f.Name) {
			args = append(args, "--"+f.Name+"="+f.Value.String())
		}
	})
	return args
}
