// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// flowLines writes a line for each event of a flow.
type flowLines struct {
	out         *bufio.Writer
	width       int // of the terminal, 0: unbounded
	line        func(*record.Flow, []byte) []byte
	header      func() string // nil: none
	hasBegun    bool
	isForPeople bool // tells what matters only
	isLive      bool // flush each line
	colour      bool
	fields      []string
	kinds       record.Types // to show
	// names returns the name of the device with an address, "" if unknown; nil: addresses only.
	names  func(netip.Addr) string
	growth growth
	buf    []byte
}

func newFlowLines(o *flowsOptions, stdout io.Writer, names func(netip.Addr) string) *flowLines {
	l := &flowLines{out: bufio.NewWriterSize(stdout, 64<<10), names: names, fields: o.fields, isLive: o.follow,
		growth: growth{}, kinds: cmp.Or(o.kinds, record.TypeFlow)}
	switch o.output {
	case "ndjson":
		l.line = (*record.Flow).AppendJSON
	case "csv":
		l.line = (*record.Flow).AppendCSV
		l.header = func() string { return record.CSVHeader }
	case "fields":
		l.line = l.appendFields
	case "compact":
		l.line, l.isForPeople = l.appendCompact, true
	case "table":
		l.line, l.isForPeople = l.appendRow, true
		l.header = func() string { return tableRow(flowsHeader, [cells]string{}, l.width) }
	}
	l.setWidth(terminalWidth(stdout))
	return l
}

