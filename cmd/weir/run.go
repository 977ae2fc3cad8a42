// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/agent/confined"
	"github.com/weirnet/weir/internal/agent/privileged"
	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/usage"
)

func newRun() *cobra.Command {
	var duration time.Duration
	var settings *config.Loader
	c := &cobra.Command{
		Use:   "run [flags]",
		Short: "Name every flow on live interfaces",
		Long: `Watch interfaces, count every packet of every flow, and name the protocol and the
application of each. weir is passive: it cannot change or drop a packet. It runs until it is
interrupted, or for --duration.

Without --interface, weir leaves out links whose packets another one shows: a VLAN's are on its
parent, a bridge's on its ports, which also show what the bridge forwards between ports. weir watches
all links that you name; if one carries the other, it counts the packets of both twice, and says so.

The routes decide which end of a flow is LAN and which WAN: WAN is behind an interface with a default
route. The kernel's connection tracking shows who began a connection, and how address translation
changed it: both legs of a connection are one flow.

weir reports what it watches, and how, on standard error, and writes flows to standard output: as
they end, in a table also when they are named (+) and have grown much (~). With --output report it
writes what has changed each --report-every, for another program.

Modes: ebpf counts in the kernel and inspects only the first packets of each flow; libpcap and
afpacket inspect every packet. auto takes the first of ebpf, libpcap, afpacket that works; weir check
shows which that is, and why. If a mode or a hook that you name does not work, weir ends with an error.

Exit status: 0 after a signal or --duration, 1 after a failure, 2 if weir could not begin.`,
		Example: `  weir run                                  all interfaces that matter
  weir run -i lan0 -i wan0 --output table
  weir run -i 'eth*' --duration 1m | jq .application
  weir run --output report | weir report -
  weir run --mode libpcap --filter 'not port 22'
  weir run -i mirror0 --promiscuous --lan-network 10.0.0.0/8 --lan-network 2001:db8::/32`,
		Args: usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := settings.Load(); err != nil {
				return err
			}
			log, err := settingsLogger(&settings.Config, c.ErrOrStderr())
			if err != nil {
				return err
			}
			o := liveOptions(&settings.Config)
			o.Duration, o.Log = duration, log
			return logEnd(log, beginRun(c, settings, &o))
		},
	}
	settings = addSettings(c)
	durationFlag(c.Flags(), &duration)
	return c
}

// beginRun is either process of weir run.
func beginRun(c *cobra.Command, settings *config.Loader, o *agent.Options) error {
	if o.Duration < 0 {
		return errors.New("--duration must not be negative")
	}
	if sandbox.Inside() {
		if err := checkOutput(&settings.Config.Output.Format, c.OutOrStdout(), "table", "ndjson", "csv", "report",
			"none"); err != nil {
			return err
		}
		return liveRun(o, &settings.Config, c.OutOrStdout())
	}
	if err := checkPrivacy(&settings.Config); err != nil {
		return err
	}
	if err := checkMetrics(&settings.Config); err != nil {
		return err
	}
	if err := setExport(o, &settings.Config); err != nil {
		return err
	}
	args, err := setUplink(o, &settings.Config)
	if err != nil {
		return err
	}
	o.Reload = (&settingsReloader{settings: settings, running: settings.Config}).reload
	return supervise(o, append(confinedArgs(c, settings), args...))
}

// durationFlag adds --duration to commands that capture.
func durationFlag(f *pflag.FlagSet, d *time.Duration) {
	f.DurationVar(d, "duration", 0, "end after this time (default: run until interrupted)")
}

// checkOutput sets the default of an output, and refuses unknown ones.
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
	return fmt.Errorf("--output %q: must be %s or %s", *output, strings.Join(known[:len(known)-1], ", "),
		known[len(known)-1])
}

// liveRun is the confined process of weir run.
func liveRun(o *agent.Options, c *config.Config, stdout io.Writer) error {
	omit, err := privacyOf(c)
	if err != nil {
		return err
	}
	tuneMemory()
	signal.Ignore(unix.SIGPIPE) // a reader's end becomes a write error, with a report and an orderly end
	panics := newPanicLog("", o.Log)
	output := confined.Output{Log: o.Log, OnPanic: panics.add}
	var unwritten func(*confined.Status) string
	hasUplink := c.Uplink.Use == "on" // as setUplink has decided
	if c.Output.Format == "report" {
		out := newReporter(c.Report.Every, o.MaxFlows, stdout, hasUplink)
		if err := out.setPrivacy(omit); err != nil {
			return err
		}
		out.subscribe(o, &output)
		unwritten = func(*confined.Status) string { return "not all reports were written" }
	} else {
		out := newLiveOutput(c.Output.Format, stdout, o.UpdateEvery > 0)
		if table, ok := out.writer.(*livingTable); ok {
			o.Follow, output.Names = true, func(names func(netip.Addr) string) { table.names = names }
		}
		output.Subscriptions = []confined.Subscription{{Subscriber: out, Name: "output",
			Dropped: metric.RecordsUnwritten, Progress: out.pieces.taken.Load}}
		unwritten = func(s *confined.Status) string {
			done := out.skipped.Load() + out.pieces.lines.Load()
			return fmt.Sprintf("%d records were not written", s.Offered-min(s.Offered, done))
		}
		if hasUplink {
			shipped := newReporter(c.Report.Every, o.MaxFlows, nil, true)
			if err := shipped.setPrivacy(omit); err != nil {
				return err
			}
			shipped.subscribe(o, &output)
		}
	}
	countTraffic(o, c, &output)
	status, err := confined.Run(o, output)
	panics.end()
	if err != nil && len(status.Interfaces) == 0 && status.Totals.Packets == 0 {
		return err // it never began
	}
	summarise(&status, o.Log)
	if errors.Is(err, confined.ErrStalled) {
		err = fmt.Errorf("%s: %w", unwritten(&status), err)
	}
	if err != nil {
		return partialError{err}
	}
	return nil
}

// supervise is the privileged process.
func supervise(o *agent.Options, args []string) error {
	tuneMemory()
	err := privileged.Supervise(o, args)
	var ended *helper.ExitError
	if errors.As(err, &ended) && ended.Status != 0 {
		return statusError(ended.Status) // the confined process has reported the reason
	}
	if ended != nil {
		return partialError{err}
	}
	return err
}

// tuneMemory makes garbage collection four times as frequent as the default: the program allocates little, so that
// costs a few percent and saves memory.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25)
	}
}

// summarise logs the totals and losses at the end.
func summarise(s *confined.Status, log *logging.Logger) {
	t := &s.Totals
	log.Infof("%d packets, %s in %d flows on %s in %s; %d packets were looked into", t.Packets,
		bytesText(t.WireBytes), t.Flows.Created, strings.Join(s.Interfaces, ", "),
		s.Elapsed.Round(10*time.Millisecond), s.Sampled)
	for c, n := range s.Counters.Happened(metric.Notice) {
		help := c.Help
		if s.KernelCounts { // the workers see only the first packets of each flow
			help = strings.Replace(help, "packets not decoded", "of the packets that were looked into, not decoded", 1)
		}
		log.Infof("  %d %s", n, help)
	}
}
