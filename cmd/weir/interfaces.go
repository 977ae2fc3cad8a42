// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/weirnet/weir/internal/agent/confined"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/report"
	"github.com/weirnet/weir/internal/topology"
)

// interfacesBegan are the watched links with the counters that their first report begins with.
func interfacesBegan(s *confined.Status) []report.Interface {
	all := make([]report.Interface, len(s.Links))
	for i := range s.Links {
		l := &s.Links[i]
		all[i] = linkCounts(l, &l.Began)
	}
	return all
}

// interfaces are the watched links at the end of an interval.
func (r *reporter) interfaces(s *confined.Status) []report.Interface {
	all := make([]report.Interface, len(s.Links))
	for i := range s.Links {
		l := &s.Links[i]
		all[i] = linkCounts(l, &l.Now)
		all[i].Networks = r.privacy.Networks(l.Networks, l.Role == "lan")
		largest := r.largest[l.Index]
		all[i].Received.Traffic = withLargest(l.Traffic.Received, largest.received)
		all[i].Sent.Traffic = withLargest(l.Traffic.Sent, largest.sent)
	}
	return all
}

func linkCounts(l *confined.LinkCounts, c *topology.Statistics) report.Interface {
	return report.Interface{Index: l.Index, Name: l.Name, Role: l.Role,
		Received: report.Link{Packets: c.RxPackets, Bytes: c.RxBytes, Dropped: c.RxDropped, Errors: c.RxErrors,
			Missed: c.RxMissed},
		Sent: report.Link{Packets: c.TxPackets, Bytes: c.TxBytes, Dropped: c.TxDropped, Errors: c.TxErrors}}
}

// largestFrames are the longest frames that have passed the links, in bytes, by ifindex.
type largestFrames map[uint32]struct{ received, sent uint64 }

// add takes a status, which has those since the last one.
func (f largestFrames) add(s *confined.Status) {
	for i := range s.Links {
		l := &s.Links[i]
		most := f[l.Index]
		if t := l.Traffic.Received; t != nil {
			most.received = max(most.received, t.Largest)
		}
		if t := l.Traffic.Sent; t != nil {
			most.sent = max(most.sent, t.Largest)
		}
		f[l.Index] = most
	}
}

func withLargest(t *packet.Traffic, largest uint64) *packet.Traffic {
	if t == nil {
		return nil
	}
	with := *t
	with.Largest = largest
	return &with
}
