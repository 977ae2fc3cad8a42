// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/sandbox"
)

func newRun() *cobra.Command {
	var o agent.Options
	var output string
	c := &cobra.Command{
		Use:   "run [flags]",
		Short: "Name every flow on live interfaces",
		Long: `Watch interfaces, count every packet of every flow, and name the protocol and the application of each. weir is passive: it can't
change or drop a packet. It runs until it is interrupted, or for --duration.

Without --interface, a link whose packets are seen on another one is left out: a VLAN is seen on its parent, a bridge on its ports,
where also what it only passes from port to port is seen. Links that are named are all watched; where one carries the other, the packets of both are counted twice, and a line says so.

Which end of a flow is LAN and which WAN the routes tell: WAN is behind an interface with a default route. Who began a connection,
and what address translation made of it, the kernel's connection tracking tells: both legs of a connection are one flow.

What is watched and how is told on standard error; the flows are written to standard output as they end.

Modes: ebpf counts in the kernel and looks at the first packets of each flow only; libpcap and afpacket look at every packet.
auto takes the first of ebpf, libpcap, afpacket that works; weir check tells which that is, and why.

A hook or a mode that is named is had, or it is an error.

Exit status: 0 when it was told to end, 1 when it had to end, 2 when it could not begin.`,
		Example: `  weir run                                  all interfaces that matter
  weir run -i lan0 -i wan0 --output table
  weir run -i 'eth*' --duration 1m | jq .application
  weir run --mode libpcap --filter 'not port 22'
  weir run -i mirror0 --promiscuous --lan-network 10.0.0.0/8 --lan-network 2001:db8::/32`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkOutput(&output, c.OutOrStdout(), "table", "ndjson", "csv", "none"); err != nil {
				return err
			}
			return liveRun(&o, output, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "", "table, ndjson, csv, or none (summary only) (default: table on a terminal, else ndjson)")
	c.Flags().DurationVar(&o.UpdateEvery, "update-every", 0, "also report flows that live on, this often (state new, update; not in the table)")
	captureFlags(c.Flags(), &o)
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "ndjson", "csv", "none"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions([]string{"auto", "ebpf", "libpcap", "afpacket"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// captureFlags are the flags of all commands that capture.
func captureFlags(f *pflag.FlagSet, o *agent.Options) {
	f.StringArrayVarP(&o.Interfaces, "interface", "i", nil, "interface to watch, by name or pattern such as 'eth*'; may be repeated (default: all that matter)")
	f.StringVar(&o.Mode, "mode", agent.ModeAuto, "auto, ebpf, libpcap or afpacket")
	f.StringVar(&o.Hook, "hook", "", "of mode ebpf: tcx, clsact, xdp (receive only) or xdp-native (default: tcx, or clsact before Linux 6.6); of modes afpacket and libpcap: plain (no eBPF)")
	f.DurationVar(&o.Duration, "duration", 0, "end after this time (default: run until interrupted)")
	f.IntVar(&o.Workers, "workers", 0, "worker threads (default: one per CPU, at most 4)")
	f.IntSliceVar(&o.CPUs, "cpus", nil, "CPUs that the workers are pinned to (default: those that weir may use)")
	f.IntVar(&o.MaxFlows, "max-flows", 0, "flows kept at a time; past it, the least worth keeping give way (default 65536)")
	f.IntVar(&o.MaxPacketsTCP, "max-packets-tcp", 10, "packets with payload that are inspected of each TCP flow")
	f.IntVar(&o.MaxPacketsOther, "max-packets-other", 8, "packets with payload that are inspected of each other flow")
	f.BoolVar(&o.KeepTunnels, "keep-tunnels", false, "do not look into tunnels")
	f.BoolVar(&o.IgnoreVLAN, "ignore-vlan", false, "packets in different VLANs are of one flow (mirror ports that give each direction a VLAN of its own)")
	f.BoolVar(&o.Promiscuous, "promiscuous", false, "also see frames that are not for this machine (mirror ports)")
	f.StringVar(&o.Filter, "filter", "", "of mode libpcap: only packets that pass this tcpdump expression")
	sideFlags(f, o)
	f.StringVar(&o.Socket, "socket", "", "socket by which weir explain and weir hosts ask: a path, or none (default "+control.DefaultPath()+")")
	f.StringVar(&o.State, "state", "", "directory in which the list of devices is kept, such as /var/lib/weir (default: it is not)")
	f.BoolVar(&o.NoConntrack, "no-conntrack", false, "do not follow the kernel's connection tracking: legs of NAT that are counted apart stay apart")
	f.StringArrayVar(&o.Catalogs, "catalog", nil, "a file with applications that adds to and overrides the built-in catalog")
}

// checkOutput sets an output's default, and holds it to those that there are.
func checkOutput(output *string, stdout io.Writer, known ...string) error {
	if *output == "" {
		*output = "ndjson"
		if terminalWidth(stdout) > 0 {
			*output = "table"
		}
	}
	for _, k := range known {
		if *output == k {
			return nil
		}
	}
	return fmt.Errorf("--output %q: must be %s or %s", *output, strings.Join(known[:len(known)-1], ", "), known[len(known)-1])
}

// liveRun is both processes of weir run.
func liveRun(o *agent.Options, output string, stdout, stderr io.Writer) error {
	if o.MaxPacketsTCP < 1 || o.MaxPacketsOther < 1 || o.MaxPacketsTCP > 200 || o.MaxPacketsOther > 200 {
		return errors.New("--max-packets-tcp and --max-packets-other must be 1 to 200")
	}
	if o.Duration < 0 || o.UpdateEvery < 0 {
		return errors.New("--duration and --update-every must not be negative")
	}
	if !sandbox.Inside() {
		return supervise(o)
	}
	tuneMemory()
	signal.Ignore(unix.SIGPIPE) // a reader that goes away is an error of writing: it is told, and all ends as it should
	records := newLiveRecords(output, stdout)
	defer records.stop()
	panics := newPanicLog("", stderr)
	log := logger(stderr)
	status, err := agent.Run(o, agent.Output{
		Flow: records.flow, Log: log, OnPanic: panics.add, Hurry: records.patient.hurry, Progress: records.patient.progress,
	})
	panics.end()
	if err != nil && len(status.Interfaces) == 0 && status.Totals.Packets == 0 {
		return err // it never began
	}
	endErr := records.end(status.Totals, status.Elapsed)
	summarise(&status, stderr)
	if errors.Is(endErr, errReaderSlow) {
		return partialError{fmt.Errorf("%d records were not written: %w", records.unwritten(), endErr)}
	} else if endErr != nil {
		return partialError{fmt.Errorf("write output: %w", endErr)}
	}
	if err != nil {
		return partialError{err}
	}
	return nil
}

// supervise is the privileged process.
func supervise(o *agent.Options) error {
	tuneMemory()
	err := agent.Supervise(o, os.Args[1:])
	var ended *helper.ExitError
	if errors.As(err, &ended) && ended.Status != 0 {
		return statusError(ended.Status) // the confined process has said why
	}
	if ended != nil {
		return partialError{err}
	}
	return err
}

// tuneMemory collects garbage four times as often as is usual: little is allocated, so that costs some percent and saves memory.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25)
	}
}

// logger writes lines for people.
func logger(stderr io.Writer) func(string, ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(stderr, "weir: "+format+"\n", args...)
	}
}

// summarise tells at the end what was seen and what was lost.
func summarise(s *agent.Status, stderr io.Writer) {
	t := &s.Totals
	fmt.Fprintf(stderr, "weir: %d packets, %s in %d flows on %s in %s; %d packets were looked into\n", t.Packets, bytesText(t.WireBytes),
		t.Flows.Created, strings.Join(s.Interfaces, ", "), s.Elapsed.Round(10*time.Millisecond), s.Sampled)
	for c, n := range s.Counters.Happened(metric.Notice) {
		help := c.Help
		if s.KernelCounts { // the workers see the first packets of each flow only
			help = strings.Replace(help, "packets not decoded", "of the packets that were looked into, not decoded", 1)
		}
		fmt.Fprintf(stderr, "weir:   %d %s\n", n, help)
	}
}
