// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"time"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// stats makes the stats records while somebody follows them. The hub's goroutine owns it.
type stats struct {
	every  time.Duration
	follow *followers
	// measure completes a status with what the processes use and what has passed the links.
	measure func(*Status)
	before  *Status // at the beginning of the interval; nil: nobody follows
}

// second takes the status of a second.
func (s *stats) second(now *Status) {
	if s == nil || !s.follow.wants(record.TypeStats) {
		if s != nil {
			s.before = nil
		}
		return
	}
	if s.before != nil && now.At.Sub(s.before.At) < s.every-time.Second/2 {
		return
	}
	measured := *now
	s.measure(&measured)
	if s.before != nil {
		r := statsBetween(s.before, &measured)
		s.follow.stats(&r)
	}
	s.before = &measured
}

// statsBetween returns the record of the interval between two measured statuses.
func statsBetween(before, now *Status) record.Stats {
	r := record.Stats{
		Time: now.At, Seconds: (now.Elapsed - before.Elapsed).Seconds(), Uptime: now.Elapsed.Milliseconds(),
		Mode: now.Mode, Packets: now.Totals.Packets - before.Totals.Packets,
		Bytes: now.Totals.WireBytes - before.Totals.WireBytes,
		Flows: now.Totals.Flows.Created - before.Totals.Flows.Created, Sampled: now.Sampled - before.Sampled,
	}
	for _, p := range now.Processes {
		var earlier Process
		for _, q := range before.Processes {
			if q.Name == p.Name {
				earlier = q
			}
		}
		r.Processes = append(r.Processes, record.ProcessStats{Name: p.Name,
			UserCPU:   max(p.UserTime-earlier.UserTime, 0).Microseconds(),
			SystemCPU: max(p.SystemTime-earlier.SystemTime, 0).Microseconds(),
			Resident:  p.Resident, PeakResident: p.PeakResident})
	}
	for _, l := range now.Links {
		var earlier Traffic
		for _, m := range before.Links {
			if m.Index == l.Index && m.Name == l.Name {
				earlier = m.Traffic
			}
		}
		r.Interfaces = append(r.Interfaces, record.InterfaceStats{Name: l.Name,
			Received: volumeBetween(earlier.Received, l.Received), Sent: volumeBetween(earlier.Sent, l.Sent)})
	}
	for id, c := range metric.All() {
		if more := now.Counters[id] - before.Counters[id]; now.Counters[id] > before.Counters[id] {
			r.Counters = append(r.Counters, record.CounterStats{Name: c.Name, Cause: c.Cause, More: more})
		}
	}
	return r
}

func volumeBetween(before, now *packet.Traffic) *record.VolumeStats {
	if now == nil {
		return nil
	}
	if before == nil {
		before = &packet.Traffic{}
	}
	since := func(now, before uint64) uint64 {
		if now < before {
			return now // it has begun anew
		}
		return now - before
	}
	return &record.VolumeStats{
		Packets: since(now.IPv4.Packets, before.IPv4.Packets) + since(now.IPv6.Packets, before.IPv6.Packets),
		Bytes:   since(now.IPv4.Bytes, before.IPv4.Bytes) + since(now.IPv6.Bytes, before.IPv6.Bytes),
		NotIP:   since(now.NotIP, before.NotIP),
	}
}

// measureStats completes a status for a stats record.
func (p *process) measureStats(s *Status) {
	if p.output.Measure {
		return // it has all
	}
	s.Processes = p.usage.read()
	s.Links = nil
	for _, l := range p.links.present() {
		s.Links = append(s.Links, LinkCounts{Index: l.index, Name: l.name, Traffic: p.capturer.traffic(l.index)})
	}
}
