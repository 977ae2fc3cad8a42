// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
)

// tableWriter writes a line per flow for people, and then a summary by application and by protocol. With flows false it
// writes only the summary.
type tableWriter struct {
	out   *bufio.Writer
	width int // of the terminal, 0: unbounded
	flows bool
	live  bool // the caller reports the capture's totals

	rows   [][columns]string // held back until the widths are known
	widths widths

	totals tally.Totals
}

// heldRows bounds the rows that decide the columns' widths, before the first is written.
const heldRows = 500

var tableHeader = [columns]string{"proto", "client", "server", "direction", "protocol", "application", "bytes", "host"}

func (w *tableWriter) flow(f *record.Flow) error {
	if f.State != record.StateEnd {
		return nil // its sums come with its end
	}
	if w.totals.Applications == nil {
		w.totals.Applications, w.totals.Protocols = tally.NewNames(tally.MaxNames), tally.NewNames(tally.MaxNames)
	}
	w.totals.Add(f)
	if !w.flows {
		return nil
	}
	protocol, application := what(f)
	direction := f.Direction.String()
	if f.Client.Side == record.SideUnknown { // only what the addresses show
		direction = ""
	}
	row := [columns]string{packet.ProtoName(f.Proto), endText(f.Client), endText(f.Server), direction, protocol,
		application,
		bytesText(f.Client.Bytes + f.Server.Bytes), printable(f.Hostname)}
	if w.widths != (widths{}) {
		return w.row(row)
	}
	if w.rows = append(w.rows, row); len(w.rows) == heldRows {
		return w.release()
	}
	return nil
}

// release writes the rows held back, under their header, if any.
func (w *tableWriter) release() error {
	if len(w.rows) == 0 {
		return nil
	}
	header := tableHeader
	if !slices.ContainsFunc(w.rows, func(row [columns]string) bool { return row[directionColumn] != "" }) {
		header[directionColumn] = ""
	}
	w.rows = slices.Insert(w.rows, 0, header)
	w.widths = fit(w.rows, w.width, w.live || len(w.rows) > heldRows)
	for _, row := range w.rows {
		if err := w.row(row); err != nil {
			return err
		}
	}
	w.rows = nil
	return nil
}

// row writes a row: cut to the terminal, whole elsewhere.
func (w *tableWriter) row(row [columns]string) error {
	if w.width == 0 && w.widths[directionColumn] == 0 {
		row[directionColumn] = "" // unknown before
	}
	_, err := fmt.Fprintln(w.out, w.widths.line(row, w.width == 0))
	return err
}

// printable returns text of the wire for a terminal, with unprintable bytes escaped.
func printable(text []byte) string {
	if !utf8.Valid(text) || bytes.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		quoted := strconv.QuoteToASCII(string(text))
		return quoted[1 : len(quoted)-1]
	}
	return string(text)
}

func endText(e record.Endpoint) string {
	if e.Addr.Port() == 0 {
		return e.Addr.Addr().String()
	}
	return e.Addr.String()
}

func (w *tableWriter) end(t *engine.Totals, elapsed time.Duration) error {
	if err := w.release(); err != nil {
		return err
	}
	if w.widths != (widths{}) {
		fmt.Fprintln(w.out)
	}
	w.sums("application", w.totals.Applications)
	w.sums("protocol", w.totals.Protocols)
	if w.live {
		return nil
	}
	seconds := max(elapsed.Seconds(), 1e-9)
	fmt.Fprintf(w.out, "%d frames, %s, %d flows in %.2f s: %.2f M packets/s, %.2f Gbit/s\n", t.Frames,
		bytesText(t.Counters.Bytes),
		t.Flows.Created, seconds, float64(t.Frames)/seconds/1e6, float64(t.Counters.Bytes)*8/seconds/1e9)
	var counters metric.Snapshot
	t.Collect(&counters)
	for c, n := range counters.Happened(metric.Notice) {
		fmt.Fprintf(w.out, "  %d %s\n", n, c.Help)
	}
	return nil
}

// sums writes a table of one kind of total, the most bytes first.
func (w *tableWriter) sums(title string, names *tally.Names) {
	all := slices.SortedFunc(names.All(), func(a, b *tally.Row) int {
		return cmp.Or(cmp.Compare(b.Total.Sum(), a.Total.Sum()), cmp.Compare(a.Name, b.Name))
	})
	const wide = 28
	fmt.Fprintf(w.out, "%-*s %9s %11s %9s\n", wide, title, "flows", "packets", "bytes")
	for _, s := range all {
		fmt.Fprintf(w.out, "%-*s %9d %11d %9s\n", wide, cutEnd(s.Name, wide), s.Flows, s.Total.Packets,
			bytesText(s.Total.Sum()))
	}
	fmt.Fprintln(w.out)
}

// bytesText formats a number of bytes with an SI prefix and three digits.
func bytesText(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), 0
	for v >= 999.5 && unit < 5 {
		v /= 1000
		unit++
	}
	digits := 0
	if v < 9.995 {
		digits = 2
	} else if v < 99.95 {
		digits = 1
	}
	return fmt.Sprintf("%.*f %cB", digits, v, " kMGTP"[unit])
}
