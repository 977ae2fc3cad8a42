// SPDX-License-Identifier: Apache-2.0

package helper

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Backend carries out the agent's requests. The server calls it from one goroutine, with arguments within the
// protocol's limits; it checks itself that an interface or slot exists. An error's text and errno reach the agent.
type Backend interface {
	// Watch starts the capture on an interface that is not yet watched. The payload has at most MaxPayload bytes. The
	// server sends the descriptors to the agent and closes them here.
	Watch(Link) (fds []int, payload []byte, err error)
	// Unwatch ends the capture on a watched interface, which may have vanished.
	Unwatch(index uint32) error
	// Retire and Release get at most MaxSlots numbers, any of them, in memory that is valid during the call.
	Retire(slots []uint32) error
	Release(slots []uint32) error
	// List requests a dump of the tracked connections, which arrives at a socket of the agent.
	List() error
}

// Service is what the helper does for the whole of weir. Without a function nothing happens.
type Service struct {
	// Told takes each line on how the agent is: the first when it captures, then while its hub makes progress.
	Told func(text string)
	// Alive takes the signs of life during the end.
	Alive func()
	// Ending is called once, when the end begins.
	Ending func()
	// Reload reads the settings anew, and returns what the agent needs of them.
	Reload func() (fds []int, payload []byte, err error)
	// Restart, unless nil, is called at a SIGUSR2, before the end begins: another process will go on. It returns the
	// signal that tells the agent, or false if there is to be no restart.
	Restart func() (syscall.Signal, bool)
	// StopLater is called instead of an end, when a signal asks for that during a restart.
	StopLater func()
	// Early, unless nil, gets the signals since before the start: the agent gets none until it has spoken, as it has
	// flows to end.
	Early chan os.Signal
	// HangupReloads: SIGHUP makes the agent ask for Reload. Otherwise it ends weir.
	HangupReloads bool
}

// Rates above those of a sound agent. The server delays faster requests.
const (
	requestsPerSecond = 20000
	requestBurst      = 4096
	watchesPerSecond  = 512
	watchBurst        = 2 * MaxWatched
	listsPerSecond    = 0.2
	listBurst         = 4
)

// SendSetup sends the first message. The caller keeps the descriptors.
func SendSetup(conn *net.UnixConn, s Setup) error {
	message, err := appendSetup(nil, s)
	if err != nil {
		return err
	}
	return send(conn, message, s.FDs)
}

// serve answers the agent's requests, one at a time, until the agent's end, and then returns nil. It answers an invalid
// message with an error, and passes on each sign of life.
func (s *server) serve(conn *net.UnixConn, heard func(sign)) error {
	buffer := make([]byte, maxRequest+1)
	for {
		// Without room for control data the kernel drops descriptors that the agent sends.
		n, _, flags, _, err := conn.ReadMsgUnix(buffer, nil)
		switch {
		case gone(err) || err == nil && n == 0:
			return nil
		case err != nil:
			return fmt.Errorf("read request: %w", err)
		}
		message := buffer[:n]
		if flags&unix.MSG_TRUNC != 0 {
			message = buffer[:maxRequest+1] // too long for any request
		}
		if !s.hasSpoken {
			s.hasSpoken = true
			heard(agentThere)
		}
		time.Sleep(s.requests.take(time.Now())) // delays too frequent requests
		reply, fds := s.handle(message, heard)
		err = send(conn, reply, fds)
		closeAll(fds)
		if err != nil && !gone(err) { // the next read reports it
			return fmt.Errorf("send reply: %w", err)
		}
	}
}

// gone reports whether an error means that the other process has closed its end.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, unix.ECONNRESET) ||
		errors.Is(err, unix.EPIPE)
}

func send(conn *net.UnixConn, message []byte, fds []int) error {
	var control []byte
	if len(fds) > 0 {
		control = unix.UnixRights(fds...)
	}
	_, _, err := conn.WriteMsgUnix(message, control, nil)
	return err
}

type server struct {
	backend                  Backend
	service                  Service
	watched                  map[uint32]struct{}
	requests, watches, lists bucket
	reloads                  bucket
	hasSpoken                bool
	slots                    [MaxSlots]uint32
	out                      []byte
}

