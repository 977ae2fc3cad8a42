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
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/config"
	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/match"
	"github.com/weirnet/weir/internal/record"
)

// flowsOptions are the flags of weir flows.
type flowsOptions struct {
	socket      string
	follow      bool
	last        int
	since       time.Duration
	reconnect   time.Duration
	remote      remote
	output      string
	fields      []string
	lanNetworks []string
	types       []string
	kinds       record.Types
	mmdb        []string
	selection   selection
	expr        filter.Expr
}

func newFlows() *cobra.Command {
	var o flowsOptions
	c := &cobra.Command{
		Use:   "flows [flags] [FILE…]",
		Short: "Show flows as they are named, grow and end",
		Long: `Show the flows of the running weir, a line each time that a flow is named (+), has grown much (~) or
has ended (-): first the latest ones that it remembers, and with --follow those to come. FILE is a
capture (pcap, pcapng), flow records or reports (NDJSON, as weir run and weir replay write them; - is
standard input), or a folder of reports that wait for the sink.

Filters select flows; all of them must match, of the same one given twice either. --where takes the
filter language of the sink's page (docs/FILTER.md): app:youtube device:@laptop NOT port:443.

Exit status: 0, 1 if no weir answers or a file has an error, 2 for wrong usage.`,
		Example: `  weir flows --follow
  weir flows --follow --app youtube --app netflix
  weir flows --since 5m --device 02:00:00:00:00:07 --not 'proto:dns OR bytes<10k'
  weir flows --last 1000 --output csv > flows.csv
  weir flows --fields first_seen,client.ip,server.ip,tls.ja4 capture.pcapng
  weir flows --follow --types dns,http,tls
  weir flows --follow --from tls://router.lan:7150 --token-file token --ca ca.pem
  weir flows --app youtube /var/lib/weir/spool`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, files []string) error {
			if err := o.check(c, files); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends weir at once
			if len(files) == 0 {
				return o.ofAgent(ctx, c.OutOrStdout(), c.ErrOrStderr())
			}
			return o.ofFiles(ctx, files, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.socket, "socket", control.DefaultPath(), "the running weir's socket")
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with the flows to come, until interrupted")
	f.IntVarP(&o.last, "last", "n", 0, "only so many, the last ones (of the running weir 20; with --since, "+
		"and of files, all)")
	f.DurationVar(&o.since, "since", 0, "only records of flows that had packets in this time, such as 5m")
	o.remote.addFlags(f)
	f.DurationVar(&o.reconnect, "reconnect", 30*time.Second, "with --follow: if weir ends, try this long to go on "+
		"with the weir that follows it (0s: end too)")
	f.StringVarP(&o.output, "output", "o", "", "table, compact, ndjson, csv or fields (empty: table on a terminal, "+
		"else compact)")
	f.StringSliceVarP(&o.fields, "fields", "e", nil, "members of the record to print, with tabs between them, such as "+
		"client.ip or tls.version (implies --output fields)")
	f.StringSliceVar(&o.types, "types", nil, "types of records, with commas between: flow, dns, http, tls, stats "+
		"(empty: flow)")
	f.StringArrayVar(&o.mmdb, "mmdb", nil, "of a capture: an MMDB file with autonomous systems or countries; may be "+
		"repeated")
	f.StringSliceVar(&o.lanNetworks, "lan-network", nil, "of a capture: a network of the LAN; may be repeated")
	o.selection.addFlags(f)
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(flowsOutputs[:],
		cobra.ShellCompDirectiveNoFileComp))
	return c
}

var flowsOutputs = [...]string{"table", "compact", "ndjson", "csv", "fields"}

// check checks and completes the flags. last is 0 for all.
func (o *flowsOptions) check(c *cobra.Command, files []string) (err error) {
	if o.expr, err = o.selection.expr(); err != nil {
		return err
	}
	if err := o.checkTypes(); err != nil {
		return err
	}
	if err := o.remote.check(c, files); err != nil {
		return err
	}
	if o.last < 0 || o.since < 0 || o.reconnect < 0 {
		return errors.New("--last, --since and --reconnect must not be negative")
	}
	if !c.Flags().Changed("last") && len(files) == 0 {
		const usual, all = 20, 1 << 20
		if o.last = usual; o.since > 0 {
			o.last = all
		}
	}
	if len(o.fields) > 0 {
		if o.output != "" && o.output != "fields" {
			return fmt.Errorf("--fields prints fields, not --output %s", o.output)
		}
		o.output = "fields"
	} else if o.output == "fields" {
		return errors.New("--output fields needs --fields, such as --fields client.ip,server.ip,hostname")
	}
	if o.output == "" {
		if o.output = "compact"; terminalWidth(c.OutOrStdout()) > 0 {
			o.output = "table"
		}
	}
	return checkOutput(&o.output, c.OutOrStdout(), flowsOutputs[:]...)
}

// ofAgent shows flows of the running weir.
func (o *flowsOptions) ofAgent(ctx context.Context, stdout, stderr io.Writer) error {
	in, err := o.open(nil)
	if err = nameOther(err, o.socket, rootSocket); err != nil {
		return partialError{err}
	}
	show := newFlowLines(o, stdout, nil)
	if o.remote.url == "" {
		show = newFlowLines(o, stdout, newDeviceNames(o.socket).of)
	}
	for err == nil {
		var at control.Position
		at, err = readStream(ctx, in, show, stderr)
		if err != nil || !o.follow || ctx.Err() != nil {
			break
		}
		if err = show.flush(); err == nil {
			in, err = o.reopen(ctx, at, stderr)
		}
	}
	if ctx.Err() != nil {
		err = nil
	}
	if err = errors.Join(err, show.flush()); err != nil {
		return partialError{err}
	}
	return nil
}

