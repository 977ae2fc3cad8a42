// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/weirnet/weir/internal/sink/api"
	"github.com/weirnet/weir/internal/sink/store"
)

// print prints an answer as a table.
func (c Client) print(ctx context.Context, q *Query, body []byte, out io.Writer) error {
	switch q.Subject {
	case "top":
		return printAs(body, out, func(a *api.TopAnswer, t *table) {
			var names map[string]string
			switch a.By {
			case store.ByDevice:
				names = c.deviceNames(ctx)
			case store.ByAgent:
				names = c.agentNames(ctx)
			}
			printTop(a, names, t)
		})
	case "series":
		return printAs(body, out, printSeries)
	case "flows":
		return printAs(body, out, printFlows)
	case "devices":
		return printAs(body, out, func(a *api.DevicesAnswer, t *table) { printDevices(a, c.agentNames(ctx), t) })
	}
	return printAs(body, out, func(a *api.AgentsAnswer, t *table) { printAgents(a, c.agentNames(ctx), t) })
}

func printAs[T any](body []byte, out io.Writer, print func(*T, *table)) error {
	answer := new(T)
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("the sink's answer: %w", err)
	}
	t := &table{out: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	if print(answer, t); t.rows <= 1 { // the heading
		t.row("(nothing found; a longer time or a wider filter may find something)")
	}
	return t.out.Flush()
}

// table writes rows of cells.
type table struct {
	out  *tabwriter.Writer
	rows int
}

// row writes a row. Texts of the network lose what could move a terminal's cursor.
func (t *table) row(cells ...string) {
	t.rows++
	for i := range cells {
		cells[i] = clean(cells[i])
	}
	_, _ = fmt.Fprintln(t.out, strings.TrimRight(strings.Join(cells, "\t"), "\t "))
}

// note says that sums are not exact.
func (t *table) note(isApproximate bool) {
	if isApproximate {
		t.row("(approximate: of a part of the time only the largest of each hour are known)")
	}
}

func printTop(a *api.TopAnswer, names map[string]string, t *table) {
	heading := cmp.Or(strings.ToUpper(string(a.By)), "KEY")
	t.row(heading, "DOWN", "UP", "PACKETS", "FLOWS")
	for i := range a.Rows {
		key := cmp.Or(a.Rows[i].Key, "(none)")
		if name := names[a.Rows[i].Key]; name != "" {
			key += " " + name
		}
		t.sums(key, &a.Rows[i].Sums)
	}
	if a.Other != (store.Sums{}) {
		t.sums("(others)", &a.Other)
	}
	t.sums("(all)", &a.Total)
	t.note(a.Approximate)
}

func (t *table) sums(key string, s *store.Sums) {
	t.row(key, bytesText(s.DownBytes), bytesText(s.UpBytes), countText(s.Packets), countText(s.Flows))
}

func printSeries(a *api.SeriesAnswer, t *table) {
	cells := []string{"TIME"}
	points := 0
	for i := range a.Series.Series {
		line := &a.Series.Series[i]
		key := cmp.Or(line.Key, "(none)")
		switch {
		case line.IsOther:
			key = "(others)"
		case a.By == "":
			key = "BYTES"
		}
		cells = append(cells, key)
		points = max(points, len(line.UpBytes))
	}
	t.row(cells...)
	for p := range points {
		cells := []string{timeText(a.Start.Add(time.Duration(p*a.StepS) * time.Second))}
		for i := range a.Series.Series {
			line := &a.Series.Series[i]
			var n uint64
			if p < len(line.UpBytes) && p < len(line.DownBytes) {
				n = line.UpBytes[p] + line.DownBytes[p]
			}
			cells = append(cells, bytesText(n))
		}
		t.row(cells...)
	}
	t.note(a.Approximate)
}

// flow is what a table shows of a flow record.
type flow struct {
	Client      end    `json:"client"`
	Server      end    `json:"server"`
	Proto       string `json:"ip_proto"`
	Protocol    string `json:"protocol"`
	Application string `json:"application"`
	Hostname    string `json:"hostname"`
	State       string `json:"state"`
	LastSeen    string `json:"last_seen"`
}

type end struct {
	IP    string `json:"ip"`
	Port  uint16 `json:"port"`
	Bytes uint64 `json:"bytes"`
}

func printFlows(a *api.FlowsAnswer, t *table) {
	t.row("LAST SEEN", "CLIENT", "SERVER", "PORT", "APP", "PROTO", "SENT", "RECEIVED", "STATE")
	for i := range a.Rows {
		var f flow
		if json.Unmarshal(a.Rows[i].Record, &f) != nil {
			t.row("(unreadable record)", a.Rows[i].Agent)
			continue
		}
		seen := f.LastSeen
		if at, err := time.Parse(time.RFC3339Nano, f.LastSeen); err == nil {
			seen = timeText(at)
		}
		port := f.Proto
		if f.Server.Port != 0 {
			port += "/" + strconv.Itoa(int(f.Server.Port))
		}
		t.row(seen, f.Client.IP, cmp.Or(f.Hostname, f.Server.IP), port, cmp.Or(f.Application, "-"),
			cmp.Or(f.Protocol, "-"), bytesText(f.Client.Bytes), bytesText(f.Server.Bytes), f.State)
	}
	if a.Next != "" {
		t.row("(there are more: limit takes up to 1000, from and to select others)")
	}
}

func printDevices(a *api.DevicesAnswer, agents map[string]string, t *table) {
	t.row("DEVICE", "NAME", "DOWN", "UP", "FLOWS", "APPS", "AGENT")
	for i := range a.Rows {
		d := &a.Rows[i]
		t.row(d.Device, cmp.Or(deviceName(d.Record), "-"), bytesText(d.DownBytes), bytesText(d.UpBytes),
			countText(d.Flows), countText(d.Applications), cmp.Or(agents[d.Agent], d.Agent))
	}
	if a.Total > len(a.Rows) {
		t.row(fmt.Sprintf("(%d more)", a.Total-len(a.Rows)))
	}
}

// deviceName returns the best name that a device has for itself.
func deviceName(record json.RawMessage) string {
	var d struct {
		Names []struct {
			Name string `json:"name"`
		} `json:"names"`
	}
	if json.Unmarshal(record, &d) != nil || len(d.Names) == 0 {
		return ""
	}
	return d.Names[0].Name
}

func printAgents(a *api.AgentsAnswer, names map[string]string, t *table) {
	t.row("AGENT", "NAME", "VERSION", "MODE", "LAST REPORT", "MISSING", "DROPS")
	for i := range a.Rows {
		g := &a.Rows[i]
		t.row(g.Agent, cmp.Or(names[g.Agent], "-"), g.Version, g.Mode, ageText(a.Now.Sub(g.Received)),
			countText(g.Missing), countText(g.Drops))
	}
}

// clean escapes what a terminal would not print as it is.
func clean(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func timeText(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// ageText returns a time span for people: the largest unit that fits.
func ageText(d time.Duration) string {
	switch {
	case d < time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", d/time.Hour)
	}
	return fmt.Sprintf("%d days ago", d/(24*time.Hour))
}

// bytesText returns a number of bytes with three digits and a unit of powers of 1,000.
func bytesText(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10) + " B"
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB", "PB", "EB"} {
		if value /= 1000; value < 999.5 {
			break
		}
	}
	digits := 0
	switch {
	case value < 9.995:
		digits = 2
	case value < 99.95:
		digits = 1
	}
	return strconv.FormatFloat(value, 'f', digits, 64) + " " + unit
}

// countText returns a number with commas between groups of digits.
func countText(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
