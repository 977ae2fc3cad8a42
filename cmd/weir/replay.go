// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/flow"
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
	filter          string
	realtime        bool
	keepTunnels     bool
	catalogs        []string
	panicDir        string
	noProgress      bool
}

func newReplay() *cobra.Command {
	var o replayOptions
	c := &cobra.Command{
		Use:   "replay [flags] FILE…",
		Short: "Name every flow in capture files",
		Long: `Read capture files (pcap or pcapng, also compressed with gzip or zstd; - is standard input) and name the
protocol and the application of every flow in them. Several files are read one after the other, as one capture.

Exit status: 0 when every packet was read (a file that ends between two packets is worth a warning only); 1 when a file is
truncated or corrupt, or weir was interrupted (what could be read is reported); 2 when nothing could be done, or the
output can't be written.`,
		Example: `  weir replay capture.pcap                        a table of the flows, and a summary
  weir replay --output ndjson *.pcapng | jq .application
  tcpdump -w - -c 1000 | weir replay --output csv -
  weir replay --filter 'udp port 443' big.pcap.zst`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			return replay(&o, files, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "table, ndjson, csv, or none (summary only; to measure speed) (default: table on a terminal, else ndjson)")
	f.IntVar(&o.workers, "workers", 0, "worker threads (default: one per CPU, at most 4)")
	f.IntVar(&o.maxPacketsTCP, "max-packets-tcp", 10, "packets with payload that are inspected of each TCP flow")
	f.IntVar(&o.maxPacketsOther, "max-packets-other", 8, "packets with payload that are inspected of each other flow")
	f.IntVar(&o.maxFlows, "max-flows", flow.DefaultMaxFlows, "flows kept at a time, by each worker")
	f.StringVar(&o.filter, "filter", "", "only packets that pass this tcpdump expression (needs a build with libpcap)")
	f.BoolVar(&o.realtime, "realtime", false, "replay at the speed at which the packets were captured")
	f.BoolVar(&o.keepTunnels, "keep-tunnels", false, "do not look into tunnels")
	f.StringArrayVar(&o.catalogs, "catalog", nil, "a file with applications that adds to and overrides the built-in catalog")
	f.StringVar(&o.panicDir, "panic-dir", "", "where packets over which a dissector broke are saved (default: nowhere)")
	f.BoolVar(&o.noProgress, "no-progress", false, "no progress bar on standard error")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "ndjson", "csv", "none"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// replay is the whole of weir replay.
func replay(o *replayOptions, files []string, stdout, stderr io.Writer) error {
	if err := o.check(stdout); err != nil {
		return err
	}
	readers, broken, err := openAll(files)
	if err != nil {
		return err
	}
	apps, err := catalog.Load(o.catalogs...)
	if err != nil {
		return err
	}
	p := &player{options: o, progress: newProgress(stderr, o.noProgress), stderr: stderr}
	if o.filter != "" {
		if p.filter, err = newFilter(o.filter); err != nil {
			return err
		}
		defer p.filter.close()
	}
	out := bufio.NewWriterSize(stdout, 256<<10)
	w := newFlowWriter(o.output, out, terminalWidth(stdout))
	p.pipeline = engine.NewPipeline(engine.Config{
		MaxPacketsTCP: o.maxPacketsTCP, MaxPacketsOther: o.maxPacketsOther, KeepTunnels: o.keepTunnels,
		Flows: flow.Config{MaxFlows: o.maxFlows}, Classifier: classify.New(apps), Protocols: dissect.NewTable(),
		OnPanic: panicSaver(o.panicDir, stderr),
	}, o.workers, 0, w.flow)
	readErr := p.all(readers)
	p.progress.clear()
	err = p.pipeline.Close()
	if err == nil {
		err = w.end(p.pipeline.Totals(), p.elapsed())
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	if readErr = errors.Join(readErr, broken); readErr != nil {
		return partialError{readErr}
	}
	return nil
}

func (o *replayOptions) check(stdout io.Writer) error {
	switch o.output {
	case "":
		o.output = "ndjson"
		if terminalWidth(stdout) > 0 {
			o.output = "table"
		}
	case "table", "ndjson", "csv", "none":
	default:
		return fmt.Errorf("--output %q: must be table, ndjson, csv or none", o.output)
	}
	if o.workers < 0 || o.workers > maxWorkers {
		return fmt.Errorf("--workers %d: must be 1 to %d, or 0 for one per CPU (at most 4)", o.workers, maxWorkers)
	}
	if o.maxPacketsTCP < 1 || o.maxPacketsOther < 1 || o.maxPacketsTCP > 200 || o.maxPacketsOther > 200 || o.maxFlows < 1 {
		return errors.New("--max-packets-tcp and --max-packets-other must be 1 to 200, --max-flows at least 1")
	}
	if o.workers == 0 {
		o.workers = min(runtime.GOMAXPROCS(0), 4)
	}
	return nil
}

// openAll opens every file before anything is read, so that a mistake in the last name costs nothing. A file that breaks off
// within its own header is told at the end (broken): there is nothing in it to report.
func openAll(files []string) (readers []*pcapfile.Reader, broken, err error) {
	for _, name := range files {
		r, err := pcapfile.Open(name)
		var format *pcapfile.FormatError
		switch {
		case errors.As(err, &format):
			broken = errors.Join(broken, err)
		case err != nil:
			return nil, nil, err
		default:
			readers = append(readers, r)
		}
	}
	return readers, broken, nil
}

// player reads frames into the pipeline.
type player struct {
	options  *replayOptions
	filter   *filter
	pipeline *engine.Pipeline
	progress *progress
	stderr   io.Writer

	began      time.Time
	firstFrame int64
	frames     int
}

// all plays the files one after the other and joins their errors.
func (p *player) all(readers []*pcapfile.Reader) error {
	p.began = time.Now()
	var errs error
	var size int64
	for _, r := range readers {
		size += r.Size()
	}
	var before int64
	for _, r := range readers {
		p.progress.begin(size, before)
		errs = errors.Join(errs, p.lost(p.file(r)))
		before += r.Size()
		_ = r.Close() // it was only read
		if p.pipeline.Err() != nil {
			break // the output can't be written: Close says so
		}
	}
	return errs
}

func (p *player) elapsed() time.Duration { return time.Since(p.began) }

// file plays one file to its end, or to where it breaks off.
func (p *player) file(r *pcapfile.Reader) error {
	var in pcapfile.Frame
	var out engine.Frame
	var links []pcapfile.Interface
	var numbers []uint16
	for {
		if err := r.Next(&in); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if in.Interface >= len(numbers) {
			links = r.Interfaces()
			for _, i := range links[len(numbers):] {
				numbers = append(numbers, p.pipeline.AddInterface(i.Name))
			}
		}
		link := links[in.Interface].LinkType
		if p.filter != nil {
			ok, err := p.filter.match(link, in.Data, in.Length)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
		}
		if p.options.realtime {
			p.wait(in.Time)
		}
		out = engine.Frame{Data: in.Data, Length: in.Length, Time: in.Time, Interface: numbers[in.Interface], Link: link}
		p.pipeline.Frame(&out)
		if p.frames++; p.frames&0xfff == 0 {
			p.progress.update(r.Offset(), p.frames)
			if p.pipeline.Err() != nil {
				return nil
			}
		}
	}
}

// lost is err, unless no packet was lost by it: that is worth a line, not a failure.
func (p *player) lost(err error) error {
	var format *pcapfile.FormatError
	if !errors.As(err, &format) || !format.Leftover {
		return err
	}
	p.progress.clear()
	fmt.Fprintln(p.stderr, "weir: warning:", err)
	return nil
}

// wait sleeps until the packet's time has come, counted from the first one. Gaps above a minute are cut to it: a capture's clock
// may jump.
func (p *player) wait(at int64) {
	if p.frames == 0 || at < p.firstFrame {
		p.firstFrame = at - int64(p.elapsed())
	}
	gap := time.Duration(at-p.firstFrame) - p.elapsed()
	if gap > time.Minute {
		p.firstFrame += int64(gap - time.Minute)
		gap = time.Minute
	}
	time.Sleep(gap)
}

// panicSaver writes what a dissector panicked over to a file, and says so on one line; the flow goes on without that dissector.
func panicSaver(dir string, stderr io.Writer) func(string, *dissect.Conversation, any) {
	return func(protocol string, c *dissect.Conversation, cause any) {
		fmt.Fprintf(stderr, "weir: the %s dissector broke (%v); the flow goes on without it\n", protocol, cause)
		if dir == "" {
			return
		}
		f, err := os.CreateTemp(dir, "weir-"+filepath.Base(protocol)+"-*.bin")
		if err != nil {
			fmt.Fprintln(stderr, "weir: save packet:", err)
			return
		}
		defer f.Close()
		if c.Transport == dissect.TCP {
			_, _ = f.Write(c.ToServer())
			_, _ = f.Write(c.ToClient())
			return
		}
		for _, d := range c.Datagrams {
			_, _ = f.Write(d.Payload)
		}
	}
}
