// SPDX-License-Identifier: Apache-2.0

// Package capture says what every way of capturing gives to a worker: frames, lent one at a time.
package capture

import (
	"time"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/packet"
)

// Frame is one captured frame. It and its bytes are lent for the call that they are handed to.
type Frame struct {
	// Data is the frame as it was on the link, as far as it was captured. VLAN tags that the kernel took out are back
	// in it.
	Data []byte
	// Length is how many bytes it had on the link, tags included.
	Length int
	// Time is when it was captured, in nanoseconds since the Unix epoch by the clock of Now.
	Time int64
	// Interface is the kernel's index of the interface that saw it (ifindex).
	Interface uint32
	Link      packet.LinkType
	// Segments is how many packets the frame was on the wire, where the kernel or the card put several together; 0 and
	// 1 mean one.
	Segments uint16
	// Flow is the kernel's counter that has counted this frame; with NotCounted, whoever gets the frame counts it.
	Flow FlowRef
}

// FlowRef names one life of a flow that the kernel counts.
type FlowRef struct {
	// Slot is the place of its counters, or NotCounted, or CountedElsewhere.
	Slot uint32
	// Born is when its first packet came, in nanoseconds of CLOCK_MONOTONIC: it tells the slot's users apart.
	Born int64
	// FromUpper says that the upper end of the slot's key sent the frame.
	FromUpper bool
}

// Values of FlowRef.Slot that are no places.
const (
	// NotCounted: the kernel did not count the frame.
	NotCounted = ^uint32(0)
	// CountedElsewhere: the kernel counted the frame, and it is not known in which slot.
	CountedElsewhere = ^uint32(0) - 1
)

// Counts is what the kernel has counted of one life of a flow so far. [0] is the end with the lower address and port.
type Counts struct {
	Key            [5]uint64 // the words of a flow.Key
	Born           int64     // see FlowRef
	Packets, Bytes [2]uint64
	// Last is when the last packet of each end came, by the clock of Now.
	Last           [2]int64
	First          int64 // the same for the flow's first packet
	Interface      uint32
	ISN            uint32   // TCP: the client's initial sequence number, if the first packet was a SYN or SYN-ACK
	Flags          [2]uint8 // TCP: SYN and FIN where they were seen, RST where no payload came after it
	FirstFlags     uint8    // TCP: all flags of the first packet
	FirstFromUpper bool     // the upper end sent the first packet
	Replaced       bool     // another life of the same key has begun: these counts are final
	ICMPType       uint8    // of the first packet
	ICMPCode       uint8
}

// Counter gives a worker the counters that the kernel keeps for its flows. It belongs to the worker's goroutine.
type Counter interface {
	// Slots says which slots are the worker's: count of them from first on.
	Slots() (first, count uint32)
	// Read reads a slot; it returns false where the slot is free.
	Read(slot uint32, c *Counts) bool
	// Packets is the cheap part of Read: which life the slot is in (0: none) and how many packets both ends sent.
	Packets(slot uint32) (born int64, sum uint64)
	// Show sets how many more packets of a slot's flow the worker wants to see.
	Show(slot uint32, packets int32)
	// Retire makes the kernel forget the flows of these slots: the next packet begins another life. Packets under way
	// may still be counted for some microseconds.
	Retire(slots []uint32) error
	// Release gives slots back, some time after they were retired.
	Release(slots []uint32) error
}

// Source is where one worker's frames come from. It belongs to one goroutine, Close excepted, which wakes a waiting
// Read.
type Source interface {
	// Read hands every frame that is there to each, but returns after a bounded number of them. Where none is there it
	// waits for the first at most for timeout. It returns net.ErrClosed after Close.
	Read(timeout time.Duration, each func(*Frame)) error
	// Losses adds to l what was lost on the way to this source since it was opened.
	Losses(l *Losses)
	Close() error
}

// Losses counts packets that were not captured, by cause. All counts are from the source's opening on.
type Losses struct {
	// RingFull counts packets for which there was no room on the way to the worker. Where the kernel counts flows,
	// these were counted all the same.
	RingFull uint64
	// MapFull counts packets of flows for which the kernel had no counter left: they were handed over to be counted.
	MapFull uint64
	// Interface counts what the interface itself dropped, as far as the capture is told of it.
	Interface uint64
	// Unparsed counts packets that are no IP, or whose headers the kernel program could not read; Uncounted those of
	// them that are IP, and are in no flow therefore.
	Unparsed, Uncounted uint64
}

// Collect adds the counts to a snapshot. Where kernelCounts, what found no room in the ring was counted all the same.
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
