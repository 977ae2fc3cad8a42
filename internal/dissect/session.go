// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"net/netip"
	"slices"
)

const (
	// MaxDatagrams is how many datagrams of a flow are remembered: twice the default budget of 8.
	MaxDatagrams = 16
	// MaxHistory bounds the bytes of the remembered datagrams.
	MaxHistory = MaxStream
	// maxPending is how many dissectors can wait for more of one flow.
	maxPending = 20
)

// Segment is one packet of a flow, as the worker hands it to the flow's session.
type Segment struct {
	// Payload is what follows the transport header, as captured.
	Payload []byte
	// Length is the payload's length on the wire.
	Length int
	// Seq and Ack are TCP's.
	Seq, Ack uint32
	// SYN and ACK are TCP's flags.
	SYN, ACK bool
	// FromClient is the direction.
	FromClient bool
	// Last says that the flow's packet budget ends with this one or has ended: more is shown only to dissectors with Extra.
	Last bool
}

// Outcome says what came of a segment.
type Outcome uint8

const (
	// Undecided: the session wants more packets.
	Undecided Outcome = iota
	// Named: the protocol is known (Result has it) and its dissector wants more packets.
	Named
	// Decided: the protocol is known, Result is final.
	Decided
	// Failed: no dissector knows the flow.
	Failed
)

// Flow is what a session has to know of its flow; it stays the same from packet to packet.
type Flow struct {
	Transport      Transport
	IPProtocol     uint8
	IPv6           bool
	Midstream      bool
	Client, Server netip.AddrPort
}

// Session is what a flow keeps while it is being dissected: the dissectors that still wait, and the start of what was said.
// Sessions come from a Pool and belong to one worker. It has about 400 bytes besides its buffers.
type Session struct {
	pending  [maxPending]uint16
	nPending uint8
	found    int16 // index of the dissector that said YesMore, -1 before
	begun    bool
	asked    [2]bool // candidates were chosen by the start of this direction, and its longer start will call for no more
	offered  [2]int  // how long that start was
	extra    uint8   // packets shown past the budget

	serverFirst bool
	streams     [2]stream

	history  []byte // datagrams one after the other, in a pooled buffer
	used     int
	messages [MaxDatagrams]message
	nMessage uint8
}

// message is a remembered datagram: history[start:end].
type message struct {
	start, end uint16
	length     uint16
	fromClient bool
}

// Feed shows a segment to the dissectors. With Named and Decided comes what was learnt, valid until the pool's next Feed;
// nil then means that nothing is new since the last time.
func (s *Session) Feed(t *Table, pool *Pool, flow *Flow, seg *Segment) (Outcome, *Result) {
	if !s.begun {
		s.begun, s.found = true, -1
	}
	fresh := true
	if flow.Transport == TCP {
		fresh = s.addSegment(pool, seg)
	}
	outcome := Undecided
	var result *Result
	if fresh || seg.Last && len(seg.Payload) > 0 {
		s.choose(t, pool, flow, seg)
		outcome = s.inspect(t, pool, s.conversation(pool, flow, seg), seg.Last)
		if outcome == Named || outcome == Decided {
			result = &pool.result
		}
	}
	if s.found >= 0 && outcome == Failed {
		return Decided, nil // what it said before stands
	}
	if outcome == Decided || outcome == Failed {
		return outcome, result
	}
	if seg.Last && len(seg.Payload) > 0 {
		if s.extra++; int(s.extra) > s.mayExtend(t) {
			return s.exhausted(), nil
		}
	}
	if fresh {
		s.remember(pool, flow, seg)
	}
	if s.found >= 0 {
		return Named, result
	}
	return Undecided, nil
}

// Finish asks the dissectors that still wait for the last time, when the flow has ended and no packet comes any more. It
// returns what one of them learnt, nil if none can say, if nothing is held of what was said, or if Feed named the flow
// before. It is for flows that Feed left Undecided or Named.
func (s *Session) Finish(t *Table, pool *Pool, flow *Flow) *Result {
	if s.nPending == 0 || !s.holds(flow) { // nobody waits at a named flow
		return nil
	}
	c := s.conversation(pool, flow, nil)
	s.extra = MaxExtra
	for _, i := range s.pending[:s.nPending] {
		if s.ask(t, pool, c, i, true) == Decided {
			return &pool.result
		}
	}
	return nil
}

// holds says whether the session has anything of the flow to show without a packet at hand.
func (s *Session) holds(flow *Flow) bool {
	if flow.Transport == TCP {
		return len(s.streams[0].view) > 0 || len(s.streams[1].view) > 0
	}
	return s.nMessage > 0
}