// setWidth sets the terminal's width; 0: no terminal.
func (l *flowLines) setWidth(width int) {
	l.width = width
	l.colour = width > 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// flow writes a record's line, unless it is for people and tells too little.
func (l *flowLines) flow(f *record.Flow) error {
	if l.kinds&record.TypeFlow == 0 || l.isForPeople && !l.growth.isWorthALine(f) {
		return nil
	}
	l.begin()
	l.buf = l.line(f, l.buf)
	return l.write()
}

// begin begins a line in buf; before the first one the header.
func (l *flowLines) begin() {
	l.buf = l.buf[:0]
	if !l.hasBegun && l.header != nil {
		l.buf = append(append(l.buf, l.header()...), '\n')
	}
	l.hasBegun = true
}

// write writes the line in buf.
func (l *flowLines) write() error {
	l.buf = append(l.buf, '\n')
	if _, err := l.out.Write(l.buf); err != nil || !l.isLive {
		return err
	}
	return l.out.Flush()
}

func (l *flowLines) flush() error { return outputError(l.out.Flush()) }

// growth says which records of a flow that goes on are worth a line: those that name it anew, or in which it has grown
// to twice what the last line showed, and by 100 kB.
type growth map[[32]byte]shownFlow

// shownFlow is what the last line of a flow showed.
type shownFlow struct {
	bytes                 uint64
	protocol, application string
}

// maxGrowing bounds the flows whose growth is known; the others are shown at each of their records.
const maxGrowing = 1 << 16

func (g growth) isWorthALine(f *record.Flow) bool {
	const least = 100_000
	now := shownFlow{f.Client.Bytes + f.Server.Bytes, f.Protocol, f.Application}
	shown, isKnown := g[f.ID]
	if f.State == record.StateEnd {
		delete(g, f.ID)
		return true
	}
	if isKnown && now.protocol == shown.protocol && now.application == shown.application &&
		now.bytes < max(2*shown.bytes, shown.bytes+least) {
		return false
	}
	if len(g) >= maxGrowing && !isKnown {
		clear(g)
	}
	g[f.ID] = now
	return true
}

// marks are those of a line: named, grown, ended.
var marks = map[record.State]string{record.StateNew: "+", record.StateUpdate: "~", record.StateEnd: "-"}

// SGR sequences of ECMA-48.
const (
	plain  = "\x1b[0m"
	dim    = "\x1b[2m"
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
)

var markColours = map[record.State]string{record.StateNew: green, record.StateUpdate: yellow, record.StateEnd: dim}

// what returns the flow's names: protocol and application, with ? at a guess.
func what(f *record.Flow) (protocol, application string) {
	protocol, application = f.Protocol, f.Application
	if f.Method.IsGuess() {
		protocol += "?" // marks a guess
	}
	if f.ApplicationMethod.IsGuess() {
		application += "?"
	}
	return protocol, application
}

// eventTime returns when what a record tells was seen: a new flow's begin, else its last packet.
func eventTime(f *record.Flow) time.Time {
	if f.State == record.StateNew {
		return time.Unix(0, f.FirstSeen)
	}
	return time.Unix(0, f.LastSeen)
}

// appendCompact appends a line of words: time, mark, ends, names, bytes of each end, and the id.
func (l *flowLines) appendCompact(f *record.Flow, b []byte) []byte {
	protocol, application := what(f)
	b = eventTime(f).AppendFormat(b, "15:04:05.000")
	b = fmt.Appendf(b, " %s %s %s > %s", marks[f.State], packet.ProtoName(f.Proto), l.end(&f.Client), l.end(&f.Server))
	for _, word := range []string{protocol, application, printable(f.Hostname)} {
		if word != "" {
			b = append(append(b, ' '), word...)
		}
	}
	b = fmt.Appendf(b, " %s/%s", short(f.Client.Bytes), short(f.Server.Bytes))
	if f.State == record.StateEnd {
		b = fmt.Appendf(b, " %s %s", lasted(f), f.EndReason)
	}
	return fmt.Appendf(appendRisks(b, f), " #%s", f.ID[:idShown])
}

// appendRisks appends the risks, each with a !.
func appendRisks(b []byte, f *record.Flow) []byte {
	for i, r := range record.RiskList() {
		if f.Risks.Has(record.Risk(i)) {
			b = append(append(b, " !"...), r.Slug...)
		}
	}
	return b
}

func short(n uint64) string { return strings.ReplaceAll(bytesText(n), " ", "") }

// lasted returns how long a flow lasted, in three digits.
func lasted(f *record.Flow) string {
	d := time.Duration(f.LastSeen - f.FirstSeen)
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < 10*time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// end returns an end: the device's name if there is one, else the address, with the port.
func (l *flowLines) end(e *record.Endpoint) string {
	name := ""
	if l.names != nil && e.Side == record.SideLAN {
		name = l.names(e.Addr.Addr())
	}
	if name == "" {
		return endText(*e)
	}
	if e.Addr.Port() == 0 {
		return name
	}
	return fmt.Sprintf("%s:%d", name, e.Addr.Port())
}

// appendFields appends members of the record, with tabs between them.
func (l *flowLines) appendFields(f *record.Flow, b []byte) []byte {
	return l.appendFieldsOf(f.AppendJSON(nil), b)
}

// appendFieldsOf is appendFields for a record's JSON.
func (l *flowLines) appendFieldsOf(line, b []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	var all map[string]any
	_ = decoder.Decode(&all) // what AppendJSON wrote
	for i, path := range l.fields {
		if i > 0 {
			b = append(b, '\t')
		}
		b = append(b, fieldText(all, path)...)
	}
	return b
}

// fieldText returns the member at a path such as client.ip: "" if there is none; a list's elements with commas.
func fieldText(in any, path string) string {
	for _, name := range strings.Split(path, ".") {
		object, _ := in.(map[string]any)
		in = object[name]
	}
	switch value := in.(type) {
	case nil:
		return ""
	case []any:
		texts := make([]string, len(value))
		for i, v := range value {
			texts[i] = fmt.Sprint(v)
		}
		return strings.Join(texts, ",")
	case map[string]any:
		text, _ := json.Marshal(value) // of what was read
		return string(text)
	}
	return fmt.Sprint(in)
}

// deviceNames knows the names of the running weir's devices.
type deviceNames struct {
	socket string
	asked  time.Time
	names  map[netip.Addr]string
}

// askEvery is how old the names may be.
const askEvery = 10 * time.Second

func newDeviceNames(socket string) *deviceNames { return &deviceNames{socket: socket} }

// of returns the name of the device with an address, "" if unknown.
func (d *deviceNames) of(a netip.Addr) string {
	if now := time.Now(); now.Sub(d.asked) >= askEvery {
		d.asked = now
		d.ask()
	}
	return d.names[a]
}

// ask reads the names. Without an answer the old ones stay.
func (d *deviceNames) ask() {
	answer, err := control.Ask(d.socket, &control.Request{Hosts: true})
	if err != nil {
		return
	}
	var all []hosts.Host
	if json.Unmarshal(answer.Hosts, &all) != nil {
		return
	}
	d.names = map[netip.Addr]string{}
	for i := range all {
		if len(all[i].Names) == 0 {
			continue
		}
		for _, a := range all[i].Addresses {
			d.names[a.IP] = control.Printable(all[i].Names[0].Name)
		}
	}
}
