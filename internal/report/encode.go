// SPDX-License-Identifier: Apache-2.0

package report

import (
	_ "embed"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// Schema is the JSON Schema (2020-12) of a report. It refers to record.Schema by its "$id".
//
//go:embed schema.json
var Schema []byte

// append makes the report of the interval that ends now.
func (r *Reporter) append(s *State) {
	b := append(reuse(r.out), `{"type":"report","schema":`...)
	b = strconv.AppendInt(b, SchemaVersion, 10)
	b = appendID(append(b, `,"agent":{"id":`...), r.config.Agent)
	b = append(record.AppendText(append(b, `,"version":`...), r.config.Version), '}')
	b = appendID(append(b, `,"epoch":`...), r.config.Epoch)
	b = strconv.AppendUint(append(b, `,"sequence":`...), r.sequence, 10)
	b = r.appendPeriod(b, s.At)
	if s.IsLast {
		b = append(b, `,"last":true`...)
	}
	b = r.appendHealth(b, s)
	b = r.appendInterfaces(b, s.Interfaces)
	b = r.totals.append(b)
	b = append(b, `,"devices":[`...)
	for _, d := range s.Devices {
		b = append(d.AppendJSON(b), ',')
	}
	b = append(record.EndList(b), `,"flows":[`...)
	for _, f := range r.segments {
		b = append(append(b, r.flows[f.start:f.end]...), ',')
	}
	r.out = append(record.EndList(b), "}\n"...)
}

func (r *Reporter) appendPeriod(b []byte, end Instant) []byte {
	b = record.AppendTime(append(b, `,"period":{"begin":"`...), r.begin.Wall)
	b = record.AppendTime(append(b, `","end":"`...), end.Wall)
	b = appendNumber(append(b, '"'), "begin_monotonic_ns", uint64(r.begin.Monotonic))
	b = appendNumber(b, "end_monotonic_ns", uint64(end.Monotonic))
	if r.bootID != "" {
		b = record.AppendText(append(b, `,"boot_id":`...), r.bootID)
	}
	return append(b, '}')
}

func (r *Reporter) appendHealth(b []byte, s *State) []byte {
	b = record.AppendText(append(b, `,"health":{"mode":`...), s.Mode)
	b = appendNumber(b, "uptime_ms", milliseconds(s.Uptime))
	if s.Goroutines > 0 {
		b = appendNumber(b, "goroutines", uint64(s.Goroutines))
	}
	b = append(b, `,"processes":[`...)
	for _, p := range s.Processes {
		before := r.processes[p.Name]
		r.processes[p.Name] = p
		b = record.AppendText(append(b, `{"name":`...), p.Name)
		b = appendNumber(b, "user_cpu_us", uint64(max(p.UserTime-before.UserTime, 0).Microseconds()))
		b = appendNumber(b, "system_cpu_us", uint64(max(p.SystemTime-before.SystemTime, 0).Microseconds()))
		b = appendPositive(b, "resident_bytes", p.Resident)
		b = append(appendPositive(b, "peak_resident_bytes", p.PeakResident), `},`...)
	}
	b = append(record.EndList(b), `,"counters":[`...)
	for id, c := range metric.All() {
		more := grown(s.Counters[id], r.counters[id])
		if more == 0 {
			continue
		}
		b = record.AppendText(append(b, `{"name":`...), c.Name)
		if c.Cause != "" {
			b = record.AppendText(append(b, `,"cause":`...), c.Cause)
		}
		b = append(appendNumber(b, "more", more), `},`...)
	}
	r.counters = s.Counters
	b = appendQueues(record.EndList(b), s.Queues)
	if s.Clock != nil {
		b = s.Clock.append(b, &r.clock)
		r.clock = *s.Clock
	}
	if s.Uplink != nil {
		b = s.Uplink.append(append(b, `,"uplink":{`...))
	}
	return append(b, '}')
}

// append appends the uplink's state, after its opening brace.
func (u *Uplink) append(b []byte) []byte {
	b = strconv.AppendUint(append(b, `"queued":`...), u.Queued, 10)
	b = appendNumber(b, "spool_bytes", u.SpoolBytes)
	b = appendPositive(b, "refused", u.Refused)
	if len(u.Lost) > 0 {
		b = append(b, `,"lost":[`...)
		for _, l := range u.Lost {
			b = appendID(append(b, `{"epoch":`...), l.Epoch)
			b = appendNumber(b, "first", l.First)
			b = appendNumber(b, "last", l.Last)
			b = append(appendNumber(b, "count", l.Count), `},`...)
		}
		b = record.EndList(b)
	}
	return append(b, '}')
}

// appendInterfaces appends what the interfaces have counted since the last report.
func (r *Reporter) appendInterfaces(b []byte, all []Interface) []byte {
	r.Watch(all)
	b = append(b, `,"interfaces":[`...)
	for _, now := range all {
		before := r.interfaces[now.Index]
		b = record.AppendText(append(b, `{"name":`...), now.Name)
		b = appendNumber(b, "index", uint64(now.Index))
		if now.Role != "" {
			b = record.AppendText(append(b, `,"role":`...), now.Role)
		}
		if len(now.Networks) > 0 {
			b = append(b, `,"networks":[`...)
			for _, network := range now.Networks {
				b = append(network.AppendTo(append(b, '"')), `",`...)
			}
			b = record.EndList(b)
		}
		b = now.Received.append(append(b, `,"received":{`...), before.Received)
		b = now.Sent.append(append(b, `,"sent":{`...), before.Sent)
		b = append(b, `},`...)
	}
	if len(r.interfaces) > maxInterfaces {
		clear(r.interfaces)
	}
	for _, now := range all {
		r.interfaces[now.Index] = now
	}
	return record.EndList(b)
}

// append appends the counters of a direction; after its opening brace.
func (l *Link) append(b []byte, before Link) []byte {
	b = strconv.AppendUint(append(b, `"packets":`...), since(l.Packets, before.Packets), 10)
	b = appendNumber(b, "bytes", since(l.Bytes, before.Bytes))
	b = appendPositive(b, "dropped", since(l.Dropped, before.Dropped))
	b = appendPositive(b, "errors", since(l.Errors, before.Errors))
	b = appendPositive(b, "missed", since(l.Missed, before.Missed))
	if l.Traffic != nil {
		b = appendTraffic(append(b, `,"traffic":{`...), l.Traffic, before.Traffic)
	}
	return append(b, '}')
}

// appendTraffic appends the traffic of a direction; after its opening brace. A nil before had none.
func appendTraffic(b []byte, now, before *packet.Traffic) []byte {
	if before == nil {
		before = &packet.Traffic{}
	}
	volume := func(now, before packet.Volume) {
		b = strconv.AppendUint(append(b, `{"packets":`...), since(now.Packets, before.Packets), 10)
		b = append(appendNumber(b, "bytes", since(now.Bytes, before.Bytes)), '}')
	}
	b = append(b, `"ipv4":`...)
	volume(now.IPv4, before.IPv4)
	b = append(b, `,"ipv6":`...)
	volume(now.IPv6, before.IPv6)
	b = appendNumber(b, "not_ip", since(now.NotIP, before.NotIP))
	b = appendNumber(b, "tcp", since(now.TCP, before.TCP))
	b = appendNumber(b, "udp", since(now.UDP, before.UDP))
	b = appendNumber(b, "icmp", since(now.ICMP, before.ICMP))
	b = appendNumber(b, "other", since(now.Other, before.Other))
	b = appendNumber(b, "fragments", since(now.Fragments, before.Fragments))
	return append(appendPositive(b, "largest", now.Largest), '}')
}

// since is how much a counter has counted; one that is lower than before has begun anew.
func since(now, before uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

func milliseconds(d time.Duration) uint64 { return uint64(max(d, 0).Milliseconds()) }

func appendID(b []byte, id ID) []byte {
	return append(hex.AppendEncode(append(b, '"'), id[:]), '"')
}

// appendNumber appends a comma and a member.
func appendNumber(b []byte, name string, n uint64) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendUint(b, n, 10)
}

// appendPositive is appendNumber; it leaves out 0.
func appendPositive(b []byte, name string, n uint64) []byte {
	if n == 0 {
		return b
	}
	return appendNumber(b, name, n)
}
