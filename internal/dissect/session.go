// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"net/netip"
	"slices"
)

const (
	// MaxDatagrams bounds the remembered datagrams of a flow: twice the default budget of 8.
	MaxDatagrams = 16
	// MaxHistory bounds the remembered datagrams in bytes.
	MaxHistory = MaxStream
	// maxPending bounds the dissectors that wait for more of one flow.
	maxPending = 20
)

// Segment is one packet of a flow, from the worker to the flow's session.
type Segment struct {
	// Payload is the captured part of the transport's payload.
	Payload []byte
	// Length is the payload's length on the wire.
	Length int
	// Seq and Ack belong to TCP.
	Seq, Ack uint32
	// SYN and ACK are TCP flags.
	SYN, ACK bool
	// FromClient is the direction.
	FromClient bool
	// Last: the flow's packet budget ends with this segment or has ended; only dissectors with Extra see more.
	Last bool
}

// Outcome is the result of a segment.
type Outcome uint8

const (
	// Undecided: the session wants more packets.
	Undecided Outcome = iota
	// Named: the protocol is known (Result has it) and its dissector wants more packets.
	Named
	// Decided: the protocol is known, Result is final.
	Decided
	// Failed: no dissector recognises the flow.
	Failed
)

// Flow is the session's knowledge of its flow, constant from packet to packet.
type Flow struct {
	Transport      Transport
	IPProtocol     uint8
	IPv6           bool
	Midstream      bool
	Client, Server netip.AddrPort
}

// Session is a flow's state during dissection: the waiting dissectors and the start of the payload. Sessions come from
// a Pool and belong to one worker. A session has about 350 bytes besides its buffers.
type Session struct {
	pending  [maxPending]waiting
	nPending uint8
	found    int16 // index of the dissector that said YesMore, -1 before
	from     uint8 // start of the found dissector's reading, as in waiting
	begun    bool
	other    bool // the found dissector reads the streams' other reading
	judged   bool // a dissector was asked
	blind    bool // the dissectors saw only a part of the payload
	nOpen    uint8
	open     [maxOpen]uint16 // dissectors of the flow's ports that were undecided when the budget ended
	spoken   uint8           // datagrams except keep-alives, at most 255
	// asked: the start of this direction has chosen its candidates, and a longer start would choose no more.
	asked   [2]bool
	offered [2]uint16 // length of that start
	extra   uint8     // packets inspected past the budget

	serverFirst bool
	streams     *[2]stream // TCP
	*remembered            // the other transports

	notes        []byte // in a pooled buffer
	nNotes       uint8
	notesOmitted uint16
}

// waiting is a candidate, or a dissector that waits for more.
type waiting struct {
	protocol uint16
	// from is the datagram at which its reading of the flow begins, an index into the remembered ones; anew: none yet.
	from  uint8
	marks marks
}

// marks is the set of a waiting dissector's properties.
type marks uint8

const (
	// isLate: it refused earlier datagrams, so it can't request packets past the budget.
	isLate marks = 1 << iota
	// isIdle: it has seen keep-alives only.
	isIdle
	// isClaim: it said yes after so many refused datagrams that a second one must confirm it.
	isClaim
)

func (w *waiting) is(m marks) bool { return w.marks&m != 0 }

// anew is the waiting.from of a dissector that has not been asked yet, or has refused all earlier datagrams.
const anew = 0xff

