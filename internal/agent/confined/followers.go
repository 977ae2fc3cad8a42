// SPDX-License-Identifier: Apache-2.0

package confined

import (
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

	mu      sync.Mutex // a record is either past or to come when a follower begins
	all     map[*follower]struct{}
	isEnded bool
	count   atomic.Int32
	serving sync.WaitGroup
}

// Bounds of followers.
const (
	maxFollowers     = 16
	maxFollowerBytes = 4 << 20 // that wait for a slow command
	// followerPatience is how long a command may read nothing while records wait.
	followerPatience = 30 * time.Second
)

func newFollowers(e *explain.Explainer, h *hosts.Table) *followers {
	return &followers{explainer: e, hosts: h, all: map[*follower]struct{}{}}
}

// isFollowed reports whether a command follows. The workers ask.
func (s *followers) isFollowed() bool { return s.count.Load() > 0 }

// flow remembers a completed record, and sends it to whoever follows.
func (s *followers) flow(r *record.Flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.explainer.Keep(r)
	for one := range s.all {
		one.flow(r)
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
	one := &follower{selects: selects, wake: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isEnded {
		return &control.Answer{Error: "weir is about to end"}
	}
	if len(s.all) >= maxFollowers {
		return &control.Answer{Error: fmt.Sprintf("%d commands follow the flows of this weir already", maxFollowers)}
	}
	since := int64(0)
	if request.SinceMillis > 0 {
		since = time.Now().Add(-time.Duration(request.SinceMillis) * time.Millisecond).UnixNano()
	}
	s.explainer.Past(request.Last, func(r *record.Flow) bool {
		return r.LastSeen >= since && selects(r)
	}, one.append)
	if one.isOver = !request.Follow; request.Follow {
		s.all[one] = struct{}{}
		s.count.Add(1)
	}
	signal(one.wake)
	s.serving.Add(1)
	return &control.Answer{Hello: &control.Hello{Version: control.FlowsVersion},
		Stream: func(c net.Conn) {
			defer s.serving.Done()
			defer s.forget(one)
			_ = one.serve(c) // the command may have gone
		}}
}

// isCalled reports whether a device calls itself by a name.
func (s *followers) isCalled(name string, mac [6]byte, address netip.Addr) bool {
	return s.hosts.IsCalled(name, mac, address)
}

func (s *followers) forget(one *follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.all[one]; ok {
		delete(s.all, one)
		s.count.Add(-1)
	}
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
	selects match.Filter
	wake    chan struct{} // has one when there is something to send, or the end

	mu      sync.Mutex // guards what follows
	waiting []byte     // lines
	dropped uint64     // records for which waiting had no room, since the last time it was taken
	isOver  bool       // nothing more will come
}

// flow sends a record to come.
func (s *follower) flow(r *record.Flow) {
	if s.selects(r) {
		s.append(r)
		signal(s.wake)
	}
}

func (s *follower) append(r *record.Flow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= maxFollowerBytes {
		s.dropped++
		return
	}
	s.waiting = append(r.AppendJSON(s.waiting), '\n')
}

func (s *follower) end() {
	s.mu.Lock()
	s.isOver = true
	s.mu.Unlock()
	signal(s.wake)
}

// take swaps what waits for an empty buffer, and appends how many records were dropped after it.
func (s *follower) take(empty []byte) (lines []byte, isOver bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines, s.waiting = s.waiting, empty
	if s.dropped > 0 {
		line, marshalErr := json.Marshal(control.Dropped{Type: "dropped", Records: s.dropped})
		lines, s.dropped, err = append(append(lines, line...), '\n'), 0, marshalErr
	}
	return lines, s.isOver, err
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
	var spare []byte
	for {
		select {
		case <-s.wake:
		case <-gone:
			return errGone
		}
		lines, isOver, err := s.take(spare)
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
		if spare = lines[:0]; cap(spare) > maxSpareBytes {
			spare = nil
		}
	}
}

// maxSpareBytes bounds the buffer that a stream keeps.
const maxSpareBytes = 256 << 10
