// SPDX-License-Identifier: Apache-2.0

package ship

import (
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/metric"
)

// Bounds of the reports that wait in memory until ship has stored them, and of those in the socket that ship has not
// confirmed. At least one may wait, however long it is.
const (
	maxWaiting      = 8
	maxWaitingBytes = 64 << 20
)

// Sender is the confined process's side: it keeps each report until ship has stored it, and sends it again to a ship
// that was started anew. No method waits, except Drain. Any goroutine may call them.
type Sender struct {
	conn    *net.UnixConn
	changed chan struct{} // has one after a message of ship
	dropped atomic.Uint64 // reports
	unknown atomic.Uint64 // of them, those of which no spool can know

	mu       sync.Mutex // guards what follows
	identity Identity
	isKnown  bool // ship has said hello
	waiting  []waiting
	peak     int // reports that waited at most since the last Queue
	flight   flight
	untold   []Range // lost reports of earlier epochs that no stored report has told; the spool notes the others
	state    State
	isWhole  bool // WantsWhole
	out      []byte
}

// waiting is a report that ship has not stored yet.
type waiting struct {
	sequence uint64
	line     *os.File
	size     int
	told     []Range
	isSent   bool
}

// flight is what is in the socket as far as the sender knows.
type flight struct{ reports, bytes int }

func (f flight) hasRoom(size int) bool {
	return f.reports == 0 || f.reports < maxWaiting && f.bytes+size <= maxWaitingBytes
}

// NewSender takes over the descriptor of the confined process's socket.
func NewSender(fd int) (*Sender, error) {
	conn, err := takeSocket(fd)
	if err != nil {
		return nil, err
	}
	s := &Sender{conn: conn, changed: make(chan struct{}, 1)}
	go s.receive()
	return s, nil
}

// Close closes the socket. Ship still gets the reports that were sent.
func (s *Sender) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.waiting {
		s.waiting[i].line.Close()
	}
	s.waiting = nil
	return s.conn.Close()
}

// Identity returns the identity of the reports, with the sequence of the next one; false until ship has said hello.
func (s *Sender) Identity() (Identity, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity, s.isKnown
}

// Health is what a report tells of the reports before it.
type Health struct {
	State
	// Lost are the ranges of reports to tell.
	Lost []Range
}

// Health returns the state for the next report, which Send takes next.
func (s *Sender) Health() Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := Health{State: s.state}
	h.Queued += uint64(len(s.waiting))
	h.Lost = slices.Concat(s.state.Untold, s.untold)
	for i := range s.waiting {
		h.Lost = without(h.Lost, s.waiting[i].told)
	}
	h.Lost = h.Lost[:min(len(h.Lost), maxRanges)]
	return h
}

// Send takes the report with the next sequence, made with that identity and that health. It drops the oldest report if
// too many wait, or this one if it can't be kept.
func (s *Sender) Send(of Identity, h *Health, line []byte) {
	file, err := seal(line)
	s.mu.Lock()
	defer s.mu.Unlock()
	if of.Epoch != s.identity.Epoch || of.Next != s.identity.Next {
		// ship has begun anew since
		if err == nil {
			file.Close()
		}
		s.lose(of.Epoch, of.Next)
		return
	}
	s.identity.Next++
	if err != nil {
		s.lose(of.Epoch, of.Next)
		return
	}
	s.waiting = append(s.waiting, waiting{sequence: of.Next, line: file, size: len(line), told: h.Lost})
	s.peak = max(s.peak, min(len(s.waiting), maxWaiting))
	for len(s.waiting) > 1 && (len(s.waiting) > maxWaiting || s.bytes() > maxWaitingBytes) {
		s.drop(of.Epoch, 0)
	}
	s.pump()
}

func (s *Sender) bytes() (sum int) {
	for i := range s.waiting {
		sum += s.waiting[i].size
	}
	return sum
}

// drop gives up a waiting report of an epoch. One that is in the socket may arrive nevertheless. With mu held.
func (s *Sender) drop(epoch ID, i int) {
	w := &s.waiting[i]
	s.isWhole = true
	if !w.isSent || epoch != s.identity.Epoch {
		s.lose(epoch, w.sequence)
	}
	w.line.Close()
	s.waiting = slices.Delete(s.waiting, i, i+1)
}

// lose notes a lost report: later ones say so, and repeat what it told of its flows. With mu held.
func (s *Sender) lose(epoch ID, sequence uint64) {
	s.dropped.Add(1)
	s.isWhole = true
	if epoch == s.identity.Epoch {
		return
	}
	s.unknown.Add(1)
	if n := len(s.untold); n > 0 && s.untold[n-1].Epoch == epoch && s.untold[n-1].Last+1 == sequence {
		s.untold[n-1].Last, s.untold[n-1].Count = sequence, s.untold[n-1].Count+1
		return
	}
	if len(s.untold) == maxRanges { // the counter has all of them
		s.untold = slices.Delete(s.untold, 0, 1)
	}
	s.untold = append(s.untold, Range{epoch, sequence, sequence, 1})
}

// WantsWhole reports whether flows have to be reported whole again since the last call: the sink wants it, or a report
// was lost.
func (s *Sender) WantsWhole() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.isWhole
	s.isWhole = false
	return is
}

// Lose counts a report that had no identity.
func (s *Sender) Lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped.Add(1)
	s.unknown.Add(1)
	s.isWhole = true
}

