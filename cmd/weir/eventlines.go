// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weirnet/weir/internal/match"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// eventTaker takes records of other types than flow; each is valid during the call.
type eventTaker interface {
	event(*record.Event) error
	stats(*record.Stats) error
}

// eventMarks are the beginnings of lines with events and stats, as weir writes them.
var eventMarks = [...][]byte{[]byte(`"type":"dns"`), []byte(`"type":"http"`), []byte(`"type":"tls"`)}

// takeEvent passes on a line that is an event or a stats record, and reports whether it is one. to may take none.
func takeEvent(line []byte, to flowTaker) (isOne bool, err error) {
	taker, ok := to.(eventTaker)
	if !ok {
		return false, nil
	}
	head := line[:min(len(line), 32)]
	for _, mark := range eventMarks {
		if bytes.Contains(head, mark) {
			var e record.Event
			if err := e.Read(line); err != nil {
				return true, err
			}
			return true, taker.event(&e)
		}
	}
	if bytes.Contains(head, []byte(`"type":"stats"`)) {
		var s record.Stats
		if err := s.Read(line); err != nil {
			return true, err
		}
		return true, taker.stats(&s)
	}
	return false, nil
}

// checkTypes reads --types.
func (o *flowsOptions) checkTypes() (err error) {
	if o.kinds, err = record.ParseTypes(o.types); err != nil {
		return fmt.Errorf("--types %w", err)
	}
	if o.kinds == 0 {
		o.kinds = record.TypeFlow
	}
	if o.kinds&record.TypeEvents != 0 {
		if err := match.CheckEvents(o.expr); err != nil {
			return fmt.Errorf("--types %s: %w", strings.Join(o.types, ","), err)
		}
	}
	if o.kinds != record.TypeFlow && o.output == "csv" {
		return errors.New("--output csv is for flows only: use ndjson or fields for other --types")
	}
	return nil
}

// event passes on an event that the filter selects. --last counts flows only.
func (c *chosenFlows) event(e *record.Event) error {
	taker, ok := c.show.(eventTaker)
	if !ok {
		return nil
	}
	var f record.Flow
	e.AsFlow(&f)
	if !c.selects(&f) {
		return nil
	}
	return taker.event(e)
}

func (c *chosenFlows) stats(s *record.Stats) error {
	if taker, ok := c.show.(eventTaker); ok {
		return taker.stats(s)
	}
	return nil
}

func (f *failing) event(e *record.Event) error {
	if taker, ok := f.flowTaker.(eventTaker); ok {
		f.err = taker.event(e)
	}
	return f.err
}

func (f *failing) stats(s *record.Stats) error {
	if taker, ok := f.flowTaker.(eventTaker); ok {
		f.err = taker.stats(s)
	}
	return f.err
}

// event writes an event's line.
func (l *flowLines) event(e *record.Event) error {
	if l.kinds&e.Type == 0 {
		return nil
	}
	l.begin()
	switch {
	case len(l.fields) > 0:
		l.buf = l.appendFieldsOf(e.AppendJSON(nil), l.buf)
	case l.isForPeople:
		l.buf = l.appendEvent(e, l.buf)
	default:
		l.buf = e.AppendJSON(l.buf)
	}
	return l.write()
}

// stats writes a stats record's line.
func (l *flowLines) stats(s *record.Stats) error {
	if l.kinds&record.TypeStats == 0 {
		return nil
	}
	l.begin()
	switch {
	case len(l.fields) > 0:
		l.buf = l.appendFieldsOf(s.AppendJSON(nil), l.buf)
	case l.isForPeople:
		l.buf = appendStats(s, l.buf)
	default:
		l.buf = s.AppendJSON(l.buf)
	}
	return l.write()
}

// appendEvent appends a line of words: time, type, ends, what they said, and the flow's id.
func (l *flowLines) appendEvent(e *record.Event, b []byte) []byte {
	b = time.Unix(0, e.Time).AppendFormat(b, "15:04:05.000")
	b = fmt.Appendf(b, " %s %s %s > %s", e.Type, packet.ProtoName(e.Proto), l.end(&e.Client), l.end(&e.Server))
	words := func(words ...string) {
		for _, w := range words {
			if w = printable([]byte(w)); w != "" {
				b = append(append(b, ' '), w...)
			}
		}
	}
	switch e.Type {
	case record.TypeDNS:
		d, err := record.ReadContent[record.DNS](e)
		if err != nil {
			break
		}
		words(d.RRType, d.Name, d.RCode)
		if d.Type == "query" {
			words("?")
		}
		for _, a := range d.Answers {
			words(a.Data)
		}
		words(duration(d.RTT))
	case record.TypeHTTP:
		h, err := record.ReadContent[record.HTTP](e)
		if err != nil {
			break
		}
		words(h.Method, h.Hostname, h.URL)
		if h.Status != 0 {
			words(fmt.Sprint(h.Status))
		}
		words(h.ContentType)
		if h.Length != nil {
			words(short(*h.Length))
		}
		words(duration(h.Response))
	case record.TypeTLS:
		t, err := record.ReadContent[record.TLS](e)
		if err != nil {
			break
		}
		words(t.Version, t.SNI, t.ALPNSelected, t.JA4, t.Subject)
	}
	return fmt.Appendf(b, " #%s", e.Flow[:idShown])
}

// duration returns microseconds as text, "" if they are unknown.
func duration(us *int64) string {
	if us == nil {
		return ""
	}
	return (time.Duration(*us) * time.Microsecond).Round(10 * time.Microsecond).String()
}

// appendStats appends a line of words.
func appendStats(s *record.Stats, b []byte) []byte {
	b = s.Time.Local().AppendFormat(b, "15:04:05.000")
	b = fmt.Appendf(b, " stats %.1fs %d packets %s %d flows", s.Seconds, s.Packets, short(s.Bytes), s.Flows)
	for _, p := range s.Processes {
		b = fmt.Appendf(b, " %s %.1f%%", printable([]byte(p.Name)),
			float64(p.UserCPU+p.SystemCPU)/1e4/max(s.Seconds, 0.001))
		if p.Resident > 0 {
			b = append(append(b, ' '), short(p.Resident)...)
		}
	}
	return b
}

// selectedEvents passes the events of a capture on to whoever shows its flows.
func selectedEvents(show flowTaker) func(*record.Event) error {
	taker, ok := show.(eventTaker)
	if !ok {
		return nil
	}
	return taker.event
}
