// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/agent/confined"
	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/top"
	"github.com/weirnet/weir/internal/usage"
)

func newTop() *cobra.Command {
	var duration time.Duration
	var noColor, own bool
	var settings *config.Loader
	c := &cobra.Command{
		Use:   "top [flags]",
		Short: "Show the traffic on a full screen: applications, devices, hosts and flows",
		Long: `Show the rates of applications, protocols, categories, devices, hosts, destinations and flows on a
full screen, updated each second. If a weir runs, top joins it: it shows what that one sees, with its
last hour. Otherwise, or with --own or a flag of the capture, it captures as weir run does.

Keys: 1 to 7 and tab: the lists; arrows, and enter to open a line into the others; esc back; w why a
flow has its names; s sort, r reverse; / filter (docs/FILTER.md); b bits or bytes; t five minutes or
an hour; p pause, ? help, q quit.

Without a terminal, or with TERM=dumb, it writes the total and the busiest applications in plain
lines, every five seconds.`,
		Example: `  weir top
  weir top --own --no-color
  weir top -i lan0 -i wan0
  weir top --duration 1m | cat`,
		Args: usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := settings.Load(); err != nil {
				return err
			}
			log, err := settingsLogger(&settings.Config, os.Stderr)
			if err != nil {
				return err
			}
			o := liveOptions(&settings.Config)
			o.Log = log
			if o.Duration = duration; duration < 0 {
				return errors.New("--duration must not be negative")
			}
			if sandbox.Inside() {
				return showTop(&o, noColor)
			}
			if !own && !wantsCapture(c, settings) {
				err := joinTop(c.Context(), socketPath(o.Socket), duration, noColor)
				if !errors.Is(err, control.ErrNotRunning) {
					return err
				}
			}
			return supervise(&o, confinedArgs(c, settings))
		},
	}
	settings = addSettings(c)
	durationFlag(c.Flags(), &duration)
	c.Flags().BoolVar(&noColor, "no-color", false, "no colours (also: NO_COLOR in the environment)")
	c.Flags().BoolVar(&own, "own", false, "capture, even if a weir runs that top could join")
	return c
}

// wantsCapture reports whether a flag was set that only a capture of top's own can obey.
func wantsCapture(c *cobra.Command, settings *config.Loader) (wants bool) {
	c.Flags().Visit(func(f *pflag.Flag) {
		wants = wants || settings.Knows(f.Name) && f.Name != "config" && f.Name != "socket" &&
			!strings.HasPrefix(f.Name, "log")
	})
	return wants
}

// newView returns a view of this process's terminal.
func newView(noColor, joined bool) *top.View {
	_, _ = os.Unsetenv("TEA_TRACE"), os.Unsetenv("TEA_DEBUG") // files that Bubble Tea would open
	signal.Ignore(unix.SIGPIPE)                               // a reader's end becomes a write error
	return top.New(top.Options{In: os.Stdin, Out: os.Stdout, NoColor: noColor, Joined: joined})
}

// showTop is the confined process of weir top.
func showTop(o *agent.Options, noColor bool) error {
	tuneMemory()
	view := newView(noColor, false)
	o.UpdateEvery, o.Follow = time.Second, true
	ctx, cancel := context.WithCancel(context.Background())
	quit := make(chan struct{})
	var viewErr error
	go func() {
		defer close(quit)
		viewErr = view.Run(ctx)
	}()
	var notes notes
	shown := &screen{View: view}
	status, err := confined.Run(o, confined.Output{
		Subscriptions: []confined.Subscription{{Subscriber: shown, Dropped: metric.RecordsUnshown}},
		Log:           logging.To(notes.add), Done: quit,
		Hosts: func(all func() []hosts.Host) { shown.hosts = all }, Explain: view.SetWhy,
	})
	cancel()
	<-quit
	if err == nil {
		err = viewErr
	}
	if err != nil {
		notes.print(os.Stderr)
		return err
	}
	summarise(&status, plainLogger(os.Stderr))
	return nil
}

// screen adapts the view to a subscriber.
type screen struct {
	*top.View
	hosts func() []hosts.Host
	asked time.Time // when hosts was called last
}

// hostsEvery is how old the list of devices on the screen may be.
const hostsEvery = 5 * time.Second

// Second draws the screen anew.
func (s *screen) Second(status *confined.Status) error {
	now := time.Now()
	if s.hosts != nil && now.Sub(s.asked) >= hostsEvery {
		s.asked = now
		s.SetDevices(topDevices(s.hosts()))
	}
	s.Tick(now, topSummary(status))
	return nil
}

// End leaves the screen unchanged.
func (*screen) End() error { return nil }

// topDevices are devices as top shows them.
func topDevices(all []hosts.Host) []top.Device {
	devices := make([]top.Device, len(all))
	for i := range all {
		h, d := &all[i], &devices[i]
		d.MAC, d.Vendor = h.MAC, h.Vendor
		for _, n := range h.Names {
			d.Names = append(d.Names, n.Name)
		}
		for _, a := range h.Addresses {
			d.Addresses = append(d.Addresses, a.IP)
		}
	}
	return devices
}

// topSummary returns the head of the screen.
func topSummary(s *confined.Status) top.Summary {
	summary := top.Summary{
		Mode: s.Mode, Interfaces: s.Interfaces, Packets: s.Totals.Packets, Bytes: s.Totals.WireBytes,
		Sampled: s.Sampled,
	}
	for c, n := range s.Counters.Happened(metric.Loss) {
		summary.Lost = append(summary.Lost, top.Loss{Count: n, What: c.Help})
	}
	return summary
}
