// SPDX-License-Identifier: Apache-2.0

// Package capture defines what every mode of capture gives to a worker: frames, lent one at a time, counters and
// losses.
package capture

import (
	"time"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
)

// Frame is one captured frame. The struct and its bytes are valid only during the call that receives them.
type Frame struct {
	// Data is the frame as it was on the link, up to the snap length. It includes VLAN tags that the kernel removed.
	Data []byte
	// Length is the number of bytes on the link, tags included.
	Length int
	// Time is the time of capture, in nanoseconds since the Unix epoch by the clock of Now.
	Time int64
	// Interface is the kernel's index of the capturing interface (ifindex).
	Interface uint32
	Link      packet.LinkType
	// Segments is the number of packets on the wire, if the kernel or the card merged several; 0 and 1 mean one.
	Segments uint16
	// IsOutgoing: the interface sent the frame. Only package afpacket tells.
	IsOutgoing bool
	// Flow refers to the kernel's counter of this frame; with NotCounted, the receiver counts it.
	Flow FlowRef
}

// FlowRef identifies one life of a flow that the kernel counts.
type FlowRef struct {
	// Slot is the index of its counters, or NotCounted, or CountedElsewhere.
	Slot uint32
	// Born is the time of its first packet, in nanoseconds of CLOCK_MONOTONIC: it distinguishes the slot's users.
	Born int64
	// FromUpper means that the upper end of the slot's key sent the frame.
	FromUpper bool
}

// Special values of FlowRef.Slot.
const (
	// NotCounted: the kernel did not count the frame.
	NotCounted = ^uint32(0)
	// CountedElsewhere: the kernel counted the frame, in an unknown slot.
	CountedElsewhere = ^uint32(0) - 1
)

// WithoutEnd is a number of packets for Counter.Show that never ends (WITHOUT_END of bpf/flow.h).
const WithoutEnd = 1<<31 - 1

// Counts holds the kernel's counts of one life of a flow so far. [0] is the end with the lower address and port.
type Counts struct {
	Key            [5]uint64 // the words of a flow.Key
	Born           int64     // see FlowRef
	Packets, Bytes [2]uint64
	// Last is the time of each end's last packet, by the clock of Now.
	Last           [2]int64
	First          int64 // the time of the flow's first packet, by the same clock
	Interface      uint32
	ISN            uint32   // TCP: the client's initial sequence number, if the first packet was a SYN or SYN-ACK
	Flags          [2]uint8 // TCP: SYN and FIN if seen, RST if no payload followed it
	FirstFlags     uint8    // TCP: all flags of the first packet
	FirstFromUpper bool     // the upper end sent the first packet
	Replaced       bool     // another life of the same key has begun: these counts are final
	ICMPType       uint8    // of the first packet
	ICMPCode       uint8
	Health         [2]packet.Health
	// RoundTrips are those of the handshake between the kernel and each end, in microseconds; 0: unknown.
	RoundTrips [2]uint32
}

// Counter gives a worker access to the kernel's counters of its flows. It belongs to the worker's goroutine.
type Counter interface {
	// Slots returns the worker's slots: count of them from first on.
	Slots() (first, count uint32)
	// Read reads a slot; it returns false if the slot is free.
	Read(slot uint32, c *Counts) bool
	// Packets is the cheap part of Read: the slot's life (0: none) and the packets of both ends.
	Packets(slot uint32) (born int64, sum uint64)
	// Show sets how many more packets of a slot's flow the worker wants to see.
	Show(slot uint32, packets int32)
	// ShowNew sets how many packets of each new flow the worker wants to see; 0: as many as configured. It holds for
	// the flows of all workers.
	ShowNew(packets int32)
	// Retire deletes the kernel's flows in these slots: the next packet begins another life. Packets in flight may
	// still count for some microseconds.
	Retire(slots []uint32) error
	// Release frees slots, some time after Retire.
	Release(slots []uint32) error
}

// Source delivers one worker's frames. It belongs to one goroutine, except Close, which wakes a waiting Read.
type Source interface {
	// Read hands pending frames to each, up to a bounded number. Without one it waits for the first, at most for
	// timeout. It returns net.ErrClosed after Close.
	Read(timeout time.Duration, each func(*Frame)) error
	// Losses adds to l the losses on the way to this source since its opening.
	Losses(l *Losses)
	Close() error
}

// Losses counts packets that were not captured, by cause, since the source's opening.
type Losses struct {
	// RingFull counts packets without room on the way to the worker. If the kernel counts flows, it has counted these.
	RingFull uint64
	// MapFull counts packets of flows for which the kernel had no counter left, handed over for counting.
	MapFull uint64
	// Interface counts the interface's own drops, as far as the capture learns of them.
	Interface uint64
	// Unparsed counts packets that are not IP, or whose headers the kernel program could not read; Uncounted those of
	// them that are IP, and so are missing in flows.
	Unparsed, Uncounted uint64
}

// Collect adds the counts to a snapshot. With kernelCounts, the kernel has counted the packets that the ring dropped.
func (l *Losses) Collect(s *metric.Snapshot, kernelCounts bool) {
	ringFull := metric.RingFull
	if kernelCounts {
		ringFull = metric.RingFullCounted
	}
	s.Add(ringFull, l.RingFull)
	s.Add(metric.MapFull, l.MapFull)
	s.Add(metric.InterfaceDrops, l.Interface)
	s.Add(metric.Unparsed, l.Unparsed)
	s.Add(metric.Uncounted, l.Uncounted)
}
