// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"slices"

	"github.com/weirnet/weir/internal/event"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// newWithEvents is the budget of new flows while they may have events: the worker learns of a flow only after a nap
// (capture.Naps), and a local server answers many requests in that time.
const newWithEvents = 1024

// events makes a worker's event records while somebody wants them. Flows whose protocol has events are then shown to
// it to their end.
type events struct {
	worker *worker
	maker  *event.Maker // nil: nobody has wanted any
	types  record.Types // wanted at the last tick
	// The maker has had this flow's packet of this frame as a part of the flow's start.
	index  flow.Index
	number uint64
	packet event.Packet
}

// wanted returns the types of the events that somebody wants.
func (w *worker) wanted() record.Types {
	if w.Events == nil {
		return 0
	}
	return record.Types(w.Events.Load()) & record.TypeEvents
}

// eventType returns the type of the events of a protocol whose flows have many, 0 for others.
func eventType(protocol string) record.Types {
	switch protocol {
	case "dns", "mdns", "llmnr":
		return record.TypeDNS
	case "http", "websocket", "http-connect", "icecast": // the latter begin as HTTP
		return record.TypeHTTP
	}
	return 0
}

// follows reports whether the flow at i has further events.
func (w *worker) follows(i flow.Index) bool {
	d := w.table.Detail(i)
	return eventType(d.protocol)&w.wanted() != 0 && w.table.Flow(i).Marks&unfollowed == 0 &&
		(d.stream == nil || !d.stream.IsOver())
}

// tell shows a packet of the flow at i to the maker of events.
func (w *worker) tell(i flow.Index, f *flow.Flow, p *packet.Packet, fr *Frame, fromClient bool) {
	payload := p.Payload()
	if len(payload) == 0 || p.LaterFragment || !w.follows(i) {
		return
	}
	s := &w.events
	if s.number == fr.Number && s.index == i {
		return
	}
	d, m := w.table.Detail(i), s.open()
	client, server := w.ends(i)
	s.packet = event.Packet{
		Flow: event.Flow{Index: uint32(i), First: d.number}, Number: fr.Number, Time: fr.Time,
		Payload: payload, Length: int(p.WirePayload), Seq: p.Seq, Ack: p.Ack,
		ACK: p.TCPFlags&packet.ACK != 0, FromClient: fromClient,
		Multicast: server.Addr().IsMulticast() || isMulticastPort(server.Port()) || isMulticastPort(client.Port()),
	}
	if p.Proto != packet.ProtoTCP {
		m.Datagram(&s.packet)
		return
	}
	if d.stream == nil { // its start is past
		s.begin(f, d, [2]event.Start{})
	}
	if d.stream != nil {
		m.Segment(d.stream, &s.packet)
	}
}

// isMulticastPort reports whether a port is that of Multicast DNS or LLMNR, whose answers may be of other flows.
func isMulticastPort(port uint16) bool { return port == 5353 || port == 5355 }

// follow begins to follow a TCP flow that dissect has just named, from its start.
func (w *worker) follow(i flow.Index, f *flow.Flow, d *detail, fr *Frame) {
	if w.flow.Transport != transport(packet.ProtoTCP) || d.stream != nil || !w.follows(i) {
		return
	}
	s := &w.events
	s.open()
	s.index, s.number = i, fr.Number
	s.packet = event.Packet{
		Flow: event.Flow{Index: uint32(i), First: d.number}, Number: fr.Number, Time: fr.Time,
		Ack: w.segment.Ack, FromClient: w.segment.FromClient,
	}
	var starts [2]event.Start
	for way := range starts {
		starts[way].Bytes, starts[way].Seq, starts[way].Known = d.session.Start(way)
	}
	s.begin(f, d, starts)
}

func (s *events) begin(f *flow.Flow, d *detail, starts [2]event.Start) {
	isHTTP := eventType(d.protocol) == record.TypeHTTP
	if d.stream = s.maker.Begin(isHTTP, &s.packet, starts); d.stream == nil {
		f.Marks |= unfollowed
	}
}

// open returns the maker.
func (s *events) open() *event.Maker {
	if s.maker == nil {
		s.maker = event.New(s)
	}
	return s.maker
}

