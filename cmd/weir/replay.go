// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/sides"
	"github.com/weirnet/weir/internal/topology"
)

// maxWorkers is more than one reader can feed: each worker has a flow table and 2 MiB of frames under way.
const maxWorkers = 256

// replayOptions are the flags of weir replay.
type replayOptions struct {
	output          string
	workers         int
	maxPacketsTCP   int
	maxPacketsOther int
	maxFlows        int
	updateEvery     time.Duration
	filter          string
	realtime        bool
	keepTunnels     bool
	ignoreVLAN      bool
	countEach       bool
	catalogs        []string
	panicDir        string
	noProgress      bool
	networks        []netip.Prefix
}

func newReplay() *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use:   "replay [flags] FILE…",
		Short: "Name every flow in capture files",
		Long: `Read capture files (pcap or pcapng, also compressed with gzip or zstd; - is standard input) and name the
protocol and the application of every flow in them. Several files are read one after the other, as one capture.

Where a capture says the interface of its packets (tcpdump -i any, pcapng of several interfaces), a packet that is forwarded is in it
more than once: it is counted where it comes in, as weir run does, and the flow of a connection under address translation is one, in
the addresses by which it came in. --count-each counts each.

Exit status: 0 when every packet was read (a file that ends between two packets is worth a warning only); 1 when a file is
truncated or corrupt, or weir was interrupted (what could be read is reported); 2 when nothing could be done, or the
output can't be written.`,
		Example: `  weir replay capture.pcap                        a table of the flows, and a summary
  weir replay --output ndjson *.pcapng | jq .application
  tcpdump -w - -c 1000 | weir replay --output csv -
  weir replay --lan-network 192.168.0.0/16 capture.pcap
  weir replay --filter 'udp port 443' big.pcap.zst`,
		Args: needs("a capture file, or - for standard input", true),
		RunE: func(c *cobra.Command, files []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends weir at once
			return replay(ctx, &o, files, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "table, ndjson, csv, or none (summary only; to measure speed) (default: table on a terminal, else ndjson)")
	f.IntVar(&o.workers, "workers", 0, "worker threads (default: one per CPU, at most 4)")
	f.IntVar(&o.maxPacketsTCP, "max-packets-tcp", 10, "packets with payload that are inspected of each TCP flow")
	f.IntVar(&o.maxPacketsOther, "max-packets-other", 8, "packets with payload that are inspected of each other flow")
	f.DurationVar(&o.updateEvery, "update-every", 0, "also report flows that live on, each time so much of the packets' time has passed (state new, update; not in the table)")
	f.IntVar(&o.maxFlows, "max-flows", 1<<20, "flows kept at a time, by each worker; past it, the least worth keeping give way")
	f.StringVar(&o.filter, "filter", "", "only packets that pass this tcpdump expression (needs a build with libpcap)")
	f.BoolVar(&o.realtime, "realtime", false, "replay at the speed at which the packets were captured")
	f.BoolVar(&o.keepTunnels, "keep-tunnels", false, "do not look into tunnels")
	f.BoolVar(&o.ignoreVLAN, "ignore-vlan", false, "packets in different VLANs are of one flow (mirror ports that give each direction a VLAN of its own)")
	f.BoolVar(&o.countEach, "count-each", false, "count a packet each time that the capture shows it, on each interface (default: once, where it comes in)")
	networkFlag(f, &o.networks)
	f.StringArrayVar(&o.catalogs, "catalog", nil, "a file with applications that adds to and overrides the built-in catalog")
	f.StringVar(&o.panicDir, "panic-dir", "", "where packets over which a dissector broke are saved (default: nowhere)")
	f.BoolVar(&o.noProgress, "no-progress", false, "no progress bar on standard error")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "ndjson", "csv", "none"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// replay is the whole of weir replay. It stops early, and tells what it has, when the context ends.
func replay(ctx context.Context, o *replayOptions, files []string, stdout, stderr io.Writer) error {
	tuneMemory()
	if err := o.check(stdout); err != nil {
		return err
	}
	inputs, broken, err := checkInputs(ctx, files)
	if err != nil {
		return err
	}
	apps, err := catalog.Load(o.catalogs...)
	if err != nil {
		return err
	}
	p := &player{options: o, stderr: stderr}
	if o.filter != "" {
		if p.filter, err = newFilter(o.filter); err != nil {
			return err
		}
		defer p.filter.close()
	}
	records := newRecords(o, stdout)
	defer records.stop()
	panics := newPanicLog(o.panicDir, stderr)
	p.progress = newProgress(stderr, o.noProgress || records.live && terminalWidth(stdout) > 0)
	p.pipeline = engine.NewPipeline(engine.Config{
		MaxPacketsTCP: o.maxPacketsTCP, MaxPacketsOther: o.maxPacketsOther, KeepTunnels: o.keepTunnels, IgnoreVLAN: o.ignoreVLAN,
		CountEach:   o.countEach,
		UpdateEvery: o.updateEvery, Flows: flow.Config{MaxFlows: o.maxFlows}, Classifier: classify.New(apps), Protocols: dissect.NewTable(protocols.All()),
		OnPanic: panics.add,
	}, o.workers, 0, o.placed(records.flow))
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
	if o.output == "ndjson" || o.output == "csv" { // the others have a summary
		var counters metric.Snapshot
		totals := p.pipeline.Totals()
		totals.Collect(&counters)
		for c, n := range counters.Happened(metric.Notice) {
			// A capture of ARP only has no records, and what was left out changes the counts: that is said.
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

// placed has records say which end is LAN and which is WAN, where the networks were given.
func (o *replayOptions) placed(emit func(*record.Flow) error) func(*record.Flow) error {
	if len(o.networks) == 0 {
		return emit
	}
	p := sides.New(nil, emit)
	p.SetNetwork(topology.NewNetwork(topology.Sides{Networks: o.networks}, nil, nil, [2][]topology.Rule{}))
	return p.Flow
}

func (o *replayOptions) check(stdout io.Writer) error {
	if err := checkOutput(&o.output, stdout, "table", "ndjson", "csv", "none"); err != nil {
		return err
	}
	if o.workers < 0 || o.workers > maxWorkers {
		return fmt.Errorf("--workers %d: must be 1 to %d, or 0 for one per CPU (at most 4)", o.workers, maxWorkers)
	}
	if o.maxPacketsTCP < 1 || o.maxPacketsOther < 1 || o.maxPacketsTCP > 200 || o.maxPacketsOther > 200 || o.maxFlows < 1 {
		return errors.New("--max-packets-tcp and --max-packets-other must be 1 to 200, --max-flows at least 1")
	}
	if o.updateEvery < 0 {
		return fmt.Errorf("--update-every %s: must not be negative", o.updateEvery)
	}
	if o.workers == 0 {
		o.workers = min(runtime.GOMAXPROCS(0), 4)
	}
	return nil
}
