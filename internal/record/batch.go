// SPDX-License-Identifier: Apache-2.0

package record

import (
	"slices"

	"github.com/weirnet/weir/internal/packet"
)

// Batch holds copies of records, with all that they refer to, in memory that is used again after Reset.
type Batch struct {
	Flows   []Flow
	text    []byte
	vlans   []uint16
	tunnels []packet.Tunnel
}

// Add appends a copy.
func (b *Batch) Add(f *Flow) {
	b.Flows = append(b.Flows, *f)
	c := &b.Flows[len(b.Flows)-1]
	// A slice that has moved as it grew leaves what earlier copies refer to as it was.
	b.text, c.CommunityID = keep(b.text, f.CommunityID)
	b.text, c.Hostname = keep(b.text, f.Hostname)
	b.text, c.Info = keep(b.text, f.Info)
	b.vlans, c.VLANs = keep(b.vlans, f.VLANs)
	b.tunnels, c.Tunnels = keep(b.tunnels, f.Tunnels)
}

// keep appends part to all, and returns the copy of part too; one that is empty stays as it is.
func keep[T any](all, part []T) (grown, kept []T) {
	if len(part) == 0 {
		return all, part
	}
	start := len(all)
	all = append(all, part...)
	return all, slices.Clip(all[start:])
}

// Reset forgets all copies.
func (b *Batch) Reset() {
	clear(b.Flows) // names of interfaces and applications
	b.Flows, b.text, b.vlans, b.tunnels = b.Flows[:0], b.text[:0], b.vlans[:0], b.tunnels[:0]
}
