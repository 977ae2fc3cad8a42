// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/metric"
)

// Follower keeps a table up to date from a socket.
type Follower struct {
	table *Table
	file  *os.File
	list  func() error // requests a dump
	lost  atomic.Uint64
	lists atomic.Uint64
}

// NewFollower reads from a Socket's descriptor, which it takes over, into table. list makes the socket's owner request
// a dump; opening the socket has requested the first.
func NewFollower(descriptor int, table *Table, list func() error) (*Follower, error) {
	if err := unix.SetNonblock(descriptor, true); err != nil { // so that Run can interrupt a read
		return nil, fmt.Errorf("conntrack: %w", err)
	}
	return &Follower{table: table, file: os.NewFile(uintptr(descriptor), "conntrack"), list: list}, nil
}

// Collect adds the counts of the follower and of its table to a snapshot.
func (f *Follower) Collect(s *metric.Snapshot) {
	s.Add(metric.ConnectionEventsLost, f.Lost())
	s.Add(metric.ConnectionLists, f.Lists())
	s.Add(metric.ConnectionsRefused, f.table.Counters().Refused)
}

// Lost counts how often the kernel dropped events that nobody had read in time.
func (f *Follower) Lost() uint64 { return f.lost.Load() }

// Lists counts the dumps that were read: one at the start, and one after losses.
func (f *Follower) Lists() uint64 { return f.lists.Load() }

// After a loss the follower requests a dump when no further loss occurred for calm, but at the latest after long, and
// never sooner than dumpEvery after the previous one: a dump costs the kernel most when connections are many.
const (
	calm      = 500 * time.Millisecond
	long      = 3 * time.Second
	dumpEvery = 30 * time.Second
	// Regular dumps find offloaded connections: no event reports that a flowtable or the card has begun to forward a
	// connection's packets, and only a dump has the counters of a card.
	lookEvery  = time.Minute
	countEvery = 15 * time.Second // while a card forwards connections
)

// gather is the pause in which successive events gather: a wakeup for each costs more than reading it.
const gather = 10 * time.Millisecond

// messageBuffer holds any datagram of the kernel (NLMSG_GOODSIZE, or 32 KiB of a dump).
const messageBuffer = 64 << 10

// Bounds of the end: reading the pending events, and the last dump if events were lost.
const (
	lastEvents = 200 * time.Millisecond
	lastDump   = 8 * time.Second
)

// Run reads until ctx ends, then reads the pending events and returns nil. It closes the descriptor. Call it once.
func (f *Follower) Run(ctx context.Context) error {
	defer f.file.Close()
	defer context.AfterFunc(ctx, func() { f.file.SetReadDeadline(time.Unix(1, 0)) })()
	raw, err := f.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("conntrack: %w", err)
	}
	f.table.beginList()
	r := repair{dumping: true, begun: time.Now()}
	buffer := make([]byte, messageBuffer)
	var due time.Time
	isBusy := false // has read something since the last pause
	for {
		if next := r.due(f.table.Counters().Offloaded > 0); next != due {
			due = next
			f.file.SetReadDeadline(due)
		}
		if ctx.Err() != nil { // else ctx ends after this deadline is set, and replaces it
			return f.drain(raw, buffer, &r)
		}
		var n int
		var failure error
		err := raw.Read(func(fd uintptr) bool {
			n, _, failure = unix.Recvfrom(int(fd), buffer, 0)
			return !errors.Is(failure, unix.EAGAIN) || isBusy
		})
		if isBusy = failure == nil; errors.Is(failure, unix.EAGAIN) {
			time.Sleep(gather) // on purpose nothing wakes it
			continue
		}
		switch {
		case ctx.Err() != nil && err != nil: // the deadline is the end's
			continue
		case errors.Is(err, os.ErrDeadlineExceeded): // a dump is due
		case err != nil:
			return fmt.Errorf("conntrack: read events: %w", err)
		case errors.Is(failure, unix.ENOBUFS):
			f.lose(&r)
		case failure != nil && !errors.Is(failure, unix.EINTR):
			return fmt.Errorf("conntrack: read events: %w", failure)
		case failure == nil:
			if err := f.take(buffer[:n], &r); err != nil {
				return fmt.Errorf("conntrack: %w", err)
			}
		}
		if !due.IsZero() && !time.Now().Before(due) {
			if err := f.requestDump(&r); err != nil {
				return fmt.Errorf("conntrack: %w", err)
			}
		}
	}
}

