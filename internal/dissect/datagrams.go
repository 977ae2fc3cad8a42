// SPDX-License-Identifier: Apache-2.0

package dissect

// A flow of datagrams may begin with noise: a NAT keep-alive (RFC 3948 §2.3, RFC 5626 §4.4, RFC 6263 §4), a probe or
// junk, from either side. So every datagram within the budget gives each dissector that does not wait a new chance: the
// session asks it with a conversation that begins with that datagram, and, if the datagram can be an answer, with one
// that begins with the question before it.

// remembered is a session's memory of datagrams.
type remembered struct {
	history []byte // one after the other, in a pooled buffer
	// ends are the datagrams' ends in history, lengths their bytes on the wire, fromClient a bit for each.
	ends, lengths [MaxDatagrams]uint16
	fromClient    uint16
	nDatagrams    uint8
}

// start returns where datagram n begins in the history, or ends the one before.
func (r *remembered) start(n int) int {
	if n == 0 {
		return 0
	}
	return int(r.ends[n-1])
}

// used returns how many bytes of the history are in use.
func (r *remembered) used() int { return r.start(int(r.nDatagrams)) }

// datagram returns datagram n, valid until the next forget.
func (r *remembered) datagram(n int) Datagram {
	return Datagram{r.history[r.start(n):r.ends[n]], int(r.lengths[n]), r.fromClient>>n&1 != 0}
}

// maxKeepAlive is the longest run of zero bytes that counts as a keep-alive, in bytes.
const maxKeepAlive = 64

// isKeepAlive reports whether a datagram carries no data: the byte 0xff (RFC 3948 §2.3), zero bytes, or line ends (RFC
// 5626 §3.5.1).
func isKeepAlive(b []byte) bool {
	if len(b) > maxKeepAlive {
		return false
	}
	if len(b) == 1 && b[0] == 0xff {
		return true
	}
	isZero, isEmpty := true, true
	for _, c := range b {
		isZero = isZero && c == 0
		isEmpty = isEmpty && (c == '\r' || c == '\n')
	}
	return isZero || isEmpty
}

// chooseDatagram adds the candidates for a datagram. Past the budget the session asks only waiting dissectors.
func (s *Session) chooseDatagram(t *Table, pool *Pool, flow *Flow, seg *Segment) {
	switch {
	case s.found >= 0 || s.extra > 0 || len(seg.Payload) == 0:
	case flow.Transport == IP:
		pool.addCandidates(t, t.byIP[flow.IPProtocol], 0, 0)
	default:
		pool.addByPorts(t, flow)
		pool.addCandidates(t, t.byStart[transportIndex(flow.Transport)][seg.Payload[0]], 0, len(seg.Payload))
	}
}

// tryAgain asks a waiting dissector. If it refuses a keep-alive, its earlier datagrams still stand; any other refused
// datagram may be the start of its protocol.
func (s *Session) tryAgain(t *Table, pool *Pool, c *Conversation, w *waiting, seg *Segment) Outcome {
	says := !isKeepAlive(seg.Payload)
	if w.is(isClaim) {
		if !says {
			pool.skipped = true
			return Undecided
		}
		return s.confirm(t, pool, c, w, seg)
	}
	c.beginAt(pool, w.from)
	outcome := s.ask(t, pool, c, w, seg.Last)
	switch {
	case outcome == Failed && !says && !c.Last:
		pool.skipped = true
		return Undecided
	case outcome == Failed && s.extra == 0:
		return s.tryAnew(t, pool, c, w, seg)
	case outcome == Undecided && w.is(isIdle) && says:
		w.marks &^= isIdle
		return s.tryWithoutIdle(t, pool, c, w, seg)
	}
	return outcome
}

// tryWithoutIdle asks a waiting dissector whether it reads more without the keep-alives before the current datagram.
func (s *Session) tryWithoutIdle(t *Table, pool *Pool, c *Conversation, w *waiting, seg *Segment) Outcome {
	newest := uint8(pool.nDatagrams - 1)
	c.beginAt(pool, newest)
	outcome := s.ask(t, pool, c, w, seg.Last)
	if outcome == Failed {
		return Undecided
	}
	w.from = newest
	return outcome
}

// confirm asks a dissector that claims the flow whether the current datagram alone supports the claim too.
func (s *Session) confirm(t *Table, pool *Pool, c *Conversation, w *waiting, seg *Segment) Outcome {
	again := *w
	if s.tryAnew(t, pool, c, &again, seg) != Undecided || again.from == w.from || !again.is(isClaim) {
		return Undecided
	}
	for _, from := range [2]uint8{w.from, again.from} { // preferably with all claimed datagrams in one conversation
		c.beginAt(pool, from)
		if outcome := s.ask(t, pool, c, w, seg.Last); outcome == Named || outcome == Decided {
			w.from = from
			return outcome
		}
	}
	return Undecided
}

// maxRefused bounds the refused datagrams, keep-alives aside, after which a single datagram may still name the flow:
// every further chance is one for noise, too.
const maxRefused = 1

