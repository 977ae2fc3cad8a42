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

	"github.com/weirnet/weir/internal/agent/confined"
	"github.com/weirnet/weir/internal/agent/privileged"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/helper"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/sandbox"
)

func newRun() *cobra.Command {
	var duration time.Duration
	var settings *config.Loader
	c := &cobra.Command{
		Use:   "run [flags]",
		Short: "Name every flow on live interfaces",
		Long: `Watch interfaces, count every packet of every flow, and name the protocol and the
application of each. weir is passive: it can't change or drop a packet. It runs until it is
interrupted, or for --duration.

Without --interface, a link whose packets are seen on another one is left out: a VLAN is seen on its
parent, a bridge on its ports, where also what it only passes from port to port is seen. Links that
are named are all watched; where one carries the other, the packets of both are counted twice, and a
line says so.

Which end of a flow is LAN and which WAN the routes tell: WAN is behind an interface with a default
route. Who began a connection, and what address translation made of it, the kernel's connection
tracking tells: both legs of a connection are one flow.

What is watched and how is told on standard error; the flows are written to standard output as they end.

Modes: ebpf counts in the kernel and looks at the first packets of each flow only; libpcap and
afpacket look at every packet. auto takes the first of ebpf, libpcap, afpacket that works; weir
check tells which that is, and why.

A hook or a mode that is named is had, or it is an error.

Exit status: 0 when it was told to end, 1 when it had to end, 2 when it could not begin.`,
		Example: `  weir run                                  all interfaces that matter
  weir run -i lan0 -i wan0 --output table
  weir run -i 'eth*' --duration 1m | jq .application
  weir run --mode libpcap --filter 'not port 22'
  weir run -i mirror0 --promiscuous --lan-network 10.0.0.0/8 --lan-network 2001:db8::/32`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := settings.Load(); err != nil {
				return err
			}
			o := liveOptions(&settings.Config)
			if o.Duration = duration; duration < 0 {
				return errors.New("--duration must not be negative")
			}
			if !sandbox.Inside() {
				return supervise(&o, confinedArgs(c, settings))
			}
			output := settings.Config.Output.Format
			if err := checkOutput(&output, c.OutOrStdout(), "table", "ndjson", "csv", "none"); err != nil {
				return err
			}
			return liveRun(&o, output, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	settings = addSettings(c)
	durationFlag(c.Flags(), &duration)
	return c
}

// durationFlag ends commands that capture.
func durationFlag(f *pflag.FlagSet, d *time.Duration) {
	f.DurationVar(d, "duration", 0, "end after this time (default: run until interrupted)")
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
	return fmt.Errorf("--output %q: must be %s or %s", *output, strings.Join(known[:len(known)-1], ", "),
		known[len(known)-1])
}

// liveRun is the confined process of weir run.
func liveRun(o *agent.Options, output string, stdout, stderr io.Writer) error {
	tuneMemory()
	signal.Ignore(unix.SIGPIPE) // a reader that goes away is an error of writing: it is told, and all ends as it should
	out := newLiveOutput(output, stdout)
	panics := newPanicLog("", stderr)
	status, err := confined.Run(o, confined.Output{
		Subscriptions: []confined.Subscription{{Subscriber: out, Dropped: metric.RecordsUnwritten,
			Progress: out.pieces.taken.Load}},
		Log: logger(stderr), OnPanic: panics.add,
	})
	panics.end()
	if err != nil && len(status.Interfaces) == 0 && status.Totals.Packets == 0 {
		return err // it never began
	}
	summarise(&status, stderr)
	if errors.Is(err, confined.ErrStalled) {
		unwritten := status.Offered - min(status.Offered, out.pieces.lines.Load())
		err = fmt.Errorf("%d records were not written: %w", unwritten, err)
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
		return statusError(ended.Status) // the confined process has said why
	}
	if ended != nil {
		return partialError{err}
	}
	return err
}

// tuneMemory collects garbage four times as often as is usual: little is allocated, so that costs some percent and
// saves memory.
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
func summarise(s *confined.Status, stderr io.Writer) {
	t := &s.Totals
	fmt.Fprintf(stderr, "weir: %d packets, %s in %d flows on %s in %s; %d packets were looked into\n", t.Packets,
		bytesText(t.WireBytes),
		t.Flows.Created, strings.Join(s.Interfaces, ", "), s.Elapsed.Round(10*time.Millisecond), s.Sampled)
	for c, n := range s.Counters.Happened(metric.Notice) {
		help := c.Help
		if s.KernelCounts { // the workers see the first packets of each flow only
			help = strings.Replace(help, "packets not decoded", "of the packets that were looked into, not decoded", 1)
		}
		fmt.Fprintf(stderr, "weir:   %d %s\n", n, help)
	}
}