// drain reads all pending datagrams. If events were lost it requests another dump, for the last records.
func (f *Follower) drain(raw syscall.RawConn, buffer []byte, r *repair) error {
	if err := f.readUntil(raw, buffer, r, time.Now().Add(lastEvents), func() bool { return true }); err != nil {
		return err
	}
	if !f.table.IsBehind() {
		return nil
	}
	if !r.first.IsZero() { // else a dump that replaces them is under way
		if err := f.requestDump(r); err != nil {
			return fmt.Errorf("conntrack: %w", err)
		}
	}
	return f.readUntil(raw, buffer, r, time.Now().Add(lastDump), func() bool { return !r.dumping })
}

// readUntil reads datagrams until none is pending and the condition holds, or until end.
func (f *Follower) readUntil(raw syscall.RawConn, buffer []byte, r *repair, end time.Time, is func() bool) error {
	for time.Now().Before(end) {
		var n int
		var failure error
		if err := raw.Control(
			func(fd uintptr) { n, _, failure = unix.Recvfrom(int(fd), buffer, unix.MSG_DONTWAIT) }); err != nil {
			return fmt.Errorf("conntrack: %w", err)
		}
		switch {
		case errors.Is(failure, unix.EAGAIN):
			if is() {
				return nil
			}
			time.Sleep(gather) // nothing wakes it: the read deadline has passed
		case errors.Is(failure, unix.ENOBUFS):
			f.lose(r)
		case failure == nil:
			if err := f.take(buffer[:n], r); err != nil {
				return fmt.Errorf("conntrack: %w", err)
			}
		}
	}
	return nil
}

// lose records a loss of events.
func (f *Follower) lose(r *repair) {
	f.lost.Add(1)
	r.lose(time.Now())
	f.table.SetBehind(true)
}

func (f *Follower) requestDump(r *repair) error {
	*r = repair{dumping: true, begun: time.Now(), requested: time.Now()}
	f.table.beginList()
	return f.list()
}

// take decodes one datagram.
func (f *Follower) take(b []byte, r *repair) error {
	var c Connection
	for len(b) > 0 {
		what, rest, err := next(b, &c)
		if err != nil {
			return err
		}
		b = rest
		switch what {
		case created, updated:
			f.table.Put(&c)
		case destroyed:
			f.table.Drop(&c)
		case dumpEnded:
			if r.dumping {
				r.dumping = false
				f.table.endList()
				f.table.SetBehind(!r.first.IsZero())
				f.lists.Add(1)
			}
		case dumpRefused:
			return errRefused
		}
	}
	return nil
}

// repair schedules dumps after losses.
type repair struct {
	dumping     bool      // a dump is under way
	begun       time.Time // the start of the last dump, or of the follower's first
	requested   time.Time // the last request from here
	first, last time.Time // losses since that request
}

func (r *repair) lose(now time.Time) {
	if r.first.IsZero() {
		r.first = now
	}
	r.last = now
}

// due returns the time of the next request for a dump; zero while a dump is under way.
func (r *repair) due(isOffloaded bool) time.Time {
	switch {
	case r.dumping:
		return time.Time{}
	case r.first.IsZero() && isOffloaded:
		return r.begun.Add(countEvery)
	case r.first.IsZero():
		return r.begun.Add(lookEvery)
	}
	due := r.last.Add(calm)
	if latest := r.first.Add(long); latest.Before(due) {
		due = latest
	}
	if earliest := r.requested.Add(dumpEvery); due.Before(earliest) {
		due = earliest
	}
	return due
}
