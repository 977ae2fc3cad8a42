// SPDX-License-Identifier: Apache-2.0

// Package event makes event records of what the ends of flows say: DNS questions with their answers, HTTP/1 requests
// with the heads of their responses, TLS handshakes.
//
// A Maker belongs to one worker. It gets the payload of flows whose protocol is known, in the order of capture, and
// keeps bounded memory: what it has to leave out, it counts. It allocates nothing in the long run.
package event

import (
	"time"

	"github.com/weirnet/weir/internal/metric"
	"github.com/weirnet/weir/internal/record"
)

// Flow names a flow of the worker, constant over its life.
type Flow struct {
	Index uint32 // of the worker's table
	First uint64 // the number of its first frame
}

// Packet is a packet with payload.
type Packet struct {
	Flow   Flow
	Number uint64 // of the frame
	Time   int64
	// Payload is the captured part of the transport's payload, Length its length on the wire.
	Payload    []byte
	Length     int
	Seq, Ack   uint32 // TCP
	ACK        bool
	FromClient bool
	Multicast  bool // the flow's server is a group: answers belong to other flows
}

// Event is a record on its way to the collector, which knows the interfaces' names.
type Event struct {
	record.Event
	Number uint64 // of the frame that completed it
	Link   uint16 // the interface's number
	Depth  uint8  // tunnels around the flow
}

// Sink takes a Maker's events.
type Sink interface {
	// Describe sets what an event has of its flow; the type, the time and the content are the Maker's.
	Describe(f Flow, e *Event)
	// Put takes an event, whose content is valid during the call, and reports whether it had room.
	Put(e *Event) bool
}

// Counters counts what a Maker leaves out.
type Counters struct {
	// Events counts those handed over.
	Events uint64
	// Dropped counts events for which the sink had no room.
	Dropped uint64
	// Hasty counts questions that were told as unanswered early: too many waited for an answer.
	Hasty uint64
	// Unfollowed counts flows that were not followed: too many were.
	Unfollowed uint64
	// Gaps counts directions of TCP flows in which bytes were missing, so that messages may be.
	Gaps uint64
	// Omitted counts further questions of messages with too many, and further requests that wait in one flow.
	Omitted uint64
}

// Add adds o's counts.
func (c *Counters) Add(o *Counters) {
	c.Events += o.Events
	c.Dropped += o.Dropped
	c.Hasty += o.Hasty
	c.Unfollowed += o.Unfollowed
	c.Gaps += o.Gaps
	c.Omitted += o.Omitted
}

// Collect adds the counts to a snapshot.
func (c *Counters) Collect(s *metric.Snapshot) {
	s.Add(metric.Events, c.Events)
	s.Add(metric.EventsDropped, c.Dropped)
	s.Add(metric.EventsHasty, c.Hasty)
	s.Add(metric.EventFlowsUnfollowed, c.Unfollowed)
	s.Add(metric.EventGaps, c.Gaps)
	s.Add(metric.EventsOmitted, c.Omitted)
}

// Maker makes the events of one worker's flows.
type Maker struct {
	Counters Counters

	sink    Sink
	event   Event
	content []byte
	pending *pending // nil: no question waits
	free    pools
	unkept  request // one for which there was no memory
}

// New returns a Maker. It holds no memory until the first flow.
func New(sink Sink) *Maker { return &Maker{sink: sink} }

// DiscardQuestions forgets the questions that wait, and releases their memory.
func (m *Maker) DiscardQuestions() { m.pending = nil }

// put completes the event of a flow and hands it over.
func (m *Maker) put(kind record.Types, f Flow, number uint64, at int64, content []byte) {
	m.event = Event{Number: number}
	m.sink.Describe(f, &m.event)
	m.putAs(kind, at, content)
}

// putAs hands over m.event, which has been described.
func (m *Maker) putAs(kind record.Types, at int64, content []byte) {
	m.event.Type, m.event.Time, m.event.Content = kind, at, content
	if m.sink.Put(&m.event) {
		m.Counters.Events++
	} else {
		m.Counters.Dropped++
	}
	m.content, m.event.Content = content[:0], nil // keeps the buffer
}

// microseconds is the time between two packets; 0 if the clock was set back.
func microseconds(from, to int64) int64 { return max(to-from, 0) / int64(time.Microsecond) }
