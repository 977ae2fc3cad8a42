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
	// Last says that the flow's packet budget ends with this one or has ended: more is shown only to dissectors with
	// Extra.
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

// Session is what a flow keeps while it is being dissected: the dissectors that still wait, and the start of what was
// said. Sessions come from a Pool and belong to one worker. It has about 400 bytes besides its buffers.
type Session struct {
	pending  [maxPending]waiting
	nPending uint8
	found    int16 // index of the dissector that said YesMore, -1 before
	from     uint8 // where the found dissector's reading begins, as in waiting
	begun    bool
	other    bool // the found dissector reads the streams' other reading
	judged   bool // a dissector was asked
	blind    bool // what they were shown is not the whole of what was said
	nOpen    uint8
	open     [maxOpen]uint16 // dissectors of the flow's ports that had said neither yes nor no when the budget ended
	spoken   uint8           // datagrams that came and are no keep-alives, at most 255
	// candidates were chosen by the start of this direction, and its longer start will call for no more
	asked   [2]bool
	offered [2]uint16 // how long that start was
	extra   uint8     // packets shown past the budget

	serverFirst bool
	streams     [2]stream

	notes        []byte // names, in a pooled buffer
	nNotes       uint8
	notesOmitted uint16

	history  []byte // datagrams one after the other, in a pooled buffer
	used     int
	messages [MaxDatagrams]message
	nMessage uint8
}

// waiting is a dissector that is to be asked.
type waiting struct {
	protocol uint16
	// from is the datagram at which its reading of the flow begins, an index into Session.messages; anew: it has none
	// yet.
	from  uint8
	marks marks
}

// marks are what is known of how a dissector waits, a set.
type marks uint8

const (
	// isLate says that it began after datagrams that it refused: it can't ask for packets past the budget.
	isLate marks = 1 << iota
	// isIdle says that all it has seen were keep-alives.
	isIdle
	// isClaim says that it said yes after so much of something else that a second datagram has to bear it out.
	isClaim
)

func (w *waiting) is(m marks) bool { return w.marks&m != 0 }

// anew is the waiting.from of a dissector that was not asked yet, or said no to what came before.
const anew = 0xff

