// SPDX-License-Identifier: Apache-2.0

package record

import (
	"slices"

	"github.com/weirnet/weir/internal/packet"
)

// Batch holds deep copies of records in memory that Reset makes reusable.
type Batch struct {
	Flows   []Flow
	Events  []Event
	text    []byte
	vlans   []uint16
	tunnels []packet.Tunnel
}

// Add appends a deep copy of f.
func (b *Batch) Add(f *Flow) {
	b.Flows = append(b.Flows, *f)
	c := &b.Flows[len(b.Flows)-1]
	// Earlier copies keep referring to the old array when a slice moves as it grows.
	b.text, c.CommunityID = keep(b.text, f.CommunityID)
	b.text, c.Hostname = keep(b.text, f.Hostname)
	b.text, c.Info = keep(b.text, f.Info)
	b.vlans, c.VLANs = keep(b.vlans, f.VLANs)
	b.tunnels, c.Tunnels = keep(b.tunnels, f.Tunnels)
}

// AddEvent appends a deep copy of e.
func (b *Batch) AddEvent(e *Event) {
	b.Events = append(b.Events, *e)
	c := &b.Events[len(b.Events)-1]
	b.text, c.Content = keep(b.text, e.Content)
}

// keep appends part to all, and also returns the copy of part; an empty part needs no copy.
func keep[T any](all, part []T) (grown, kept []T) {
	if len(part) == 0 {
		return all, part
	}
	start := len(all)
	all = append(all, part...)
	return all, slices.Clip(all[start:])
}

// Reset drops all copies.
func (b *Batch) Reset() {
	clear(b.Flows) // names of interfaces and applications
	clear(b.Events)
	b.Events = b.Events[:0]
	b.Flows, b.text, b.vlans, b.tunnels = b.Flows[:0], b.text[:0], b.vlans[:0], b.tunnels[:0]
}
