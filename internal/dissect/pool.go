// SPDX-License-Identifier: Apache-2.0

package dissect

// MaxBuffered is how much memory all sessions of one worker may hold for streams and datagrams that wait for more: enough
// for 2,048 flows at their largest, or a table of 65,536 with half a kilobyte each. Past it, flows are judged by the packet
// at hand alone.
const MaxBuffered = 32 << 20

// bufferSizes are the sizes in which buffers are lent: a DNS query fits the first, a TLS hello the third.
var bufferSizes = [...]int{128, 512, 2 << 10, 4 << 10, 8 << 10, MaxStream}

// Counters counts what limits and odd packets did to dissecting. Each belongs to one worker.
type Counters struct {
	// StreamConflicts: overlapping TCP segments with different bytes; the first copy was kept.
	StreamConflicts uint64
	// StreamHoles: segments dropped since a stream had maxHoles stretches waiting already.
	StreamHoles uint64
	// BufferLimit: packets not kept for later since MaxBuffered was reached.
	BufferLimit uint64
	// CandidateLimit: dissectors not asked again since maxPending others were waiting on the same flow.
	CandidateLimit uint64
	// Panics: calls of a dissector that ended in a panic, which counts as No.
	Panics uint64
	// Inspections: calls of dissectors.
	Inspections uint64
}

// Add adds o's counts to c's.
func (c *Counters) Add(o *Counters) {
	c.StreamConflicts += o.StreamConflicts
	c.StreamHoles += o.StreamHoles
	c.BufferLimit += o.BufferLimit
	c.CandidateLimit += o.CandidateLimit
	c.Panics += o.Panics
	c.Inspections += o.Inspections
}

// Pool lends sessions and their buffers. It belongs to one worker.
type Pool struct {
	Counters Counters
	// OnPanic, if set, is called with what a dissector panicked over; the conversation is valid during the call only.
	OnPanic func(protocol string, c *Conversation, cause any)

	buffers  [len(bufferSizes)][][]byte
	sessions []*Session
	lent     int // bytes

	candidates   []uint16
	conversation Conversation
	datagrams    [MaxDatagrams]Datagram
	result       Result
}

// NewPool returns an empty pool.
func NewPool() *Pool { return &Pool{} }

// Buffered is how many bytes are lent to sessions.
func (p *Pool) Buffered() int { return p.lent }

// get lends a buffer of at least size bytes, nil when MaxBuffered is reached.
func (p *Pool) get(size int) []byte {
	for i, class := range bufferSizes {
		if size > class {
			continue
		}
		if p.lent+class > MaxBuffered {
			p.Counters.BufferLimit++
			return nil
		}
		p.lent += class
		if free := p.buffers[i]; len(free) > 0 {
			b := free[len(free)-1]
			p.buffers[i] = free[:len(free)-1]
			return b
		}
		return make([]byte, class)
	}
	return nil
}

func (p *Pool) put(b []byte) {
	for i, class := range bufferSizes {
		if len(b) == class {
			p.lent -= class
			p.buffers[i] = append(p.buffers[i], b)
		}
	}
}

// Get lends a session for a new flow.
func (p *Pool) Get() *Session {
	if n := len(p.sessions); n > 0 {
		s := p.sessions[n-1]
		p.sessions = p.sessions[:n-1]
		return s
	}
	return new(Session)
}

// Put takes a session back, with all that it holds.
func (p *Pool) Put(s *Session) {
	s.release(p)
	p.sessions = append(p.sessions, s)
}