// handshake tells of the TLS handshake of a flow whose inspection ends with a frame.
func (s *events) handshake(i flow.Index, d *detail, number uint64, now int64) {
	s.open().TLS(event.Flow{Index: uint32(i), First: d.number}, number, now, d.text[d.hostEnd:])
}

// end tells what a flow has left when it ends.
func (s *events) end(d *detail) {
	s.maker.End(d.stream, d.number)
	d.stream = nil
}

// advance tells the questions that nobody has answered, and looks whether other events are wanted.
func (s *events) advance(now int64) {
	if s.maker != nil {
		s.maker.Advance(now)
	}
	if types := s.worker.wanted(); types != s.types {
		s.change(types)
	}
}

// change follows the flows that have got events that are wanted now, and no longer those that have others.
func (s *events) change(types record.Types) {
	more := types &^ s.types
	s.types = types
	if types&(record.TypeDNS|record.TypeHTTP) != 0 {
		s.worker.accounting.showNew(newWithEvents)
	} else {
		s.worker.accounting.showNew(0)
	}
	s.worker.table.Each(func(i flow.Index) {
		d := s.worker.table.Detail(i)
		switch kind := eventType(d.protocol); {
		case kind&more != 0:
			s.worker.accounting.showAll(i)
		case kind != 0 && kind&types == 0 && d.stream != nil:
			s.maker.Discard(d.stream)
			d.stream = nil
		}
	})
	if s.maker != nil && types&record.TypeDNS == 0 {
		s.maker.DiscardQuestions()
	}
}

// close tells the questions that wait.
func (s *events) close() {
	if s.maker != nil {
		s.maker.Flush()
	}
}

func (s *events) counters() event.Counters {
	if s.maker == nil {
		return event.Counters{}
	}
	return s.maker.Counters
}

// Describe sets what an event has of its flow.
func (s *events) Describe(of event.Flow, e *event.Event) {
	w, i := s.worker, flow.Index(of.Index)
	w.table.Flow(i).Marks |= identified
	d, key := w.table.Detail(i), w.table.Key(i)
	client, server := w.ends(i)
	e.Flow, e.Proto = key.ID(d.first), key.Proto()
	e.Client = record.Endpoint{Addr: client, MAC: d.clientMAC}
	e.Server = record.Endpoint{Addr: server, MAC: d.serverMAC}
	e.Link, e.Depth = d.iface, d.nTunnel
}

// Put adds an event to the batch, if there is room.
func (s *events) Put(e *event.Event) bool {
	e.Time, _ = s.worker.clock.wall(e.Time, e.Time)
	return s.worker.batch.putEvent(e)
}

// Bounds of the events in a batch. A live worker hands them over before that, after a bounded number of frames.
const (
	maxEvents    = 4 * handOverEvery
	maxEventText = 16 << 20
)

// saying are the events in a batch.
type saying struct {
	events    []event.Event
	eventText []byte
}

func (s *saying) putEvent(e *event.Event) bool {
	if len(s.events) >= maxEvents || len(s.eventText)+len(e.Content) > maxEventText {
		return false
	}
	start := len(s.eventText)
	s.eventText = append(s.eventText, e.Content...) // earlier contents keep referring to the old array when it moves
	s.events = append(s.events, *e)
	s.events[len(s.events)-1].Content = slices.Clip(s.eventText[start:])
	return true
}

// reset empties the batch's events for reuse. It releases the memory of a burst.
func (s *saying) reset() {
	if len(s.events) == 0 || cap(s.events) > handOverEvery {
		*s = saying{}
		return
	}
	clear(s.events)
	s.events, s.eventText = s.events[:0], s.eventText[:0]
}

// takeEvents passes on the events of one batch of each worker.
func (c *collector) takeEvents(batches []*batch, step int64) (err error) {
	c.events = c.events[:0]
	for _, b := range batches {
		for i := range b.events {
			c.events = append(c.events, &b.events[i])
		}
	}
	if c.onEvent == nil {
		return nil
	}
	slices.SortStableFunc(c.events, func(a, b *event.Event) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Depth, b.Depth))
	})
	for _, e := range c.events {
		c.mu.Lock()
		if int(e.Link) < len(c.interfaces) {
			e.Interface = c.interfaces[e.Link]
		}
		c.mu.Unlock()
		e.Time += step
		if err = c.onEvent(&e.Event); err != nil {
			return err
		}
	}
	return nil
}
