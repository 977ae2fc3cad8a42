// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cilium/ebpf"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/packet"
)

const (
	maxRows  = uint32(bpf.WeirLinkLimitsNUM_ROWS)
	numWays  = uint32(bpf.WeirWayNUM_WAYS)
	numLinks = uint32(bpf.WeirLinkLimitsNUM_LINKS)
)

// trafficRows assigns the rows of the map of traffic to interfaces.
type trafficRows struct {
	used map[uint32]uint32 // by ifindex
	free []uint32          // the one that was freed first is in front
}

func newTrafficRows() trafficRows {
	r := trafficRows{used: map[uint32]uint32{}}
	for row := uint32(1); row <= maxRows; row++ {
		r.free = append(r.free, row)
	}
	return r
}

// NoteIngress notes that an interface's received packets are counted on ingress, so that egress skips them.
func (l *Loader) NoteIngress(ifindex uint32) error {
	return l.note(ifindex, bpf.WeirInterface{Ingress: 1})
}

// Count is NoteIngress for an interface with programs or sockets of its own: they also count its traffic. It returns
// the row for View.Traffic, 0 if none is left.
func (l *Loader) Count(ifindex uint32) (row uint32, err error) {
	row, isCounted := l.rows.used[ifindex]
	if !isCounted && len(l.rows.free) > 0 {
		row = l.rows.free[0]
		if err := l.clearRow(row); err != nil {
			return 0, fmt.Errorf("count traffic of interface %d: %w", ifindex, err)
		}
	}
	if err := l.note(ifindex, bpf.WeirInterface{Ingress: 1, Row: row}); err != nil {
		return 0, err
	}
	if !isCounted && row != 0 {
		l.rows.free = l.rows.free[1:]
		l.rows.used[ifindex] = row
	}
	return row, nil
}

// Row returns the row of an interface, 0 without one.
func (l *Loader) Row(ifindex uint32) uint32 { return l.rows.used[ifindex] }

// clearRow sets the counters to 0. The first interface of the row had its programs detached long ago.
func (l *Loader) clearRow(row uint32) error {
	n := uint32(l.config.CPUs) * numWays
	for at := (row - 1) * n; at < row*n; at++ {
		if err := l.objects.Traffics.Put(at, bpf.WeirTraffic{}); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loader) note(ifindex uint32, i bpf.WeirInterface) error {
	if err := l.interfaces(ifindex).Put(ifindex, i); err != nil {
		return fmt.Errorf("note interface %d: %w", ifindex, err)
	}
	return nil
}

// interfaces returns the map that has the interface's note: interface_of of the programs.
func (l *Loader) interfaces(ifindex uint32) *ebpf.Map {
	if ifindex < numLinks {
		return l.objects.Links
	}
	return l.objects.Interfaces
}

// ForgetIngress undoes NoteIngress and Count. Without a note it does nothing.
func (l *Loader) ForgetIngress(ifindex uint32) (err error) {
	if row, ok := l.rows.used[ifindex]; ok {
		delete(l.rows.used, ifindex)
		l.rows.free = append(l.rows.free, row)
	}
	if ifindex < numLinks {
		err = l.objects.Links.Put(ifindex, bpf.WeirInterface{}) // an array deletes nothing
	} else if err = l.objects.Interfaces.Delete(ifindex); errors.Is(err, ebpf.ErrKeyNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("forget interface %d: %w", ifindex, err)
	}
	return nil
}

// Traffic adds to t the traffic of one way of an interface, by its row of Loader.Count. Its largest frame is that since
// the last call: one that arrives meanwhile may count in the next.
func (v *View) Traffic(row uint32, way bpf.WeirWay, t *packet.Traffic) {
	if row < 1 || row > maxRows {
		return
	}
	for cpu := range uint32(v.geometry.CPUs) {
		c := &v.traffics[((row-1)*uint32(v.geometry.CPUs)+cpu)*numWays+uint32(way)]
		for kind := range c.Kinds {
			addKind(t, bpf.WeirKind(kind), atomic.LoadUint64(&c.Kinds[kind].Packets),
				atomic.LoadUint64(&c.Kinds[kind].Bytes))
		}
		t.Fragments += atomic.LoadUint64(&c.Fragments)
		if atomic.LoadUint64(&c.Largest) != 0 {
			t.Largest = max(t.Largest, atomic.SwapUint64(&c.Largest, 0))
		}
	}
}

func addKind(t *packet.Traffic, kind bpf.WeirKind, packets, bytes uint64) {
	if kind == bpf.WeirKindKIND_NOT_IP {
		t.NotIP += packets
		return
	}
	version := &t.IPv4
	if kind >= bpf.WeirKindKIND_IPV6 {
		version, kind = &t.IPv6, kind-bpf.WeirKindKIND_IPV6
	}
	version.Packets += packets
	version.Bytes += bytes
	switch kind {
	case bpf.WeirKindKIND_TCP:
		t.TCP += packets
	case bpf.WeirKindKIND_UDP:
		t.UDP += packets
	case bpf.WeirKindKIND_ICMP:
		t.ICMP += packets
	default:
		t.Other += packets
	}
}
