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

// Follower keeps a table true by what comes from a socket.
type Follower struct {
	table *Table
	file  *os.File
	list  func() error // asks for a list
	lost  atomic.Uint64
	lists atomic.Uint64
}

// NewFollower reads from the descriptor of a Socket, which it takes over, into table. list has the owner of the socket
// ask for a list; one has been asked for when the socket was opened.
func NewFollower(descriptor int, table *Table, list func() error) (*Follower, error) {
	if err := unix.SetNonblock(descriptor, true); err != nil { // so that reading can be ended
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

// Lost is how often the kernel threw events away since nobody had read them in time, and Lists how many lists were
// taken in.
func (f *Follower) Lost() uint64 { return f.lost.Load() }

// Lists counts the lists that were taken in: one at the beginning, and one after losses.
func (f *Follower) Lists() uint64 { return f.lists.Load() }

// After a loss a list is asked for when no more was lost for calm, but before long, and never sooner than listEvery
// after the last such list: to make a list costs the kernel most when there is most to be told.
const (
	calm      = 500 * time.Millisecond
	long      = 3 * time.Second
	listEvery = 30 * time.Second
	// Without a loss a list is asked for too: no event tells that a flowtable, or the card, has begun to forward a
	// connection's packets, and what the card forwards is counted in the list only.
	lookEvery  = time.Minute
	countEvery = 15 * time.Second // where there are connections that a card forwards
)

// gather is the pause in which events may gather that come one after the other: to be woken for each costs more than to
// read it.
const gather = 10 * time.Millisecond

// messageBuffer holds any one datagram of the kernel's (NLMSG_GOODSIZE, or 32 KiB of a list).
const messageBuffer = 64 << 10

// How long the end may take: reading what has come until then, and the last list where events were lost before.
const (
	lastEvents = 200 * time.Millisecond
	lastList   = 3 * time.Second
)

// Run reads until ctx ends, and then what has come by then: it returns nil. It closes the descriptor, and is called
// once.
func (f *Follower) Run(ctx context.Context) error {
	defer f.file.Close()
	defer context.AfterFunc(ctx, func() { f.file.SetReadDeadline(time.Unix(1, 0)) })()
	raw, err := f.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("conntrack: %w", err)
	}
	f.table.beginList()
	r := repair{listing: true, begun: time.Now()}
	buffer := make([]byte, messageBuffer)
	var due time.Time
	isBusy := false // something was read since the last pause
	for {
		if next := r.due(f.table.Counters().Offloaded > 0); next != due {
			due = next
			f.file.SetReadDeadline(due)
		}
		if ctx.Err() != nil { // else it comes after the deadline that was set here
			return f.drain(raw, buffer, &r)
		}
		var n int
		var failure error
		err := raw.Read(func(fd uintptr) bool {
			n, _, failure = unix.Recvfrom(int(fd), buffer, 0)
			return !errors.Is(failure, unix.EAGAIN) || isBusy
		})
		if isBusy = failure == nil; errors.Is(failure, unix.EAGAIN) {
			time.Sleep(gather) // nothing wakes it: that is what it is for
			continue
		}
		switch {
		case ctx.Err() != nil && err != nil: // the deadline is that of the end
			continue
		case errors.Is(err, os.ErrDeadlineExceeded): // a list is due
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
			if err := f.relist(&r); err != nil {
				return fmt.Errorf("conntrack: %w", err)
			}
		}
	}
}

// drain takes what is there. Where events were lost it asks for a list once more, for the last records.
func (f *Follower) drain(raw syscall.RawConn, buffer []byte, r *repair) error {
	if err := f.readUntil(raw, buffer, r, time.Now().Add(lastEvents), func() bool { return true }); err != nil {
		return err
	}
	if !f.table.IsBehind() {
		return nil
	}
	if !r.first.IsZero() { // else a list that makes up for the losses is under way
		if err := f.relist(r); err != nil {
			return fmt.Errorf("conntrack: %w", err)
		}
	}
	return f.readUntil(raw, buffer, r, time.Now().Add(lastList), func() bool { return !r.listing })
}

// readUntil takes what is there until nothing is and the condition holds, or the time is over.
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
			time.Sleep(gather) // nothing wakes it: the deadline of the end is set
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

// lose notes that events were lost.
func (f *Follower) lose(r *repair) {
	f.lost.Add(1)
	r.lose(time.Now())
	f.table.SetBehind(true)
}

func (f *Follower) relist(r *repair) error {
	*r = repair{listing: true, begun: time.Now(), listed: time.Now()}
	f.table.beginList()
	return f.list()
}

// take reads what one receive gave.
func (f *Follower) take(b []byte, r *repair) error {
	var c Connection
	for len(b) > 0 {
		what, rest, err := next(b, &c)
		if err != nil {
			return err
		}
		b = rest
		switch what {
		case created, told:
			f.table.Put(&c, what == created)
		case destroyed:
			f.table.Drop(&c)
		case listed:
			if r.listing {
				r.listing = false
				f.table.endList()
				f.table.SetBehind(!r.first.IsZero())
				f.lists.Add(1)
			}
		case refused:
			return errRefused
		}
	}
	return nil
}

// repair is what there is to do about losses.
type repair struct {
	listing     bool      // a list is under way
	begun       time.Time // the last list, also the first of all
	listed      time.Time // the last one that was asked for here
	first, last time.Time // losses since then
}

func (r *repair) lose(now time.Time) {
	if r.first.IsZero() {
		r.first = now
	}
	r.last = now
}

// due is when the next list is to be asked for; zero: one is under way, which will end.
func (r *repair) due(isOffloaded bool) time.Time {
	switch {
	case r.listing:
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
	if earliest := r.listed.Add(listEvery); due.Before(earliest) {
		due = earliest
	}
	return due
}
