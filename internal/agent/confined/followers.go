// SPDX-License-Identifier: Apache-2.0

package confined

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirnet/weir/internal/control"
	"github.com/weirnet/weir/internal/explain"
	"github.com/weirnet/weir/internal/filter"
	"github.com/weirnet/weir/internal/hosts"
	"github.com/weirnet/weir/internal/match"
	"github.com/weirnet/weir/internal/record"
)

// followers are the other commands that follow the records (weir flows). The hub never waits for one of them before the
// end: a record that has no room in a follower's buffer is dropped, counted, and told to that command.
type followers struct {
	explainer *explain.Explainer // which remembers the records that are past
	hosts     *hosts.Table

	mu       sync.Mutex // a record is either past or to come when a follower begins
	all      map[*follower]struct{}
	position control.Position // of the newest record
	line     []byte           // its JSON, if a follower selects it
	isEnded  bool
	scratch  record.Flow   // of an event
	always   record.Types  // wanted even if nobody follows
	types    atomic.Uint32 // record.Types that are wanted now
	every    atomic.Int64  // the shortest interval that one of them asks for, in nanoseconds; 0: nobody follows
	lost     atomic.Uint64 // records that found no room with one of them
	serving  sync.WaitGroup
}

// Bounds of followers.
const (
	maxFollowers     = 32
	maxFollowerBytes = 4 << 20 // that wait for a slow command
	// followerPatience is how long a command may read nothing while records wait.
	followerPatience = 30 * time.Second
	// writePause follows each write: what comes meanwhile is one write more, instead of a thousand a second.
	writePause = 5 * time.Millisecond
	// positionEvery is the number of records after which a command that selects none of them learns the position: few
	// enough for the agent to remember them if it resumes.
	positionEvery = 1024
)

// newFollowers makes followers. The events of the given types are wanted even if nobody follows.
func newFollowers(e *explain.Explainer, h *hosts.Table, events record.Types) *followers {
	s := &followers{explainer: e, hosts: h, all: map[*follower]struct{}{},
		position: control.Position{Epoch: newEpoch()}, always: events}
	s.changed()
	return s
}

// newEpoch returns a text that no other start of an agent has.
func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// isFollowed reports whether a command follows the flows. The workers ask.
func (s *followers) isFollowed() bool { return s.wants(record.TypeFlow) }

// followEvery returns how often they want to hear of a live flow; 0: nobody follows. The workers ask.
func (s *followers) followEvery() time.Duration { return time.Duration(s.every.Load()) }

// changed follows a change of the followers: it sets what they want, and how often.
func (s *followers) changed() {
	every, types := time.Duration(0), s.always
	for one := range s.all {
		types |= one.made()
		if one.made()&record.TypeFlow != 0 && (every == 0 || one.every < every) {
			every = one.every
		}
	}
	s.every.Store(int64(every))
	s.types.Store(uint32(types))
}

// usualEvery is how often a follower hears of a live flow if it does not say, leastEvery the least that it may say.
const (
	usualEvery = 5 * time.Second
	leastEvery = 100 * time.Millisecond
)

// flow remembers a completed record, and sends it to whoever follows.
func (s *followers) flow(r *record.Flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.explainer.Keep(r)
	s.position.Sequence++
	s.line = s.line[:0]
	for one := range s.all {
		isSelected := one.wants(r)
		if isSelected && len(s.line) == 0 {
			s.line = append(r.AppendJSON(s.line), '\n')
		}
		one.offer(s.line, isSelected, s.position.Sequence)
	}
}

// event sends an event to whoever follows events of its type. Events have no positions: nobody remembers them.
func (s *followers) event(e *record.Event) {
	if !s.wants(e.Type) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e.AsFlow(&s.scratch)
	s.line = s.line[:0]
	for one := range s.all {
		if one.types&e.Type == 0 || !one.selects(&s.scratch) {
			continue
		}
		if len(s.line) == 0 {
			s.line = append(e.AppendJSON(s.line), '\n')
		}
		one.offer(s.line, true, s.position.Sequence)
	}
}