// Feed shows a segment to the dissectors. Named and Decided come with the result, valid until the pool's next Feed; nil
// means no news since the last call.
func (s *Session) Feed(t *Table, pool *Pool, flow *Flow, seg *Segment) (Outcome, *Result) {
	if !s.begun {
		s.begin(pool, flow)
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
		return Decided, nil // the earlier result stands
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

// begin takes what only the flow's transport needs.
func (s *Session) begin(pool *Pool, flow *Flow) {
	s.begun, s.found = true, -1
	if flow.Transport == TCP {
		s.streams = pool.streams.get()
	} else {
		s.remembered = pool.remembered.get()
	}
}

// Finish asks the waiting dissectors a last time, after the flow's end. It returns the result of the one that
// recognises the flow; nil if none does, if the session holds no payload, or if Feed has already named the flow. Call
// it for flows that Feed left Undecided or Named.
func (s *Session) Finish(t *Table, pool *Pool, flow *Flow) *Result {
	if s.nPending == 0 || !s.holds(flow) { // a named flow has no waiting dissectors
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

// holds reports whether the session holds payload to show without a current packet.
func (s *Session) holds(flow *Flow) bool {
	if flow.Transport == TCP {
		return len(s.streams[0].view) > 0 || len(s.streams[1].view) > 0
	}
	return s.nDatagrams > 0
}

// Start returns the beginning of a TCP direction (see Direction), as far as it has come in order, and the sequence
// number of its first byte, if that is known. The bytes are valid until the next Feed.
func (s *Session) Start(direction int) (b []byte, seq uint32, isKnown bool) {
	if s.streams == nil {
		return nil, 0, false
	}
	one := &s.streams[direction]
	return one.view, one.base, one.known
}

// exhausted is the outcome when the budget leaves no packet to request.
func (s *Session) exhausted() Outcome {
	if s.found >= 0 {
		return Decided
	}
	return Failed
}

// Wants returns how many packets past the budget the session would inspect; call it after Feed left the flow Undecided
// or Named.
func (s *Session) Wants(t *Table) int { return max(s.mayExtend(t)-int(s.extra), 0) }

// mayExtend returns how many packets past the budget the waiting dissectors may request.
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

// addSegment adds a TCP segment to its stream and reports whether the dissectors have something new to inspect.
func (s *Session) addSegment(pool *Pool, seg *Segment) bool {
	own, other := &s.streams[Direction(seg.FromClient)], &s.streams[Direction(!seg.FromClient)]
	seq := seg.Seq
	if seg.SYN {
		seq++ // the SYN consumes one number
		own.start(seq)
		if seg.ACK {
			other.start(seg.Ack) // the ACK selects one of several SYNs
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

// Direction returns the index of a direction in pairs: 0 for the client's, 1 for the server's.
func Direction(fromClient bool) int {
	if fromClient {
		return 0
	}
	return 1
}

// conversation fills the pool's Conversation with the payload so far, including the current packet if any.
func (s *Session) conversation(pool *Pool, flow *Flow, seg *Segment) *Conversation {
	c := &pool.conversation
	*c = Conversation{
		Transport: flow.Transport, IPProtocol: flow.IPProtocol, IPv6: flow.IPv6,
		Client: flow.Client, Server: flow.Server, Midstream: flow.Midstream,
	}
	if flow.Transport == TCP {
		c.Midstream = c.Midstream || s.streams[0].anew || s.streams[1].anew
		s.readOther(c, s.other)
		c.serverFirst = s.serverFirst
		return c
	}
	s.putDatagrams(pool, seg)
	c.beginAt(pool, 0)
	return c
}

// remember stores the parts of the current packet that later calls need.
func (s *Session) remember(pool *Pool, flow *Flow, seg *Segment) {
	if flow.Transport == TCP {
		s.streams[0].keep(pool)
		s.streams[1].keep(pool)
		return
	}
	s.rememberDatagram(pool, seg)
}

// choose lists the dissectors to ask: the waiting ones, and those selected by the ports and a direction's first
// payload.
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
	// The start may arrive in pieces, a length field alone for instance.
	s.asked[way] = len(view) >= t.startLength[transportIndex(TCP)][view[0]]
	if first {
		pool.addByPorts(t, flow)
	}
	pool.addCandidates(t, t.byStart[transportIndex(TCP)][view[0]], already, len(view))
	if already > 0 { // waiting dissectors may be heuristic, which go last
		slices.SortFunc(pool.candidates, func(a, b waiting) int { return int(a.protocol) - int(b.protocol) })
	}
}

// addByPorts adds the dissectors of the flow's ports.
func (p *Pool) addByPorts(t *Table, flow *Flow) {
	client, server := flow.Client.Port(), flow.Server.Port()
	p.addCandidates(t, t.byPort[portKey{flow.Transport, server}], 0, 0)
	if client != server {
		p.addCandidates(t, t.byPort[portKey{flow.Transport, client}], 0, 0)
	}
}

// addCandidates appends the dissectors of list that are not yet present and accept a first payload of length, but not
// one of already bytes; length 0: all.
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

// inspect asks the found dissector, or the candidates in turn until one says yes. Undecided ones wait.
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
		return Undecided // the next datagram may be their protocol's first
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

// try asks a candidate with its own view of the conversation.
func (s *Session) try(t *Table, pool *Pool, c *Conversation, w *waiting, seg *Segment) Outcome {
	switch {
	case c.Transport == TCP:
		return s.tryReadings(t, pool, c, w, seg.Last)
	case w.from == anew:
		return s.tryAnew(t, pool, c, w, seg)
	}
	return s.tryAgain(t, pool, c, w, seg)
}

// ask calls a dissector. After YesMore no verdict takes the name back.
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

// call runs a dissector. A panic counts as No: no input may end the agent.
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

// release gives the session's parts and buffers back.
func (s *Session) release(pool *Pool) {
	if s.streams != nil {
		s.streams[0].release(pool)
		s.streams[1].release(pool)
		pool.streams.put(s.streams)
	}
	if s.remembered != nil {
		if s.history != nil {
			pool.put(s.history)
		}
		pool.remembered.put(s.remembered)
	}
	s.releaseNotes(pool)
}
