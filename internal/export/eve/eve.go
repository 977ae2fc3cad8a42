// SPDX-License-Identifier: Apache-2.0

// Package eve is the output that writes a file as Suricata's EVE output does, so that what reads eve.json reads it:
// events flow, dns, http, tls and stats. What Suricata has no member for is in the member "weir".
package eve

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"github.com/weirnet/weir/internal/export"
	"github.com/weirnet/weir/internal/export/file"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// Kind is the kind of this output.
var Kind = &export.Kind{Name: "eve", Schemes: []string{"eve"},
	Example: "eve:///var/log/weir/eve.json?types=flow,dns,tls&keep=5",
	Parse: func(u *url.URL, p *export.Parameters) (*export.Made, error) {
		return file.Make(u, p, func(_ *export.Environment, l *file.Lines) (export.Output, error) {
			return &output{lines: l}, nil
		})
	}}

type output struct {
	lines   *file.Lines
	written []int // of the batch, the records that became a line: their places, plus one
}

// Write implements export.Output. A record that is no event of Suricata's, such as that of a live flow, counts as
// written.
func (o *output) Write(_ context.Context, records []*export.Record) error {
	o.lines.Begin()
	o.written = o.written[:0]
	for i, r := range records {
		line, ok := Append(o.lines.Buffer(), r)
		if ok {
			o.lines.Set(line)
			o.written = append(o.written, i+1)
		}
	}
	done, err := o.lines.End()
	if err != nil {
		if done > 0 {
			done = o.written[done-1]
		}
		return export.Retry(done, err)
	}
	return nil
}

// Reopen implements export.Reopener.
func (o *output) Reopen() { o.lines.Reopen() }

// Close implements export.Output.
func (o *output) Close() error { return o.lines.Close() }

// Append appends a record as an event, without a line's end. It reports false for records that are no event.
func Append(b []byte, r *export.Record) ([]byte, bool) {
	switch r.Type {
	case "flow":
		if r.Flow.State != record.StateEnd {
			return b, false
		}
		return appendFlow(b, r.Flow), true
	case "dns", "http", "tls":
		return appendEvent(b, r)
	case "stats":
		return appendStats(b, r)
	}
	return b, false
}

// head is what all events of a flow begin with.
type head struct {
	at             int64
	flow           *[32]byte
	kind           string
	iface          string
	client, server *record.Endpoint
	proto          uint8
}

func (h *head) append(b []byte) []byte {
	b = appendTime(append(b, `{"timestamp":`...), h.at)
	b = strconv.AppendUint(append(b, `,"flow_id":`...), flowID(h.flow), 10)
	if h.iface != "" {
		b = record.AppendText(append(b, `,"in_iface":`...), h.iface)
	}
	b = append(append(append(b, `,"event_type":"`...), h.kind...), '"')
	b = appendEnd(b, "src", h.client)
	b = appendEnd(b, "dest", h.server)
	return append(append(append(b, `,"proto":"`...), proto(h.proto)...), '"')
}

// appendTime appends a time as Suricata does: microseconds, and a zone without a colon.
func appendTime(b []byte, ns int64) []byte {
	return time.Unix(0, ns).UTC().AppendFormat(b, `"2006-01-02T15:04:05.000000-0700"`)
}

func appendEnd(b []byte, name string, e *record.Endpoint) []byte {
	b = append(append(append(b, `,"`...), name...), `_ip":"`...)
	b = append(e.Addr.Addr().AppendTo(b), '"')
	if port := e.Addr.Port(); port != 0 {
		b = append(append(append(b, `,"`...), name...), `_port":`...)
		b = strconv.AppendUint(b, uint64(port), 10)
	}
	return b
}

// flowID is the number of a flow's id: its first 52 bits, so that programs that read numbers as floating point keep
// all of it.
func flowID(id *[32]byte) (n uint64) {
	for _, c := range id[:13] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		default:
			c = 0
		}
		n = n<<4 | uint64(c)
	}
	return n
}

// protos are names of IANA's registry as Suricata writes them.
var protos = map[uint8]string{packet.ProtoTCP: "TCP", packet.ProtoUDP: "UDP", packet.ProtoSCTP: "SCTP",
	packet.ProtoICMP: "ICMP", packet.ProtoICMPv6: "IPv6-ICMP", 2: "IGMP", 47: "GRE", 50: "ESP", 51: "AH", 89: "OSPFIGP"}