func newServer(b Backend, service Service) *server {
	return &server{
		service:  service,
		backend:  b,
		watched:  make(map[uint32]struct{}),
		requests: bucket{rate: requestsPerSecond, burst: requestBurst},
		watches:  bucket{rate: watchesPerSecond, burst: watchBurst},
		lists:    bucket{rate: listsPerSecond, burst: listBurst},
		reloads:  bucket{rate: listsPerSecond, burst: listBurst},
	}
}

// handle answers one message. The reply is valid until the next call.
func (s *server) handle(message []byte, heard func(sign)) (reply []byte, fds []int) {
	r, err := parseRequest(message, s.slots[:0])
	var payload []byte
	switch {
	case err != nil:
		err = &Error{Code: CodeInvalid, Text: err.Error()}
	case r.kind == kindAlive:
		heard(agentAlive)
	case r.kind == kindWatch || r.kind == kindUnwatch: // the kernel takes time for these
		heard(helperAtWork)
		defer heard(agentAlive)
		fallthrough
	default:
		fds, payload, err = s.do(r)
	}
	s.out = appendReply(s.out[:0], r.sequence, refusal(err), payload)
	return s.out, fds
}

// do carries out a request. A panic in the backend must not end the helper, and with it the agent.
func (s *server) do(r request) (fds []int, payload []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			fds, payload, err = nil, nil, fmt.Errorf("helper panicked: %v", p)
		}
	}()
	switch r.kind {
	case kindWatch:
		return s.watch(r.link)
	case kindUnwatch:
		if _, ok := s.watched[r.link.Index]; !ok {
			return nil, nil, &Error{Code: CodeInvalid, Text: fmt.Sprintf("interface %d is not watched", r.link.Index)}
		}
		delete(s.watched, r.link.Index) // even after an error: mostly the interface has vanished
		return nil, nil, s.backend.Unwatch(r.link.Index)
	case kindRetire:
		return nil, nil, s.backend.Retire(r.slots)
	case kindRelease:
		return nil, nil, s.backend.Release(r.slots)
	case kindTell:
		if s.service.Told != nil {
			s.service.Told(r.told)
		}
	case kindReload:
		return s.reload()
	case kindList:
		if s.lists.take(time.Now()) > 0 {
			return nil, nil, &Error{Code: CodeLimit, Text: "dumps are requested too often"}
		}
		return nil, nil, s.backend.List()
	}
	return nil, nil, nil
}

func (s *server) reload() ([]int, []byte, error) {
	if s.service.Reload == nil {
		return nil, nil, &Error{Code: CodeInvalid, Text: "this weir does not reload its settings"}
	}
	if s.reloads.take(time.Now()) > 0 {
		return nil, nil, &Error{Code: CodeLimit, Text: "reloads are requested too often: try again in some seconds"}
	}
	return s.service.Reload()
}

func (s *server) watch(l Link) ([]int, []byte, error) {
	if _, ok := s.watched[l.Index]; ok {
		return nil, nil, &Error{Code: CodeInvalid, Text: fmt.Sprintf("interface %d is watched already", l.Index)}
	}
	if len(s.watched) >= MaxWatched {
		return nil, nil, &Error{CodeLimit, 0, fmt.Sprintf("%d interfaces are watched, the maximum", MaxWatched)}
	}
	time.Sleep(s.watches.take(time.Now())) // as above
	fds, payload, err := s.backend.Watch(l)
	if err == nil && (len(payload) > MaxPayload || len(fds) > MaxFDs) {
		err = fmt.Errorf("answer of %d bytes and %d descriptors is too long", len(payload), len(fds))
	}
	if err != nil {
		closeAll(fds)
		return nil, nil, err
	}
	s.watched[l.Index] = struct{}{}
	return fds, payload, nil
}

// refusal returns the agent's view of an error.
func refusal(err error) *Error {
	if err == nil {
		return nil
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	e := &Error{Code: CodeFailed, Text: err.Error()}
	if errno := syscall.Errno(0); errors.As(err, &errno) && errno <= 0xffff {
		e.Errno = errno
	}
	return e
}

// bucket limits a rate: it gains rate tokens a second, up to burst.
type bucket struct {
	rate, burst float64
	tokens      float64
	last        time.Time
}

// take takes one token and returns how long the caller has to wait for it.
func (b *bucket) take(now time.Time) time.Duration {
	b.tokens = min(b.burst, b.tokens+b.rate*now.Sub(b.last).Seconds()) // burst at first
	b.last = now
	if b.tokens--; b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / b.rate * float64(time.Second))
}