// exhausted is the outcome when no packet is left to ask for.
func (s *Session) exhausted() Outcome {
	if s.found >= 0 {
		return Decided
	}
	return Failed
}

// Wants is how many packets past the budget the session would look at: it can be asked after Feed left the flow Undecided or Named.
func (s *Session) Wants(t *Table) int { return max(s.mayExtend(t)-int(s.extra), 0) }

// mayExtend is how many packets past the budget the waiting dissectors may ask for.
func (s *Session) mayExtend(t *Table) int {
	if s.found >= 0 {
		return t.protocols[s.found].Extra
	}
	extra := 0
	for _, i := range s.pending[:s.nPending] {
		extra = max(extra, t.protocols[i].Extra)
	}
	return extra
}

// addSegment puts a TCP segment into its stream and says whether there is something new to look at.
func (s *Session) addSegment(pool *Pool, seg *Segment) bool {
	own, other := &s.streams[side(seg.FromClient)], &s.streams[side(!seg.FromClient)]
	seq := seg.Seq
	if seg.SYN {
		seq++ // the SYN takes one number
		own.start(seq)
		if seg.ACK {
			other.start(seg.Ack) // it says which SYN it answers, if several were sent
		}
	}
	if len(seg.Payload) == 0 {
		return false
	}
	if !s.streams[0].hasData && !s.streams[1].hasData {
		s.serverFirst = !seg.FromClient
	}
	return own.add(seq, seg.Payload, len(seg.Payload) >= seg.Length, pool)
}

func side(fromClient bool) int {
	if fromClient {
		return 0
	}
	return 1
}

// conversation fills the pool's Conversation with what was said so far, the packet at hand, if there is one, included.
func (s *Session) conversation(pool *Pool, flow *Flow, seg *Segment) *Conversation {
	c := &pool.conversation
	*c = Conversation{
		Transport: flow.Transport, IPProtocol: flow.IPProtocol, IPv6: flow.IPv6,
		Client: flow.Client, Server: flow.Server, Midstream: flow.Midstream || s.streams[0].anew || s.streams[1].anew,
	}
	if flow.Transport == TCP {
		c.toServer, c.toClient, c.serverFirst = s.streams[0].view, s.streams[1].view, s.serverFirst
		return c
	}
	for i, m := range s.messages[:s.nMessage] {
		pool.datagrams[i] = Datagram{s.history[m.start:m.end], int(m.length), m.fromClient}
	}
	n := int(s.nMessage)
	if seg != nil {
		n = min(n, MaxDatagrams-1) // the newest always has its place
		pool.datagrams[n] = Datagram{seg.Payload, seg.Length, seg.FromClient}
		n++
	}
	c.Datagrams = pool.datagrams[:n]
	c.serverFirst = !c.Datagrams[0].FromClient
	return c
}

// remember keeps what later calls will need and the packet at hand can't keep.
func (s *Session) remember(pool *Pool, flow *Flow, seg *Segment) {
	if flow.Transport == TCP {
		s.streams[0].keep(pool)
		s.streams[1].keep(pool)
		return
	}
	payload := seg.Payload[:min(len(seg.Payload), MaxHistory)]
	for s.nMessage > keptMessages && (s.nMessage == MaxDatagrams || s.used+len(payload) > MaxHistory) {
		s.forget()
	}
	if s.used+len(payload) > MaxHistory || s.nMessage == MaxDatagrams {
		return
	}
	if !s.growHistory(pool, s.used+len(payload)) {
		return
	}
	copy(s.history[s.used:], payload)
	s.messages[s.nMessage] = message{
		uint16(s.used), uint16(s.used + len(payload)), uint16(min(seg.Length, 0xffff)), seg.FromClient,
	}
	s.nMessage++
	s.used += len(payload)
}

// keptMessages are the first datagrams, which stay when others have to go: mostly a question and its answer.
const keptMessages = 2

// forget drops the oldest datagram after the first ones.
func (s *Session) forget() {
	gone := s.messages[keptMessages]
	size := gone.end - gone.start
	copy(s.history[gone.start:], s.history[gone.end:s.used])
	for i := keptMessages + 1; i < int(s.nMessage); i++ {
		m := s.messages[i]
		m.start -= size
		m.end -= size
		s.messages[i-1] = m
	}
	s.nMessage--
	s.used -= int(size)
}