// proto names an IP protocol; without a name, Suricata writes the number with three digits.
func proto(p uint8) string {
	if name, ok := protos[p]; ok {
		return name
	}
	n := strconv.Itoa(int(p))
	return "000"[:3-len(n)] + n
}

// reasons are Suricata's words: it keeps a closed flow until its timeout, so a flow that ended by itself
// timed out.
var reasons = map[record.EndReason]string{record.EndClosed: "timeout", record.EndReset: "timeout",
	record.EndIdle: "timeout", record.EndEvicted: "forced", record.EndShutdown: "shutdown"}

func state(f *record.Flow) string {
	switch {
	case f.EndReason == record.EndClosed || f.EndReason == record.EndReset:
		return "closed"
	case f.Client.Packets > 0 && f.Server.Packets > 0:
		return "established"
	}
	return "new"
}

func appendFlow(b []byte, f *record.Flow) []byte {
	h := head{at: f.LastSeen, flow: &f.ID, kind: "flow", iface: f.Interface, client: &f.Client, server: &f.Server,
		proto: f.Proto}
	b = h.append(b)
	b = f.AppendVLANs(b)
	if f.Proto == packet.ProtoICMP || f.Proto == packet.ProtoICMPv6 {
		b = strconv.AppendUint(append(b, `,"icmp_type":`...), uint64(f.ICMPType), 10)
		b = strconv.AppendUint(append(b, `,"icmp_code":`...), uint64(f.ICMPCode), 10)
	}
	name := f.Protocol
	if name == "" {
		name = "failed"
	}
	b = record.AppendText(append(b, `,"app_proto":`...), name)
	if len(f.CommunityID) > 0 {
		b = record.AppendText(append(b, `,"community_id":`...), f.CommunityID)
	}
	b = strconv.AppendUint(append(b, `,"flow":{"pkts_toserver":`...), f.Client.Packets, 10)
	b = strconv.AppendUint(append(b, `,"pkts_toclient":`...), f.Server.Packets, 10)
	b = strconv.AppendUint(append(b, `,"bytes_toserver":`...), f.Client.Bytes, 10)
	b = strconv.AppendUint(append(b, `,"bytes_toclient":`...), f.Server.Bytes, 10)
	b = appendTime(append(b, `,"start":`...), f.FirstSeen)
	b = appendTime(append(b, `,"end":`...), f.LastSeen)
	age := max(f.LastSeen-f.FirstSeen, 0) / int64(time.Second)
	b = strconv.AppendInt(append(b, `,"age":`...), age, 10)
	b = append(append(b, `,"state":"`...), state(f)...)
	reason, ok := reasons[f.EndReason]
	if !ok {
		reason = "unknown"
	}
	b = append(append(append(b, `","reason":"`...), reason...), `","alerted":false},"weir":`...)
	return append(f.AppendJSON(b), '}')
}

// appendEvent appends an event record, whose content has mostly Suricata's names.
func appendEvent(b []byte, r *export.Record) ([]byte, bool) {
	var e record.Event
	if err := e.Read(r.Line); err != nil {
		return b, false
	}
	content, err := content(&e, r.Type)
	if err != nil {
		return b, false
	}
	h := head{at: e.Time, flow: &e.Flow, kind: r.Type, iface: e.Interface, client: &e.Client, server: &e.Server,
		proto: e.Proto}
	b = append(append(append(h.append(b), `,"`...), r.Type...), `":`...)
	b = append(append(b, content...), `,"weir":`...)
	return append(append(b, r.Line...), '}'), true
}

// statistics are what an event of type stats has in common with Suricata's.
type statistics struct {
	Time    time.Time `json:"time"`
	Seconds float64   `json:"seconds"`
}

func appendStats(b []byte, r *export.Record) ([]byte, bool) {
	var s statistics
	if err := json.Unmarshal(r.Line, &s); err != nil || s.Time.IsZero() || bytes.ContainsRune(r.Line, '\n') {
		return b, false
	}
	b = appendTime(append(b, `{"timestamp":`...), s.Time.UnixNano())
	b = append(b, `,"event_type":"stats","stats":{},"weir":`...)
	return append(append(b, r.Line...), '}'), true
}