// open requests flows of the running weir, after a position if there is one.
func (o *flowsOptions) open(after *control.Position) (*control.Stream, error) {
	request := &control.Flows{Filter: filter.String(o.expr), Last: o.last, SinceMillis: o.since.Milliseconds(),
		Follow: o.follow, After: after, Types: o.types}
	if o.remote.url != "" {
		return o.remote.follow(request)
	}
	return control.Follow(o.socket, request)
}

// errEnded means that the stream has ended for good.
var errEnded = errors.New("the running weir has ended")

// reopen resumes a stream that has ended, since weir may be starting again.
func (o *flowsOptions) reopen(ctx context.Context, at control.Position, stderr io.Writer) (*control.Stream, error) {
	if at.Epoch == "" || o.reconnect == 0 {
		return nil, errEnded
	}
	fmt.Fprintf(stderr, "weir: the running weir has ended; trying again for %s\n", o.reconnect)
	wait := 100 * time.Millisecond
	try := time.NewTimer(wait)
	defer try.Stop()
	over := time.NewTimer(o.reconnect)
	defer over.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-over.C:
			return nil, errEnded
		case <-try.C:
		}
		in, err := o.open(&at)
		if err != nil {
			wait = min(2*wait, 2*time.Second)
			try.Reset(wait)
			continue
		}
		if in.Hello.Epoch != at.Epoch {
			fmt.Fprintln(stderr, "weir: weir has started again: what it saw in its last moments before may be missing")
		}
		return in, nil
	}
}

// readStream shows what a stream has until it ends or breaks, and returns the position that it has reached.
func readStream(ctx context.Context, in *control.Stream, show flowTaker, stderr io.Writer) (control.Position, error) {
	defer in.Close()
	stop := context.AfterFunc(ctx, func() { in.Close() })
	defer stop()
	at, from, to := in.Hello.Position, ending{Reader: in}, failing{flowTaker: show}
	err := readRecords(&from, &to, func(other *otherLine) {
		switch other.Type {
		case "dropped":
			fmt.Fprintf(stderr, "weir: %d records were dropped: this command was too slow for them\n", other.Records)
		case "position":
			at = other.Position
		}
	})
	if from.hasEnded && to.err == nil {
		err = nil // what broke in the middle of a line comes again
	}
	return at, err
}

// ending is a Reader that notes its end.
type ending struct {
	io.Reader
	hasEnded bool
}

func (e *ending) Read(b []byte) (int, error) {
	n, err := e.Reader.Read(b)
	e.hasEnded = e.hasEnded || err != nil
	return n, err
}

// failing is a flowTaker that notes its error.
type failing struct {
	flowTaker
	err error
}

func (f *failing) flow(r *record.Flow) error {
	f.err = f.flowTaker.flow(r)
	return f.err
}

// ofFiles shows the flows of captures, or of files of records.
func (o *flowsOptions) ofFiles(ctx context.Context, files []string, stdout, stderr io.Writer) error {
	if o.follow || o.since > 0 {
		return errors.New("--follow and --since are for the running weir; files are shown whole")
	}
	selects, err := match.Compile(o.expr, "", nil)
	if err != nil {
		return err
	}
	files, kind, err := expandFiles(files)
	if err != nil {
		return err
	}
	show := newFlowLines(o, stdout, nil)
	chosen := &chosenFlows{show: show, selects: selects, last: o.last}
	if kind == ofPackets {
		err = o.replay(ctx, files, chosen, stdout, stderr)
	} else {
		err = readFiles(files, kind, chosen, stderr)
	}
	return errors.Join(err, chosen.end(), show.flush())
}

func (o *flowsOptions) replay(ctx context.Context, files []string, to flowTaker, stdout, stderr io.Writer) error {
	r, err := o.replayOptions()
	if err != nil {
		return err
	}
	r.show = to
	return replay(ctx, r, files, stdout, stderr)
}

// replayOptions returns the settings for captures.
func (o *flowsOptions) replayOptions() (*replayOptions, error) {
	settings := config.NewLoader("replay")
	if err := settings.Load(); err != nil {
		return nil, err
	}
	r := &replayOptions{Config: settings.Config}
	r.Events.Types = nil
	for _, kind := range o.types {
		if kind != "flow" && kind != "stats" { // a capture has no stats
			r.Events.Types = append(r.Events.Types, kind)
		}
	}
	r.Output.Format = "ndjson" // of which the losses are told on standard error
	r.Names.MMDB = o.mmdb
	for _, text := range o.lanNetworks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("--lan-network %q: must be a network such as 192.168.0.0/16", text)
		}
		r.Network.LANNetworks = append(r.Network.LANNetworks, p.Masked())
	}
	return r, nil
}

// flowTaker takes records; each is valid during the call.
type flowTaker interface{ flow(*record.Flow) error }

// chosenFlows passes on the records that a filter selects: all of them, or the last ones at the end.
type chosenFlows struct {
	show    flowTaker
	selects match.Filter
	last    int // 0: all
	kept    []*record.Flow
	next    int // of kept, once it is full
}

func (c *chosenFlows) flow(f *record.Flow) error {
	if !c.selects(f) {
		return nil
	}
	switch {
	case c.last == 0:
		return c.show.flow(f)
	case len(c.kept) < c.last:
		c.kept = append(c.kept, f.Clone())
	default:
		c.kept[c.next] = f.Clone()
		c.next = (c.next + 1) % c.last
	}
	return nil
}

// end passes on what was kept.
func (c *chosenFlows) end() error {
	for i := range c.kept {
		if err := c.show.flow(c.kept[(c.next+i)%len(c.kept)]); err != nil {
			return outputError(err)
		}
	}
	return nil
}
