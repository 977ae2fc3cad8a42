// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"encoding/json"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/tally"
)

// TrafficCounter is a subscriber that adds the traffic up for Output.Traffic.
type TrafficCounter struct{ *tally.Counts }

// Flow counts a record.
func (c TrafficCounter) Flow(r *record.Flow) error {
	c.Counts.Flow(r)
	return nil
}

// Second does nothing.
func (TrafficCounter) Second(*Status) error { return nil }

// End does nothing.
func (TrafficCounter) End() error { return nil }

// metrics returns all that the agent measures, as of the last second.
func (q *answerer) metrics() *control.Answer {
	s := q.status()
	if s == nil {
		return &control.Answer{Error: "weir has only just started: ask again in a second"}
	}
	m := metricsOf(s)
	if q.traffic != nil {
		m.Live = uint64(q.traffic.Live())
		m.Traffic = trafficOf(q.traffic)
	}
	if q.uplink != nil {
		m.Uplink = q.uplink()
	}
	all, err := json.Marshal(m)
	if err != nil {
		return &control.Answer{Error: err.Error()}
	}
	return &control.Answer{Metrics: all}
}

func metricsOf(s *Status) *control.Metrics {
	m := &control.Metrics{Mode: s.Mode, Seconds: s.Elapsed.Seconds(), Readings: s.Counters.All()}
	for i := range s.Links {
		l := &s.Links[i]
		n := &l.Now
		m.Interfaces = append(m.Interfaces, control.InterfaceMetrics{Name: l.Name, Role: l.Role, RxBytes: n.RxBytes,
			RxPackets: n.RxPackets, RxDropped: n.RxDropped + n.RxMissed, TxBytes: n.TxBytes, TxPackets: n.TxPackets,
			TxDropped: n.TxDropped})
	}
	for _, p := range s.Processes {
		m.Processes = append(m.Processes, control.ProcessMetrics{Name: p.Name,
			UserSeconds: p.UserTime.Seconds(), SystemSeconds: p.SystemTime.Seconds(), ResidentBytes: p.Resident})
	}
	for _, q := range s.Queues {
		m.Queues = append(m.Queues, control.QueueMetrics{Name: q.Name, Length: q.Length, Limit: q.Limit})
	}
	return m
}

func trafficOf(c *tally.Counts) (all []control.Traffic) {
	for _, by := range []struct {
		name   string
		counts []tally.Count
	}{{control.TrafficByDirection, c.Directions()}, {control.TrafficByProtocol, c.Protocols()},
		{control.TrafficByApplication, c.Applications()}} {
		for _, n := range by.counts {
			all = append(all, control.Traffic{By: by.name, Name: n.Name, Flows: n.Flows, Packets: n.Packets,
				Upload: n.Bytes[0], Download: n.Bytes[1]})
		}
	}
	return all
}