// wants reports whether somebody follows records of a type.
func (s *followers) wants(t record.Types) bool { return record.Types(s.types.Load())&t != 0 }

// stats sends a stats record to whoever follows those, whatever their filters.
func (s *followers) stats(r *record.Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = append(r.AppendJSON(s.line[:0]), '\n')
	for one := range s.all {
		if one.types&record.TypeStats != 0 {
			one.offer(s.line, true, s.position.Sequence)
		}
	}
}

// open makes a follower of a command.
func (s *followers) open(request *control.Flows) *control.Answer {
	expr, err := filter.Parse(request.Filter)
	if err != nil {
		return &control.Answer{Error: err.Error()}
	}
	selects, err := match.Compile(expr, "", s.isCalled)
	if err != nil {
		return &control.Answer{Error: err.Error()}
	}
	types, err := record.ParseTypes(request.Types)
	if err != nil {
		return &control.Answer{Error: err.Error()}
	}
	if types&record.TypeEvents != 0 {
		if err := match.CheckEvents(expr); err != nil {
			return &control.Answer{Error: err.Error()}
		}
	}
	one := &follower{types: cmp.Or(types, record.TypeFlow), onlyEnded: request.Ended, selects: selects,
		every: usualEvery, wake: make(chan struct{}, 1), epoch: s.position.Epoch, lost: &s.lost}
	if most := time.Hour.Milliseconds(); request.EveryMillis > 0 {
		one.every = max(time.Duration(min(request.EveryMillis, most))*time.Millisecond, leastEvery)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isEnded {
		return &control.Answer{Error: "weir is about to end"}
	}
	if len(s.all) >= maxFollowers {
		return &control.Answer{Error: fmt.Sprintf("%d commands follow the flows of this weir already", maxFollowers)}
	}
	s.past(one, request)
	if one.isOver = !request.Follow; request.Follow {
		s.all[one] = struct{}{}
		s.changed()
	}
	signal(one.wake)
	s.serving.Add(1)
	return &control.Answer{Hello: &control.Hello{Version: control.FlowsVersion, Position: s.position},
		Stream: func(c net.Conn) {
			defer s.serving.Done()
			defer s.forget(one)
			_ = one.serve(c) // the command may have gone
		}}
}

// past sends a new follower what it wants of the past.
func (s *followers) past(one *follower, request *control.Flows) {
	since := int64(0)
	if request.SinceMillis > 0 {
		since = time.Now().Add(-time.Duration(request.SinceMillis) * time.Millisecond).UnixNano()
	}
	selects := func(r *record.Flow) bool { return r.LastSeen >= since && one.wants(r) }
	one.position, one.sent = s.position.Sequence, s.position.Sequence
	if one.types&record.TypeFlow == 0 {
		return
	}
	if request.After == nil {
		s.explainer.Past(request.Last, selects, one.past)
		return
	}
	from := uint64(0) // of another epoch: all records here are later
	if request.After.Epoch == s.position.Epoch {
		from = request.After.Sequence
	}
	one.dropped = s.explainer.After(from, func(r *record.Flow) {
		if selects(r) {
			one.past(r)
		}
	})
}

// isCalled reports whether a device calls itself by a name.
func (s *followers) isCalled(name string, mac [6]byte, address netip.Addr) bool {
	return s.hosts.IsCalled(name, mac, address)
}

func (s *followers) forget(one *follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, one)
	s.changed()
}

// end lets every follower end once it has what waits for it.
func (s *followers) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isEnded = true
	for one := range s.all {
		one.end()
	}
}

// wait waits after end until the followers have what waited for them, at most for a time.
func (s *followers) wait(most time.Duration) {
	served := make(chan struct{})
	go func() {
		s.serving.Wait()
		close(served)
	}()
	over := time.NewTimer(most)
	defer over.Stop()
	select {
	case <-served:
	case <-over.C:
	}
}

