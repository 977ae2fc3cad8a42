// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/agent"
	"github.com/weirnet/weir/internal/agent/confined"
	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/logging"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/sandbox"
	"github.com/weirnet/weir/internal/top"
	"github.com/weirnet/weir/internal/usage"
)

func newTop() *cobra.Command {
	var duration time.Duration
	var noColor bool
	var settings *config.Loader
	c := &cobra.Command{
		Use:   "top [flags]",
		Short: "Show the traffic of live interfaces on a full screen",
		Long: `Show the rates of applications, protocols and hosts on a full screen, updated each
second. It captures as weir run does.

Keys: 1 2 3 applications, protocols, hosts; arrows and enter to look into a host; s sort, / filter,
p pause, ? help, q quit.`,
		Example: `  weir top
  weir top -i lan0 -i wan0 --no-color`,
		Args: usage.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if terminalWidth(os.Stdout) == 0 || terminalWidth(os.Stdin) == 0 {
				return top.ErrNoTerminal
			}
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
			if !sandbox.Inside() {
				return supervise(&o, confinedArgs(c, settings))
			}
			return showTop(&o, noColor)
		},
	}
	settings = addSettings(c)
	durationFlag(c.Flags(), &duration)
	c.Flags().BoolVar(&noColor, "no-color", false, "no colours (also: NO_COLOR in the environment)")
	return c
}

// showTop is the confined process of weir top.
func showTop(o *agent.Options, noColor bool) error {
	tuneMemory()
	_, _ = os.Unsetenv("TEA_TRACE"), os.Unsetenv("TEA_DEBUG") // files that Bubble Tea would open
	view, err := top.New(top.Options{In: os.Stdin, Out: os.Stdout, NoColor: noColor})
	if err != nil {
		return err
	}
	o.UpdateEvery = time.Second
	ctx, cancel := context.WithCancel(context.Background())
	quit := make(chan struct{})
	var viewErr error
	go func() {
		defer close(quit)
		viewErr = view.Run(ctx)
	}()
	var notes notes
	status, err := confined.Run(o, confined.Output{
		Subscriptions: []confined.Subscription{{Subscriber: screen{view}, Dropped: metric.RecordsUnshown}},
		Log:           logging.To(notes.add), Done: quit, Names: view.SetNames,
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
type screen struct{ *top.View }

// Second draws the screen anew.
func (s screen) Second(status *confined.Status) error {
	s.Tick(time.Now(), topSummary(status))
	return nil
}

// End leaves the screen unchanged.
func (screen) End() error { return nil }

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
