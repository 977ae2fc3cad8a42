// SPDX-License-Identifier: Apache-2.0

package dissect

import "github.com/weirnet/weir/internal/metric"

const (
	// MaxBuffered bounds a worker's memory for waiting streams and datagrams in bytes, free buffers included: enough
	// for 2,048 flows at their largest, or a table of 65,536 with half a kilobyte each. At the limit, dissectors judge
	// flows by the stored bytes, or by the current packet alone.
	MaxBuffered = 32 << 20
	// maxFreeClass bounds the free bytes kept of one buffer size: as many as 8,192 flows with half a kilobyte each
	// return when they end together. The garbage collector gets the rest.
	maxFreeClass = MaxBuffered / 8
	// maxFree does the same for sessions and their parts: 4,096 sessions of 350 bytes take 1.4 MiB.
	maxFree = 4096
)

// bufferSizes are the sizes of buffers: a host name fits the first, a DNS query the second, a TLS hello the fifth.
var bufferSizes = [...]int{32, 64, 128, 256, 512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, MaxStream}

// Counters counts effects of limits and odd packets on dissection. Each belongs to one worker.
type Counters struct {
	// StreamConflicts: overlapping TCP segments with different bytes; the first copy stayed.
	StreamConflicts uint64
	// StreamHoles: segments dropped because maxHoles spans of their stream were already waiting.
	StreamHoles uint64
	// BufferLimit: packets not kept for later calls because of MaxBuffered.
	BufferLimit uint64
	// CandidateLimit: dissectors dropped because maxPending others were waiting on the same flow.
	CandidateLimit uint64
	// NamesOmitted: names of a flow that found no room beside maxNotes others.
	NamesOmitted uint64
	// Panics: dissector calls that panicked, which count as No.
	Panics uint64
	// Inspections: dissector calls.
	Inspections uint64
}

// Add adds o's counts to c's.
func (c *Counters) Add(o *Counters) {
	c.StreamConflicts += o.StreamConflicts
	c.StreamHoles += o.StreamHoles
	c.BufferLimit += o.BufferLimit
	c.CandidateLimit += o.CandidateLimit
	c.NamesOmitted += o.NamesOmitted
	c.Panics += o.Panics
	c.Inspections += o.Inspections
}

// Collect adds the counts to a snapshot.
func (c *Counters) Collect(s *metric.Snapshot) {
	s.Add(metric.StreamConflicts, c.StreamConflicts)
	s.Add(metric.StreamHoles, c.StreamHoles)
	s.Add(metric.BufferLimit, c.BufferLimit)
	s.Add(metric.CandidateLimit, c.CandidateLimit)
	s.Add(metric.NamesOmitted, c.NamesOmitted)
	s.Add(metric.Panics, c.Panics)
	s.Add(metric.Inspections, c.Inspections)
}

// Pool lends sessions and their buffers. It belongs to one worker.
type Pool struct {
	Counters Counters
	// OnPanic, if set, is called when a dissector panics; the conversation is valid during the call only.
	OnPanic func(protocol string, c *Conversation, cause any)

	buffers    [len(bufferSizes)][][]byte
	sessions   freeList[Session]
	streams    freeList[[2]stream]
	remembered freeList[remembered]
	lent       int // bytes
	free       int // bytes in buffers

	candidates   []waiting
	conversation Conversation
	datagrams    [MaxDatagrams]Datagram
	nDatagrams   int
	skipped      bool // the current datagram is a keep-alive, which tells waiting dissectors nothing
	result       Result
}

// NewPool returns an empty pool.
func NewPool() *Pool { return &Pool{} }

// Buffered returns how many bytes the pool has lent to sessions.
func (p *Pool) Buffered() int { return p.lent }

// get lends a buffer of at least size bytes, nil at the limit MaxBuffered.
func (p *Pool) get(size int) []byte {
	for i, class := range bufferSizes {
		if size > class {
			continue
		}
		if len(p.buffers[i]) > 0 {
			p.lent += class
			return p.takeFree(i)
		}
		if !p.makeRoom(class) {
			p.Counters.BufferLimit++
			return nil
		}
		p.lent += class
		return make([]byte, class)
	}
	return nil
}

// takeFree takes the newest free buffer of a class off its list.
func (p *Pool) takeFree(class int) []byte {
	list := p.buffers[class]
	last := len(list) - 1
	b := list[last]
	list[last] = nil // or the garbage collector can't free it
	p.buffers[class] = list[:last]
	p.free -= len(b)
	return b
}

// makeRoom drops free buffers, the largest first, until size more bytes fit into MaxBuffered, and reports whether they
// do.
func (p *Pool) makeRoom(size int) bool {
	if p.lent+size > MaxBuffered {
		return false
	}
	for i := len(bufferSizes) - 1; i >= 0; i-- {
		for len(p.buffers[i]) > 0 && p.lent+p.free+size > MaxBuffered {
			p.takeFree(i)
		}
	}
	return true
}

// put takes a buffer back.
func (p *Pool) put(b []byte) {
	for i, class := range bufferSizes {
		if len(b) != class {
			continue
		}
		p.lent -= class
		if (len(p.buffers[i])+1)*class <= maxFreeClass {
			p.free += class
			p.buffers[i] = append(p.buffers[i], b)
		}
		return
	}
}

// Get lends a session for a new flow.
func (p *Pool) Get() *Session { return p.sessions.get() }

// Put takes a session back, with all its buffers.
func (p *Pool) Put(s *Session) {
	s.release(p)
	p.sessions.put(s)
}

// freeList keeps values for their next use, at most maxFree of them.
type freeList[T any] struct{ free []*T }

// get returns a zero value.
func (l *freeList[T]) get() *T {
	last := len(l.free) - 1
	if last < 0 {
		return new(T)
	}
	v := l.free[last]
	l.free[last] = nil // or the garbage collector can't free it
	l.free = l.free[:last]
	return v
}

// put takes a value back.
func (l *freeList[T]) put(v *T) {
	if len(l.free) < maxFree {
		var zero T
		*v = zero
		l.free = append(l.free, v)
	}
}