// follower is one command that follows.
type follower struct {
	types     record.Types
	onlyEnded bool // no records of live flows
	selects   match.Filter
	epoch     string
	every     time.Duration // how often it wants to hear of a live flow
	wake      chan struct{} // has one when there is something to send, or the end

	lost *atomic.Uint64 // all records that found no room

	mu       sync.Mutex // guards what follows
	waiting  []byte     // lines
	dropped  uint64     // records for which waiting had no room, since the last time it was taken
	position uint64     // of the newest record that is in waiting, or was not selected
	sent     uint64     // the position that the command knows
	isOver   bool       // nothing more will come
}

// made are the types of records that have to be made for the command: the last record of a flow is made anyway.
func (s *follower) made() record.Types {
	if s.onlyEnded {
		return s.types &^ record.TypeFlow
	}
	return s.types
}

// wants reports whether the command wants a flow's record.
func (s *follower) wants(r *record.Flow) bool {
	return s.types&record.TypeFlow != 0 && (!s.onlyEnded || r.State == record.StateEnd) && s.selects(r)
}

// offer puts a record's line among those that wait, if it is selected.
func (s *follower) offer(line []byte, isSelected bool, position uint64) {
	s.mu.Lock()
	s.position = position
	switch {
	case !isSelected:
	case len(s.waiting) >= maxFollowerBytes:
		s.drop()
	default:
		s.waiting = append(s.waiting, line...)
	}
	isDue := isSelected || position-s.sent >= positionEvery
	s.mu.Unlock()
	if isDue {
		signal(s.wake)
	}
}

// past puts a record of the past among the lines that wait.
func (s *follower) past(r *record.Flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= maxFollowerBytes {
		s.drop()
		return
	}
	s.waiting = append(r.AppendJSON(s.waiting), '\n')
}

func (s *follower) drop() {
	s.dropped++
	s.lost.Add(1)
}

func (s *follower) end() {
	s.mu.Lock()
	s.isOver = true
	s.mu.Unlock()
	signal(s.wake)
}

// swap swaps what waits for an empty buffer, and appends how many records were dropped after it, and the position.
func (s *follower) swap(empty []byte) (lines []byte, isOver bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines, s.waiting = s.waiting, empty
	if s.dropped > 0 {
		lines, err = appendLine(lines, control.Dropped{Type: "dropped", Records: s.dropped})
		s.dropped = 0
	}
	if err == nil && (len(lines) > 0 || s.position != s.sent) {
		s.sent = s.position
		lines, err = appendLine(lines, control.PositionLine{Type: "position",
			Position: control.Position{Epoch: s.epoch, Sequence: s.position}})
	}
	return lines, s.isOver, err
}

func appendLine(lines []byte, what any) ([]byte, error) {
	line, err := json.Marshal(what)
	return append(append(lines, line...), '\n'), err
}

// errGone means that a command has closed its end.
var errGone = errors.New("the command has gone")

// serve sends what comes until the stream is over, or the command has gone.
func (s *follower) serve(c net.Conn) error {
	gone := make(chan struct{})
	go func() { // the command sends nothing more: a read ends when it goes
		defer close(gone)
		_, _ = c.Read(make([]byte, 1))
	}()
	pause := time.NewTimer(0)
	defer pause.Stop()
	var spare []byte
	for {
		select {
		case <-s.wake:
		case <-gone:
			return errGone
		}
		lines, isOver, err := s.swap(spare)
		if err != nil {
			return err
		}
		if len(lines) > 0 {
			_ = c.SetWriteDeadline(time.Now().Add(followerPatience))
			if _, err := c.Write(lines); err != nil {
				return err
			}
		}
		if isOver {
			return nil
		}
		pause.Reset(writePause)
		select {
		case <-pause.C:
		case <-gone:
			return errGone
		}
		if spare = lines[:0]; cap(spare) > maxSpareBytes {
			spare = nil
		}
	}
}

// maxSpareBytes bounds the buffer that a stream keeps.
const maxSpareBytes = 256 << 10
