// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/usage"
)

func newReport() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "report [flags] FILE|-",
		Short: "Print reports of weir run --output report for people",
		Long: `Read reports, one a line, as weir run --output report writes them; - is standard input.
report prints each for people, or with --output json unchanged, after checking it.

Exit status: 0 when all was read, 1 if the input breaks off or has other contents, 2 without input.`,
		Example: `  weir run --output report | weir report -
  weir report reports.ndjson
  weir report --output json reports.ndjson | jq .health`,
		Args: usage.Needs("a file of reports, or - for standard input", false),
		RunE: func(c *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("--output %q: must be text or json", output)
			}
			in := io.Reader(os.Stdin)
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer file.Close()
				in = file
			}
			return printReports(in, args[0], output, c.OutOrStdout())
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "text, or json: the unchanged reports")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"},
		cobra.ShellCompDirectiveNoFileComp))
	return c
}

// printReports prints reports as they come.
func printReports(in io.Reader, name, output string, stdout io.Writer) error {
	reader := report.NewReader(in)
	p := reportPrinter{out: bufio.NewWriter(stdout), flows: map[string]string{}}
	for {
		r, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return partialError{fmt.Errorf("%s: %w", cmp.Or(strings.TrimPrefix(name, "-"), "standard input"), err)}
		}
		if output == "json" {
			p.out.Write(r.Line)
			p.out.WriteByte('\n')
		} else {
			p.report(r)
		}
		if err := p.out.Flush(); err != nil {
			return outputError(err)
		}
	}
}

// reportPrinter prints reports for people. Their texts may hold anything, so line escapes unprintable characters.
type reportPrinter struct {
	out   *bufio.Writer     // keeps its first error
	flows map[string]string // by identifier: the name from a whole record
}

// Bounds of the flows that the printer can name in a delta, and of a name's characters.
const (
	maxNamed = 1 << 16
	maxName  = 400
)

func (p *reportPrinter) report(r *report.Report) {
	took := time.Duration(r.Period.EndMonotonic - min(r.Period.BeginMonotonic, r.Period.EndMonotonic))
	p.line("report %d of agent %s (weir %s), %s to %s (%s), mode %s", r.Sequence, r.Agent.ID, r.Agent.Version,
		toSecond(r.Period.Begin), toSecond(r.Period.End), took.Round(100*time.Millisecond).String(), r.Health.Mode)
	if r.IsLast {
		p.line("  the agent ended: it is the last one")
	}
	for i := range r.Health.Processes {
		process := &r.Health.Processes[i]
		p.line("  process %s: %s of CPU time, %s of memory", process.Name,
			(time.Duration(process.UserCPU+process.SystemCPU) * time.Microsecond).Round(time.Millisecond).String(),
			bytesText(process.Resident))
	}
	p.queues(r.Health.Queues)
	if c := r.Health.Clock; c != nil {
		p.clock(c)
	}
	if u := r.Health.Uplink; u != nil {
		p.uplink(u)
	}
	for i := range r.Interfaces {
		p.link(&r.Interfaces[i])
	}
	p.counters(r)
	p.total("applications", r.Totals.Applications)
	p.total("protocols", r.Totals.Protocols)
	p.total("categories", r.Totals.Categories)
	for i := range r.Devices {
		p.device(&r.Devices[i])
	}
	for i := range r.Flows {
		p.flow(&r.Flows[i])
	}
}

// uplink prints what waits for the sink, and what is lost.
func (p *reportPrinter) uplink(u *report.UplinkReading) {
	text := fmt.Sprintf("%d reports wait for the sink, %s", u.Queued, bytesText(u.SpoolBytes))
	if u.Refused > 0 {
		text += fmt.Sprintf("; %d refused", u.Refused)
	}
	p.line("  uplink: %s", text)
	for _, l := range u.Lost {
		p.line("  %d reports are lost, of %d to %d of epoch %s", l.Count, l.First, l.Last, l.Epoch)
	}
}

// line prints a line, with unprintable characters escaped.
func (p *reportPrinter) line(format string, values ...any) {
	for i, v := range values {
		if text, ok := v.(string); ok {
			values[i] = control.Printable(text)
		}
	}
	fmt.Fprintf(p.out, format+"\n", values...)
}

// toSecond cuts a time's fraction.
func toSecond(text string) string {
	if whole, _, ok := strings.Cut(text, "."); ok {
		return whole + "Z"
	}
	return text
}

