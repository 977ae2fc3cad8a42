// SPDX-License-Identifier: Apache-2.0

package ship

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// store keeps reports until the sink has them.
type store interface {
	// Identity returns the identity of the reports to come, with the sequence of the first that is not stored.
	Identity() Identity
	// Put returns when the report is on disk, or lost. The lost reports that it tells of need not be told again.
	Put(sequence uint64, line []byte, told []Range) error
	// State returns the present state, apart from WholeFlows.
	State() State
}

// receiver is ship's side of the socket: it stores each report once, in order.
type receiver struct {
	conn  *net.UnixConn
	store store
	log   func(format string, args ...any)
	// isLast: the confined process has ended, and nobody sends what is missing.
	isLast atomic.Bool

	mu         sync.Mutex // of sending
	out        []byte
	wholeFlows bool // to be said to the confined process
	isMissing  bool // a report is missing, which hello requests

	isFailing bool // the last Put failed; it was logged
}

// errIgnored means that a report is not stored now: one before it is missing.
var errIgnored = errors.New("a report before it is missing")

// run stores reports until the socket's other ends close or ctx ends. With isLast set before that, it stores all that
// has come.
func (r *receiver) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = r.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buffer, control := make([]byte, maxMessage+1), make([]byte, controlSize)
	// What an earlier ship left, before hello makes the confined process send more.
	r.isMissing = true
	for ctx.Err() == nil {
		if err := r.next(peekNow, buffer, control); err != nil && !errors.Is(err, unix.ECONNRESET) {
			break
		}
	}
	r.mu.Lock()
	r.isMissing = false
	r.mu.Unlock()
	r.hello()
	for {
		err := r.next(peek, buffer, control)
		if errors.Is(err, os.ErrDeadlineExceeded) && r.isLast.Load() {
			err = r.next(peekNow, buffer, control)
		}
		switch {
		case err == nil || errors.Is(err, unix.ECONNRESET): // which the kernel says once, before what has come
		case errors.Is(err, io.EOF) || errors.Is(err, unix.EAGAIN) || errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		default:
			return err
		}
	}
}

// next takes the next message, and only then removes it from the socket: a ship that dies meanwhile leaves it to the
// next one.
func (r *receiver) next(peek func(*net.UnixConn, []byte, []byte) ([]byte, int, error), buffer, control []byte) error {
	message, fd, err := peek(r.conn, buffer, control)
	if err != nil {
		return err
	}
	if err := r.take(message, fd); err != nil && !errors.Is(err, errIgnored) {
		r.log("a report is lost: %v", err)
	}
	return remove(r.conn)
}

// take takes one message with its descriptor.
func (r *receiver) take(message []byte, fd int) error {
	if fd >= 0 {
		defer unix.Close(fd)
	}
	kind, body, err := parse(message)
	if err != nil {
		return err
	}
	if kind != kindReport {
		return nil // of a newer weir
	}
	head, err := parseReport(body)
	if err != nil {
		return err
	}
	if fd < 0 {
		return errors.New("a report without its line")
	}
	now := r.store.Identity()
	switch {
	case head.epoch != now.Epoch:
		return r.missing()
	case head.sequence < now.Next: // it came twice
		r.say(appendStored(nil, now.Next-1))
		return nil
	case head.previous >= now.Next && !r.isLast.Load(): // at the end nobody sends it again
		return r.missing()
	}
	line, err := unseal(fd, head.size)
	if err != nil {
		return err
	}
	r.put(&head, line)
	r.mu.Lock()
	r.isMissing = false
	r.mu.Unlock()
	r.say(appendStored(nil, head.sequence))
	r.state()
	return nil
}

// missing requests the reports that are not stored, once for all that came after a missing one.
func (r *receiver) missing() error {
	r.mu.Lock()
	was := r.isMissing
	r.isMissing = true
	r.mu.Unlock()
	if !was {
		r.hello()
	}
	return errIgnored
}

// put stores a report. One that the disk does not take is lost, which the store notes: then the flows have to be
// reported whole again.
func (r *receiver) put(head *reportHead, line []byte) {
	err := r.store.Put(head.sequence, line, head.told)
	switch {
	case err != nil:
		if !r.isFailing {
			r.log("reports are lost, as they can't be stored: %v", err)
		}
		r.mu.Lock()
		r.wholeFlows = true
		r.mu.Unlock()
	case r.isFailing:
		r.log("reports are stored again")
	}
	r.isFailing = err != nil
}

func (r *receiver) hello() { r.say(appendHello(nil, r.store.Identity())) }

// wantWhole requests whole flows of the confined process.
func (r *receiver) wantWhole() {
	r.mu.Lock()
	r.wholeFlows = true
	r.mu.Unlock()
	r.state()
}

// state sends the state. The sink's wish is kept until it is sent.
func (r *receiver) state() {
	s := r.store.State()
	r.mu.Lock()
	s.WholeFlows = r.wholeFlows
	r.out = appendState(r.out[:0], &s)
	if send(r.conn, r.out, -1) == nil {
		r.wholeFlows = false
	}
	r.mu.Unlock()
}

// say sends a message, or leaves it out if the socket is full: the state says the same later.
func (r *receiver) say(message []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = send(r.conn, message, -1)
}
