// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/enrich"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/geo"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/topology"
	"github.com/weirnet/weir/internal/usage"
)

// replayOptions are the settings and flags of weir replay.
type replayOptions struct {
	config.Config
	realtime   bool
	noProgress bool
	show       flowTaker // takes the records as the flows are named, grow and end; nil: the output takes them
}

func newReplay() *cobra.Command {
	var o replayOptions
	var settings *config.Loader
	c := &cobra.Command{
		Use:   "replay [flags] FILE…",
		Short: "Name every flow in capture files",
		Long: `Read capture files (pcap or pcapng, also compressed with gzip or zstd; - is standard
input) and name the protocol and the application of every flow in them. Several files are read one
after the other, as one capture.

If a capture names the interface of its packets (tcpdump -i any, pcapng of several interfaces), it
shows a forwarded packet more than once: replay counts it where it comes in, as weir run does, and the
flow of a connection under address translation is one, with the addresses by which it came in.
--count-each counts each.

Exit status: 0 when every packet was read (a file that ends between two packets gives a warning);
1 when a file is truncated or corrupt, or weir was interrupted (the readable part is reported);
2 when nothing could be done, or the output cannot be written.`,
		Example: `  weir replay capture.pcap                        a table of the flows, and a summary
  weir replay --output ndjson *.pcapng | jq .application
  tcpdump -w - -c 1000 | weir replay --output csv -
  weir replay --lan-network 192.168.0.0/16 capture.pcap
  weir replay --filter 'udp port 443' big.pcap.zst`,
		Args: usage.Needs("a capture file, or - for standard input", true),
		RunE: func(c *cobra.Command, files []string) error {
			if err := settings.Load(); err != nil {
				return err
			}
			o.Config = settings.Config
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends weir at once
			return replay(ctx, &o, files, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.BoolVar(&o.realtime, "realtime", false, "replay at the speed at which the packets were captured")
	f.BoolVar(&o.noProgress, "no-progress", false, "no progress bar on standard error")
	settings = addSettings(c)
	return c
}

// replay runs weir replay. It stops early, and reports the flows so far, when the context ends.
func replay(ctx context.Context, o *replayOptions, files []string, stdout, stderr io.Writer) error {
	tuneMemory()
	if err := o.check(stdout); err != nil {
		return err
	}
	inputs, broken, err := checkInputs(ctx, files)
	if err != nil {
		return err
	}
	apps, err := catalog.Load(o.Names.Catalogs...)
	if err != nil {
		return err
	}
	origins, err := geo.Open(o.Names.MMDB...)
	if err != nil {
		return err
	}
	p := &player{options: o, stderr: stderr}
	if o.Capture.Filter != "" {
		if p.filter, err = newFilter(o.Capture.Filter); err != nil {
			return err
		}
		defer p.filter.close()
	}
	records := newRecords(o, stdout)
	defer records.stop()
	emit := records.flow
	var isFollowed func() bool
	onEvent := records.event
	if o.show != nil {
		onEvent = selectedEvents(o.show)
		emit, isFollowed = o.show.flow, func() bool { return true }
	}
	var events atomic.Uint32
	events.Store(uint32(eventTypes(&o.Config)))
	panics := newPanicLog(o.Output.PanicDir, plainLogger(stderr))
	p.progress = newProgress(stderr, o.noProgress || records.realTime && terminalWidth(stdout) > 0)
	p.pipeline = engine.NewPipeline(engine.Config{
		MaxPacketsTCP: o.Flows.PacketsTCP, MaxPacketsOther: o.Flows.PacketsOther, KeepTunnels: o.Flows.KeepTunnels,
		IgnoreVLAN: o.Flows.IgnoreVLAN, TCPHealth: o.Flows.TCPHealth, CountEach: o.Flows.CountEach,
		UpdateEvery: o.Flows.UpdateEvery, IsFollowed: isFollowed,
		Events: &events, OnEvent: onEvent,
		Flows:      flow.Config{MaxFlows: o.Flows.MaxReplay, TCPIdle: o.Flows.TCPIdle, Idle: o.Flows.Idle},
		Classifier: classify.New(apps), Protocols: dissect.NewTable(protocols.All()),
		OnPanic: panics.add,
	}, o.Capture.Workers, 0, o.placed(origins, emit))
	readErr := p.all(ctx, inputs)
	p.progress.clear()
	err = p.pipeline.Close()
	panics.end()
	if err == nil {
		err = records.end(p.pipeline.Totals(), p.elapsed)
	}
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	if o.Output.Format == "ndjson" || o.Output.Format == "csv" { // the others have a summary
		var counters metric.Snapshot
		totals := p.pipeline.Totals()
		totals.Collect(&counters)
		for c, n := range counters.Happened(metric.Notice) {
			// A capture of ARP alone has no records, and ignored packets change the counts: report both
			if c.Class == metric.Loss || totals.Packets == 0 || c.Name == metric.CopiesName {
				fmt.Fprintf(stderr, "weir: %d %s\n", n, c.Help)
			}
		}
	}
	if readErr = errors.Join(readErr, broken); readErr != nil {
		return partialError{readErr}
	}
	return nil
}

// placed sets the records' sides if the user has set networks, and where their ends are at home.
func (o *replayOptions) placed(origins *geo.Table, emit func(*record.Flow) error) func(*record.Flow) error {
	if len(o.Network.LANNetworks) == 0 {
		return func(r *record.Flow) error {
			origins.Flow(r)
			return emit(r)
		}
	}
	c := enrich.New(nil, emit)
	c.SetOrigins(origins)
	c.SetNetwork(topology.NewNetwork(topology.Sides{Networks: o.Network.LANNetworks}, nil, nil, [2][]topology.Rule{}))
	return func(r *record.Flow) error { return c.Flow(r, time.Unix(0, r.LastSeen)) }
}

func (o *replayOptions) check(stdout io.Writer) error {
	if len(o.Events.Types) > 0 && o.Output.Format == "" {
		o.Output.Format = "ndjson"
	} else if len(o.Events.Types) > 0 && o.Output.Format != "ndjson" {
		return fmt.Errorf("--events need --output ndjson, not %s", o.Output.Format)
	}
	if err := checkOutput(&o.Output.Format, stdout, "table", "ndjson", "csv", "none"); err != nil {
		return err
	}
	if o.Capture.Workers == 0 {
		o.Capture.Workers = min(runtime.GOMAXPROCS(0), 4)
	}
	return nil
}