func (p *reportPrinter) link(l *report.InterfaceReading) {
	name := l.Name
	if l.Role != "" {
		name += " (" + l.Role + ")"
	}
	text := fmt.Sprintf("received %d packets, %s; sent %d packets, %s", l.Received.Packets,
		bytesText(l.Received.Bytes), l.Sent.Packets, bytesText(l.Sent.Bytes))
	for _, n := range []struct {
		count uint64
		what  string
	}{{l.Received.Dropped + l.Sent.Dropped, "dropped"}, {l.Received.Missed, "missed"},
		{l.Received.Errors + l.Sent.Errors, "with errors"}} {
		if n.count > 0 {
			text += fmt.Sprintf("; %d %s", n.count, n.what)
		}
	}
	p.line("  interface %s: %s", name, text)
	if len(l.Networks) > 0 {
		p.line("    networks %s", strings.Join(l.Networks, ", "))
	}
	p.traffic("received", l.Received.Traffic)
	p.traffic("sent", l.Sent.Traffic)
}

// traffic prints what weir counted of an interface one way.
func (p *reportPrinter) traffic(way string, t *report.TrafficReading) {
	if t == nil || t.Largest == 0 { // unknown, or nothing came
		return
	}
	var texts []string
	for _, n := range []struct {
		count uint64
		what  string
	}{{t.TCP, "TCP"}, {t.UDP, "UDP"}, {t.ICMP, "ICMP"}, {t.Other, "other protocols"}, {t.NotIP, "not IP"},
		{t.Fragments, "fragments"}} {
		if n.count > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", n.count, n.what))
		}
	}
	p.line("    %s IPv4 %d packets, %s; IPv6 %d packets, %s; %s; at most %d bytes", way, t.IPv4.Packets,
		bytesText(t.IPv4.Bytes), t.IPv6.Packets, bytesText(t.IPv6.Bytes), strings.Join(texts, ", "), t.Largest)
}

// counters prints the counters that deserve attention.
func (p *reportPrinter) counters(r *report.Report) {
	for _, moved := range r.Health.Counters {
		reading := metric.Reading{Name: moved.Name, Cause: moved.Cause}
		switch _, c, ok := reading.Find(); {
		case !ok:
			p.line("  %d of %s %s, which this weir does not know", moved.More, moved.Name, moved.Cause)
		case c.Class != metric.Traffic:
			p.line("  %d %s", moved.More, c.Help)
		}
	}
}

// total prints the largest rows.
func (p *reportPrinter) total(what string, rows []report.Total) {
	const most = 5
	sum := func(t *report.Total) uint64 { return t.ClientBytes + t.ServerBytes }
	slices.SortStableFunc(rows, func(a, b report.Total) int { return cmp.Compare(sum(&b), sum(&a)) })
	var texts []string
	for i := range rows[:min(len(rows), most)] {
		row := &rows[i]
		name := cmp.Or(row.Name, "(none)")
		if row.IsOther {
			name = "(other)"
		}
		texts = append(texts, fmt.Sprintf("%s %s in %d flows", name, bytesText(sum(row)), row.Flows))
	}
	if more := len(rows) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("%d more", more))
	}
	if len(texts) > 0 {
		p.line("  %s: %s", what, strings.Join(texts, ", "))
	}
}

func (p *reportPrinter) device(d *report.DeviceReading) {
	var texts []string
	for _, text := range []string{d.MAC, d.Vendor, d.Interface} {
		if text != "" {
			texts = append(texts, text)
		}
	}
	for _, n := range d.Names {
		texts = append(texts, n.Name)
	}
	for _, a := range d.Addresses {
		texts = append(texts, a.IP)
	}
	p.line("  device %s", strings.Join(texts, ", "))
}

func (p *reportPrinter) flow(f *report.FlowReading) {
	name := p.name(f)
	what := "goes on"
	switch {
	case f.State == "end":
		what = "ended: " + cmp.Or(f.EndReason, "unknown")
		delete(p.flows, f.ID)
	case f.IsWhole():
		what = "new here"
	}
	p.line("  flow %s: %d packets, %s; %s", name, f.Client.Packets+f.Server.Packets,
		bytesText(f.Client.Bytes+f.Server.Bytes), what)
}

// name returns a flow's name from its record, which may be in an earlier report.
func (p *reportPrinter) name(f *report.FlowReading) string {
	if !f.IsWhole() {
		return cmp.Or(p.flows[f.ID], f.ID)
	}
	texts := []string{f.IPProto, readingText(&f.Client), "to", readingText(&f.Server)}
	for _, text := range []string{f.Protocol, f.Application, f.Hostname} {
		if text != "" {
			texts = append(texts, text)
		}
	}
	name := cutEnd(strings.Join(texts, " "), maxName)
	if len(p.flows) >= maxNamed {
		clear(p.flows)
	}
	if len(f.ID) == len(record.Flow{}.ID) {
		p.flows[f.ID] = name
	}
	return name
}

func readingText(e *report.EndReading) string {
	switch {
	case e.Port == 0:
		return e.IP
	case strings.Contains(e.IP, ":"):
		return fmt.Sprintf("[%s]:%d", e.IP, e.Port)
	}
	return fmt.Sprintf("%s:%d", e.IP, e.Port)
}