func (s *Session) growHistory(pool *Pool, size int) bool {
	if len(s.history) >= size {
		return true
	}
	buf := pool.get(size)
	if buf == nil {
		return false
	}
	copy(buf, s.history[:s.used])
	if s.history != nil {
		pool.put(s.history)
	}
	s.history = buf
	return true
}

// choose lists the dissectors to ask: those that wait, and those that the ports and the first payload of a direction call for.
func (s *Session) choose(t *Table, pool *Pool, flow *Flow, seg *Segment) {
	pool.candidates = append(pool.candidates[:0], s.pending[:s.nPending]...)
	way := side(seg.FromClient)
	if s.asked[way] {
		return
	}
	first := s.offered == [2]int{}
	if flow.Transport == IP {
		s.asked = [2]bool{true, true}
		pool.addCandidates(t, t.byIP[flow.IPProtocol], 0, 0)
		return
	}
	payload := seg.Payload
	if flow.Transport == TCP {
		payload = s.streams[way].view
	}
	if len(payload) == 0 {
		return
	}
	already, transport := s.offered[way], transportIndex(flow.Transport)
	s.offered[way] = len(payload)
	// Over TCP the start may come in pieces, a length alone for instance.
	s.asked[way] = flow.Transport != TCP || len(payload) >= t.startLength[transport][payload[0]]
	if first {
		client, server := flow.Client.Port(), flow.Server.Port()
		pool.addCandidates(t, t.byPort[portKey{flow.Transport, server}], 0, 0)
		if client != server {
			pool.addCandidates(t, t.byPort[portKey{flow.Transport, client}], 0, 0)
		}
	}
	pool.addCandidates(t, t.byStart[transport][payload[0]], already, len(payload))
	if already > 0 {
		slices.Sort(pool.candidates) // those that wait may be heuristic, which come after the others
	}
}

// addCandidates appends the dissectors of list that are not there yet and take a first payload of length, but did not take one of
// already bytes; length 0: all.
func (p *Pool) addCandidates(t *Table, list []uint16, already, length int) {
	before := p.candidates
	for _, i := range list {
		if least := t.protocols[i].MinLength; length > 0 && (least > length || already > 0 && least <= already) {
			continue
		}
		if !slices.Contains(before, i) {
			p.candidates = append(p.candidates, i)
		}
	}
}

func transportIndex(over Transport) int {
	switch over {
	case TCP:
		return 0
	case UDP:
		return 1
	}
	return 2
}

// inspect asks the dissector that was found, or the candidates in turn until one says yes. Those that need more wait.
func (s *Session) inspect(t *Table, pool *Pool, c *Conversation, last bool) Outcome {
	if s.found >= 0 {
		return s.ask(t, pool, c, uint16(s.found), last)
	}
	s.nPending = 0
	for _, i := range pool.candidates {
		switch s.ask(t, pool, c, i, last) {
		case Decided:
			s.nPending = 0
			return Decided
		case Named:
			s.nPending = 0
			s.found = int16(i)
			return Named
		case Undecided:
			if s.nPending == maxPending {
				pool.Counters.CandidateLimit++
				continue
			}
			s.pending[s.nPending] = i
			s.nPending++
		}
	}
	if s.nPending == 0 && s.heardBoth(c) {
		return Failed
	}
	return Undecided
}

// heardBoth says whether no further direction can bring new candidates.
func (s *Session) heardBoth(c *Conversation) bool {
	return c.Transport == IP || s.asked[0] && s.asked[1]
}

// ask calls dissector i. What it says after YesMore can't take the name away.
func (s *Session) ask(t *Table, pool *Pool, c *Conversation, i uint16, last bool) Outcome {
	p := t.protocols[i]
	c.Last = last && int(s.extra) >= p.Extra
	pool.Counters.Inspections++
	switch v := pool.call(p, c); {
	case v == Yes, v == YesMore && c.Last:
		return Decided
	case v == YesMore:
		return Named
	case v == NeedMore && !c.Last:
		return Undecided
	}
	return Failed
}

// call runs a dissector. A panic counts as No: what an attacker sends must never end the agent.
func (p *Pool) call(protocol *Protocol, c *Conversation) (v Verdict) {
	defer func() {
		if cause := recover(); cause != nil {
			p.Counters.Panics++
			if p.OnPanic != nil {
				p.OnPanic(protocol.Name, c, cause)
			}
			v = No
		}
	}()
	p.result.reset(protocol)
	return protocol.Inspect(c, &p.result)
}

func (s *Session) release(pool *Pool) {
	s.streams[0].release(pool)
	s.streams[1].release(pool)
	if s.history != nil {
		pool.put(s.history)
	}
	*s = Session{}
}