// Pump sends what the socket had no room for. Call it now and then.
func (s *Sender) Pump() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pump()
}

// pump sends the waiting reports in their order, up to one that has no room. With mu held.
func (s *Sender) pump() {
	previous := uint64(0)
	for i := range s.waiting {
		w := &s.waiting[i]
		if !w.isSent {
			s.out = appendReport(s.out[:0], &reportHead{epoch: s.identity.Epoch, sequence: w.sequence,
				previous: previous, size: uint32(w.size), told: w.told})
			if !s.flight.hasRoom(w.size) || send(s.conn, s.out, int(w.line.Fd())) != nil {
				return
			}
			w.isSent = true
			s.flight.reports, s.flight.bytes = s.flight.reports+1, s.flight.bytes+w.size
		}
		previous = w.sequence
	}
}

// receive takes ship's messages until the socket closes.
func (s *Sender) receive() {
	buffer, control := make([]byte, maxMessage+1), make([]byte, controlSize)
	for {
		message, fd, err := receive(s.conn, buffer, control)
		if err != nil {
			return
		}
		if fd >= 0 {
			_ = (os.NewFile(uintptr(fd), "")).Close() // ship sends none
		}
		s.take(message)
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
}

// take takes one message. An invalid one changes nothing.
func (s *Sender) take(message []byte) {
	kind, body, err := parse(message)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case kindHello:
		if i, err := parseHello(body); err == nil {
			s.hello(i)
		}
	case kindStored:
		if sequence, err := parseStored(body); err == nil {
			s.stored(sequence)
		}
	case kindState:
		if state, err := parseState(body); err == nil {
			s.stored(state.Next - 1)
			s.isWhole = s.isWhole || state.WholeFlows
			state.WholeFlows = false
			s.state = state
		}
	}
	s.pump()
}

// hello takes the identity of a ship that begins, or has missed a report. With mu held.
func (s *Sender) hello(i Identity) {
	if s.isKnown && i.Epoch == s.identity.Epoch {
		s.stored(i.Next - 1)
		i.Next = max(i.Next, s.identity.Next)
		s.identity.Next = i.Next
	} else { // the spool began anew: it can't take reports of another epoch
		old := s.identity.Epoch
		s.identity = i
		for len(s.waiting) > 0 {
			s.drop(old, 0)
		}
	}
	s.isKnown, s.flight = true, flight{} // ship has taken all that was in the socket
	for j := range s.waiting {
		s.waiting[j].isSent = false
	}
}

// stored forgets the reports up to a sequence, and the losses that they told. With mu held.
func (s *Sender) stored(sequence uint64) {
	for len(s.waiting) > 0 && s.waiting[0].sequence <= sequence {
		w := &s.waiting[0]
		s.untold = without(s.untold, w.told)
		s.state.Untold = without(s.state.Untold, w.told)
		w.line.Close()
		s.waiting = slices.Delete(s.waiting, 0, 1)
	}
	s.flight = flight{}
	for i := range s.waiting {
		if w := &s.waiting[i]; w.isSent {
			s.flight.reports, s.flight.bytes = s.flight.reports+1, s.flight.bytes+w.size
		}
	}
}

// without returns what of the ranges is not told: a range may have grown since.
func without(all, told []Range) (rest []Range) {
	for _, r := range all {
		for _, t := range told {
			if t.Epoch == r.Epoch && t.First == r.First && t.Last <= r.Last && t.Count <= r.Count {
				r.First, r.Count = t.Last+1, r.Count-t.Count
			}
		}
		if r.Count > 0 {
			rest = append(rest, r)
		}
	}
	return rest
}

// Waiting returns the number of reports that are not stored.
func (s *Sender) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// Queue returns the number of reports that are not stored, its maximum since the last call, and how many there may be.
func (s *Sender) Queue() (length, peak, limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	peak = max(s.peak, len(s.waiting))
	s.peak = len(s.waiting)
	return len(s.waiting), peak, maxWaiting
}

// AwaitIdentity waits for ship's hello like Drain.
func (s *Sender) AwaitIdentity(atMost time.Duration, progress func()) bool {
	return s.await(atMost, progress, func() bool { _, ok := s.Identity(); return ok })
}

// drainEvery is the interval of Drain's calls of progress.
const drainEvery = 100 * time.Millisecond

// Drain waits until ship has stored all reports, at most atMost, and calls progress meanwhile. It reports whether none
// is left.
func (s *Sender) Drain(atMost time.Duration, progress func()) bool {
	return s.await(atMost, progress, func() bool { return s.Waiting() == 0 })
}

func (s *Sender) await(atMost time.Duration, progress func(), is func() bool) bool {
	end := time.NewTimer(atMost)
	defer end.Stop()
	tick := time.NewTicker(drainEvery)
	defer tick.Stop()
	for !is() {
		select {
		case <-end.C:
			return false
		case <-s.changed:
		case <-tick.C:
			s.Pump()
			progress()
		}
	}
	return true
}

// Unknown returns the number of reports that are lost, and in no spool's count of losses.
func (s *Sender) Unknown() uint64 { return s.unknown.Load() }

// Collect adds the reports that were lost before ship had them.
func (s *Sender) Collect(to *metric.Snapshot) { to.Add(metric.ReportsUnshipped, s.dropped.Load()) }