// Feed shows a segment to the dissectors. With Named and Decided comes what was learnt, valid until the pool's next
// Feed; nil then means that nothing is new since the last time.
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
	pool.skipped = false
	if fresh || seg.Last && len(seg.Payload) > 0 {
		s.choose(t, pool, flow, seg)
		outcome = s.inspect(t, pool, s.conversation(pool, flow, seg), seg)
		if (outcome == Named || outcome == Decided) && !pool.skipped {
			result = &pool.result
			s.take(pool)
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
	if fresh && !pool.skipped {
		s.remember(pool, flow, seg)
	}
	if s.found >= 0 {
		return Named, result
	}
	return Undecided, nil
}

// Finish asks the dissectors that still wait for the last time, when the flow has ended and no packet comes any more.
// It returns what one of them learnt, nil if none can say, if nothing is held of what was said, or if Feed named the
// flow before. It is for flows that Feed left Undecided or Named.
func (s *Session) Finish(t *Table, pool *Pool, flow *Flow) *Result {
	if s.nPending == 0 || !s.holds(flow) { // nobody waits at a named flow
		return nil
	}
	c := s.conversation(pool, flow, nil)
	s.extra = MaxExtra
	for i := range s.pending[:s.nPending] {
		w := &s.pending[i]
		if w.is(isClaim) {
			continue
		}
		c.beginAt(pool, w.from)
		if s.tryReadings(t, pool, c, w, true) == Decided {
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

// Wants is how many packets past the budget the session would look at: it can be asked after Feed left the flow
// Undecided or Named.
func (s *Session) Wants(t *Table) int { return max(s.mayExtend(t)-int(s.extra), 0) }

// mayExtend is how many packets past the budget the waiting dissectors may ask for.
func (s *Session) mayExtend(t *Table) int {
	if s.found >= 0 {
		return t.protocols[s.found].Extra
	}
	extra := 0
	for i := range s.pending[:s.nPending] {
		w := &s.pending[i]
		if !w.is(isLate) {
			extra = max(extra, t.protocols[w.protocol].Extra)
		}
	}
	return extra
}

// addSegment puts a TCP segment into its stream and says whether there is something new to look at.
func (s *Session) addSegment(pool *Pool, seg *Segment) bool {
	own, other := &s.streams[Direction(seg.FromClient)], &s.streams[Direction(!seg.FromClient)]
	seq := seg.Seq
	if seg.SYN {
		seq++ // the SYN takes one number
		own.start(seq)
		if seg.ACK {
			other.start(seg.Ack) // it says which SYN it answers, if several were sent
		}
	}
	if seg.ACK && !seg.SYN {
		other.acknowledge(seg.Ack)
	}
	if len(seg.Payload) == 0 {
		return false
	}
	if !s.streams[0].hasData && !s.streams[1].hasData {
		s.serverFirst = !seg.FromClient
	}
	return own.add(seq, seg.Payload, len(seg.Payload) >= seg.Length, pool)
}

// Direction is the index of a direction in pairs: 0 for what the client sends, 1 for what the server does.
func Direction(fromClient bool) int {
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
		s.readOther(c, s.other)
		c.serverFirst = s.serverFirst
		return c
	}
	s.putDatagrams(pool, seg)
	c.beginAt(pool, 0)
	return c
}

// remember keeps what later calls will need and the packet at hand can't keep.
func (s *Session) remember(pool *Pool, flow *Flow, seg *Segment) {
	if flow.Transport == TCP {
		s.streams[0].keep(pool)
		s.streams[1].keep(pool)
		return
	}
	s.rememberDatagram(pool, seg)
}

// choose lists the dissectors to ask: those that wait, and those that the ports and the first payload of a direction
// call for.
func (s *Session) choose(t *Table, pool *Pool, flow *Flow, seg *Segment) {
	pool.candidates = append(pool.candidates[:0], s.pending[:s.nPending]...)
	if flow.Transport == TCP {
		s.chooseStream(t, pool, flow, Direction(seg.FromClient))
		s.chooseOther(t, pool, flow, Direction(seg.FromClient))
	} else {
		s.chooseDatagram(t, pool, flow, seg)
	}
}

// chooseStream adds the candidates for the start of a TCP direction.
func (s *Session) chooseStream(t *Table, pool *Pool, flow *Flow, way int) {
	view := s.streams[way].view
	if s.asked[way] || len(view) == 0 {
		return
	}
	first, already := s.offered == [2]uint16{}, int(s.offered[way])
	s.offered[way] = uint16(len(view))
	// The start may come in pieces, a length alone for instance.
	s.asked[way] = len(view) >= t.startLength[transportIndex(TCP)][view[0]]
	if first {
		pool.addByPorts(t, flow)
	}
	pool.addCandidates(t, t.byStart[transportIndex(TCP)][view[0]], already, len(view))
	if already > 0 { // those that wait may be heuristic, which come after the others
		slices.SortFunc(pool.candidates, func(a, b waiting) int { return int(a.protocol) - int(b.protocol) })
	}
}

// addByPorts adds those that are tried at the flow's ports.
func (p *Pool) addByPorts(t *Table, flow *Flow) {
	client, server := flow.Client.Port(), flow.Server.Port()
	p.addCandidates(t, t.byPort[portKey{flow.Transport, server}], 0, 0)
	if client != server {
		p.addCandidates(t, t.byPort[portKey{flow.Transport, client}], 0, 0)
	}
}

// addCandidates appends the dissectors of list that are not there yet and take a first payload of length, but did not
// take one of already bytes; length 0: all.
func (p *Pool) addCandidates(t *Table, list []uint16, already, length int) {
	before := p.candidates
	for _, i := range list {
		if least := t.protocols[i].MinLength; length > 0 && (least > length || already > 0 && least <= already) {
			continue
		}
		if !slices.ContainsFunc(before, func(w waiting) bool { return w.protocol == i }) {
			p.candidates = append(p.candidates, waiting{protocol: i, from: anew})
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
func (s *Session) inspect(t *Table, pool *Pool, c *Conversation, seg *Segment) Outcome {
	if s.found >= 0 {
		return s.askFound(t, pool, c, seg)
	}
	s.see(c, seg)
	s.nPending = 0
	for i := range pool.candidates {
		w := &pool.candidates[i]
		switch s.try(t, pool, c, w, seg) {
		case Decided:
			s.nPending, pool.skipped = 0, false
			return Decided
		case Named:
			s.nPending, pool.skipped = 0, false
			s.found, s.from = int16(w.protocol), w.from
			return Named
		case Undecided:
			if s.nPending == maxPending {
				pool.Counters.CandidateLimit++
				s.blind = true
				continue
			}
			s.pending[s.nPending] = *w
			s.nPending++
		}
	}
	if c.Transport != TCP {
		s.asked[Direction(seg.FromClient)] = true
		if !isKeepAlive(seg.Payload) && s.spoken < 255 {
			s.spoken++
		}
		return Undecided // the next datagram may be what they know
	}
	if s.nPending == 0 && s.asked[0] && s.asked[1] {
		return Failed
	}
	return Undecided
}

// askFound asks the dissector that has named the flow.
func (s *Session) askFound(t *Table, pool *Pool, c *Conversation, seg *Segment) Outcome {
	c.beginAt(pool, s.from)
	outcome := s.ask(t, pool, c, &waiting{protocol: uint16(s.found)}, seg.Last)
	if outcome == Failed && c.Transport != TCP && isKeepAlive(seg.Payload) && !c.Last {
		pool.skipped = true
		return Named
	}
	return outcome
}

// try asks a candidate for its view of the conversation.
func (s *Session) try(t *Table, pool *Pool, c *Conversation, w *waiting, seg *Segment) Outcome {
	switch {
	case c.Transport == TCP:
		return s.tryReadings(t, pool, c, w, seg.Last)
	case w.from == anew:
		return s.tryAnew(t, pool, c, w, seg)
	}
	return s.tryAgain(t, pool, c, w, seg)
}

// ask calls a dissector. What it says after YesMore can't take the name away.
func (s *Session) ask(t *Table, pool *Pool, c *Conversation, w *waiting, last bool) Outcome {
	p := t.protocols[w.protocol]
	c.Last = last && (int(s.extra) >= p.Extra || w.is(isLate))
	pool.Counters.Inspections++
	switch v := pool.call(s, p, c); {
	case v == Yes, v == YesMore && c.Last:
		return Decided
	case v == YesMore:
		return Named
	case v == NeedMore && !c.Last:
		return Undecided
	case v == NeedMore && !w.is(isLate):
		s.leaveOpen(p, w.protocol, c)
	}
	return Failed
}

// call runs a dissector. A panic counts as No: what an attacker sends must never end the agent.
func (p *Pool) call(s *Session, protocol *Protocol, c *Conversation) (v Verdict) {
	defer func() {
		if cause := recover(); cause != nil {
			p.Counters.Panics++
			if p.OnPanic != nil {
				p.OnPanic(protocol.Name, c, cause)
			}
			v = No
		}
	}()
	p.result.Reset(protocol)
	p.result.notes.begin(s)
	return protocol.Inspect(c, &p.result)
}

func (s *Session) release(pool *Pool) {
	s.streams[0].release(pool)
	s.streams[1].release(pool)
	if s.history != nil {
		pool.put(s.history)
	}
	s.releaseNotes(pool)
	*s = Session{}
}