// tryAnew asks a dissector with up to three conversations: from the start of the flow (if this side speaks for the
// first time), from the preceding datagram (if the other side sent it), and from the current datagram. The first yes
// counts; otherwise the dissector waits from the earliest start that it does not refuse.
func (s *Session) tryAnew(t *Table, pool *Pool, c *Conversation, w *waiting, seg *Segment) Outcome {
	starts, n := s.starts(pool, seg)
	refused, waits := w.from, false
	for _, start := range starts[:n] {
		if refused != anew && start <= refused {
			continue
		}
		before := s.spokenBefore(pool, int(start))
		tried := waiting{protocol: w.protocol, from: start}
		if before > 0 {
			tried.marks |= isLate
		}
		if int(start) == pool.nDatagrams-1 && isKeepAlive(seg.Payload) {
			tried.marks |= isIdle
		}
		c.beginAt(pool, start)
		outcome := s.ask(t, pool, c, &tried, seg.Last)
		if before > maxRefused && (outcome == Named || outcome == Decided) {
			tried.marks |= isClaim
			outcome = Undecided
		}
		switch {
		case outcome == Decided, outcome == Named:
			*w = tried
			return outcome
		case outcome == Undecided && (!waits || tried.is(isClaim) && !w.is(isClaim)):
			waits, *w = true, tried
		}
	}
	if waits {
		return Undecided
	}
	return Failed
}

// starts returns the datagrams at which a conversation that ends with the newest may begin, for a dissector that does
// not wait.
func (s *Session) starts(pool *Pool, seg *Segment) (starts [3]uint8, n int) {
	newest := pool.nDatagrams - 1
	if newest > 1 && !s.asked[Direction(seg.FromClient)] {
		n = 1 // index 0: the first datagram
	}
	if newest > 0 && pool.datagrams[newest-1].FromClient != seg.FromClient {
		starts[n] = uint8(newest - 1)
		n++
	}
	starts[n] = uint8(newest)
	return starts, n + 1
}

// spokenBefore counts the datagrams before index start that are no keep-alives.
func (s *Session) spokenBefore(pool *Pool, start int) int {
	n := int(s.spoken)
	for i := start; i < pool.nDatagrams-1; i++ {
		if !isKeepAlive(pool.datagrams[i].Payload) {
			n--
		}
	}
	return max(n, 0)
}

// beginAt lets the conversation begin with the datagram from; TCP conversations stay unchanged.
func (c *Conversation) beginAt(pool *Pool, from uint8) {
	if c.Transport == TCP {
		return
	}
	c.Datagrams = pool.datagrams[min(int(from), pool.nDatagrams-1):pool.nDatagrams]
	c.serverFirst = !c.Datagrams[0].FromClient
}

// putDatagrams fills the pool's datagrams with the remembered ones and the current one.
func (s *Session) putDatagrams(pool *Pool, seg *Segment) {
	pool.nDatagrams = int(s.nDatagrams)
	for i := range pool.nDatagrams {
		pool.datagrams[i] = s.datagram(i)
	}
	if seg == nil {
		return
	}
	pool.nDatagrams = min(pool.nDatagrams, MaxDatagrams-1) // the newest always has a place
	pool.datagrams[pool.nDatagrams] = Datagram{seg.Payload, seg.Length, seg.FromClient}
	pool.nDatagrams++
}

// rememberDatagram keeps the current datagram for later calls. If no dissector waits, later calls need no other.
func (s *Session) rememberDatagram(pool *Pool, seg *Segment) {
	if s.found < 0 && s.nPending == 0 && s.asked[0] && s.asked[1] {
		s.nDatagrams = 0
	}
	payload := seg.Payload[:min(len(seg.Payload), MaxHistory)]
	for int(s.nDatagrams) > s.kept() && s.isFull(len(payload)) {
		s.forget(s.kept())
	}
	if s.isFull(len(payload)) || !s.growHistory(pool, s.used()+len(payload)) {
		return
	}
	s.add(payload, seg.Length, seg.FromClient)
}

// isFull reports whether no datagram of that many bytes finds room.
func (r *remembered) isFull(size int) bool {
	return r.nDatagrams == MaxDatagrams || r.used()+size > MaxHistory
}

// add adds a datagram for which the history has room.
func (r *remembered) add(payload []byte, length int, fromClient bool) {
	n, end := r.nDatagrams, r.used()+len(payload)
	copy(r.history[r.used():], payload)
	r.ends[n], r.lengths[n] = uint16(end), uint16(min(length, 0xffff))
	r.fromClient &^= 1 << n
	if fromClient {
		r.fromClient |= 1 << n
	}
	r.nDatagrams++
}

// keptMessages is how many of the first datagrams, mostly a question and its answer, outlive later ones.
const keptMessages = 2

// kept returns how many of the oldest datagrams stay. Datagrams before the found dissector's reading need not stay.
func (s *Session) kept() int {
	if s.found >= 0 && s.from > 0 {
		return 0
	}
	return keptMessages
}

// forget drops datagram n.
func (s *Session) forget(n int) {
	start, end, used := s.start(n), int(s.ends[n]), s.used()
	copy(s.history[start:], s.history[end:used])
	last := int(s.nDatagrams) - 1
	for i := n; i < last; i++ {
		s.ends[i], s.lengths[i] = s.ends[i+1]-uint16(end-start), s.lengths[i+1]
	}
	before := uint16(1)<<n - 1
	s.fromClient = s.fromClient&before | s.fromClient>>1&^before
	s.nDatagrams--
	if int(s.from) > n {
		s.from--
	}
	for i := range s.pending[:s.nPending] {
		if w := &s.pending[i]; int(w.from) > n {
			w.from--
		}
	}
}

func (s *Session) growHistory(pool *Pool, size int) bool {
	if len(s.history) >= size {
		return true
	}
	buf := pool.get(size)
	if buf == nil {
		return false
	}
	copy(buf, s.history[:s.used()])
	if s.history != nil {
		pool.put(s.history)
	}
	s.history = buf
	return true
}
