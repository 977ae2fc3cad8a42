// SPDX-License-Identifier: Apache-2.0

package afpacket

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture"
)

const (
	// blocksPerRead bounds the blocks that one Read takes from a ring, so that a busy interface does not delay others.
	blocksPerRead = 4
	// eventsPerWait bounds the rings that one call of epoll_wait reports; the next call reports others.
	eventsPerWait = 16
)

// Source reads the rings of one worker. It implements capture.Source. Any goroutine may call Add and Remove.
type Source struct {
	// Ended, unless nil, is called within Read when a ring ended by itself: its interface is gone. The other rings go
	// on. Set it before the first Read.
	Ended func(ifindex uint32, err error)

	epoll, wake int
	frame       capture.Frame
	times       capture.WallTimes
	events      [eventsPerWait]unix.EpollEvent

	mu     sync.Mutex // held while rings are used
	rings  []*Ring
	anyOff bool // a ring's interface is down
	leaves int  // rings to be closed
	turns  int  // reads since Drain
	naps   capture.Naps
	drops  uint64
	freeze uint64

	closed  atomic.Bool
	drained atomic.Bool
	changed atomic.Bool
	queueMu sync.Mutex
	queue   []change
}

// change is a ring to add, or an interface whose rings to remove.
type change struct {
	ring *Ring
	gone uint32
	at   int64         // wall clock
	done chan struct{} // closed when nothing counts any longer
}

var _ capture.Source = (*Source)(nil)

// NewSource makes a source without rings. With counted, a program in the kernel counts the packets of all rings
// (Config.Program), and frames say so.
func NewSource(counted bool) (*Source, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make an eventfd: %w", err), unix.Close(epoll))
	}
	s := &Source{epoll: epoll, wake: wake}
	s.frame.Flow.Slot = capture.NotCounted
	if counted {
		s.frame.Flow.Slot = capture.CountedElsewhere
	}
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN,
		Fd: int32(wake)}); err != nil {
		return nil, errors.Join(fmt.Errorf("watch an eventfd: %w", err), unix.Close(epoll), unix.Close(wake))
	}
	return s, nil
}

// Add hands a ring to the source, from the next Read on. The source closes it, immediately after Close.
func (s *Source) Add(r *Ring) error { return s.enqueue(change{ring: r}) }

// Remove ends an interface's rings: Read delivers what has come so far, including the partly filled block, and nothing
// later. done is closed when nothing more is counted: if the kernel counts, at the next Read.
func (s *Source) Remove(ifindex uint32) (done <-chan struct{}, err error) {
	c := change{gone: ifindex, at: time.Now().UnixNano(), done: make(chan struct{})}
	if s.frame.Flow.Slot == capture.NotCounted { // their times identify later frames
		close(c.done)
	}
	return c.done, s.enqueue(c)
}

func (s *Source) enqueue(c change) error {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	if s.closed.Load() {
		if c.ring != nil {
			return errors.Join(net.ErrClosed, c.ring.Close())
		}
		return net.ErrClosed
	}
	s.queue = append(s.queue, c)
	s.changed.Store(true)
	return s.signal()
}

// signal wakes a waiting Read. The descriptor is open: the caller holds queueMu, as does Close.
func (s *Source) signal() error {
	one := [8]byte{}
	native.PutUint64(one[:], 1)
	if _, err := unix.Write(s.wake, one[:]); err != nil && err != unix.EAGAIN {
		return fmt.Errorf("wake reader: %w", err)
	}
	return nil
}

// Read implements capture.Source. each must call neither Read nor Close. Read may return early without a frame, after
// Add and Remove.
func (s *Source) Read(timeout time.Duration, each func(*capture.Frame)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return net.ErrClosed
	}
	if s.changed.Load() {
		if err := s.apply(each); err != nil {
			return err
		}
	}
	if s.leaves > 0 {
		s.leave(each)
	}
	if s.drained.Load() {
		const most = 256 // more than a ring has blocks: Drain does not wait for endless frames
		if s.turns++; s.turns <= most && s.walk(each) > 0 {
			return nil
		}
		return net.ErrClosed
	}
	if s.walk(each) > 0 {
		s.naps.Work()
		return nil
	}
	if s.leaves > 0 {
		timeout = min(timeout, gathered)
	}
	if err := s.wait(timeout); err != nil {
		return err
	}
	if s.closed.Load() {
		return net.ErrClosed
	}
	if s.changed.Load() {
		if err := s.apply(each); err != nil {
			return err
		}
	}
	if s.walk(each) > 0 {
		s.naps.Work()
	}
	return nil
}

// walk delivers the complete blocks of every ring, up to blocksPerRead of each.
func (s *Source) walk(each func(*capture.Frame)) (blocks int) {
	each = s.times.Wrap(each)
	for _, r := range s.rings {
		blocks += r.read(blocksPerRead, &s.frame, each)
	}
	return blocks
}

// wait waits for a complete block, and checks rings with an error.
func (s *Source) wait(timeout time.Duration) error {
	n, err := s.nextEvents(timeout)
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return fmt.Errorf("wait for frames: %w", err)
	}
	troubled := s.anyOff
	for _, e := range s.events[:n] {
		switch {
		case int(e.Fd) == s.wake:
			var drain [8]byte
			_, _ = unix.Read(s.wake, drain[:])
		case e.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0:
			troubled = true
		}
	}
	if troubled {
		s.look()
	}
	return nil
}

// nextEvents waits for events: in naps while there is work, else asleep.
func (s *Source) nextEvents(timeout time.Duration) (n int, err error) {
	for timeout > 0 {
		nap, ok := s.naps.Next(timeout)
		if !ok {
			break
		}
		if n, err = s.napOnce(nap); n > 0 || err != nil {
			return n, err
		}
		timeout -= nap
	}
	ms := (timeout + time.Millisecond - 1) / time.Millisecond
	return unix.EpollWait(s.epoll, s.events[:], int(max(ms, 0)))
}

// napOnce waits in a system call outside of Go's scheduler: see capture.Naps.
func (s *Source) napOnce(timeout time.Duration) (int, error) {
	ms := (timeout + time.Millisecond - 1) / time.Millisecond
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(s.epoll), uintptr(unsafe.Pointer(&s.events[0])),
		uintptr(len(s.events)), uintptr(ms), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR: // Go's scheduler wants to preempt a thread that it takes for busy
		return 0, nil
	}
	return 0, errno
}

// look checks every ring's interface, and removes rings that ended.
func (s *Source) look() {
	s.anyOff = false
	kept := s.rings[:0]
	for _, r := range s.rings {
		if r.leaves {
			kept = append(kept, r)
			continue
		}
		if err := r.state(); err != nil {
			r.leaves, r.until = true, time.Now().UnixNano()
			s.leaves++
			kept = append(kept, r)
			if s.Ended != nil {
				s.Ended(r.Interface, err)
			}
			continue
		}
		s.anyOff = s.anyOff || r.down
		kept = append(kept, r)
	}
	clear(s.rings[len(kept):])
	s.rings = kept
}

// apply executes pending changes.
func (s *Source) apply(each func(*capture.Frame)) error {
	s.queueMu.Lock()
	queue := s.queue
	s.queue = nil
	s.changed.Store(false)
	s.queueMu.Unlock()
	var errs []error
	for _, c := range queue {
		if c.ring == nil {
			s.remove(&c, each)
			continue
		}
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.ring.fd)}
		if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, c.ring.fd, &event); err != nil {
			errs = append(errs, fmt.Errorf("watch ring of interface %d: %w", c.ring.Interface, err), c.ring.Close())
			continue
		}
		s.rings = append(s.rings, c.ring)
	}
	return errors.Join(errs...)
}

// remove ends an interface's rings. If the kernel counts what a still delivering socket gets, it closes them at once.
func (s *Source) remove(c *change, each func(*capture.Frame)) {
	for _, r := range s.rings {
		if r.Interface != c.gone || r.leaves {
			continue
		}
		r.leaves, r.until = true, c.at
		s.leaves++
		if s.frame.Flow.Slot != capture.NotCounted && r.state() == nil {
			r.until = 0
		}
	}
	s.leave(each)
	if s.frame.Flow.Slot != capture.NotCounted {
		close(c.done)
	}
}

// gathered bounds the kernel's delay in handing over a partly filled block.
const gathered = 3 * DefaultRetire * time.Millisecond

// leave closes the leaving rings that are empty.
func (s *Source) leave(each func(*capture.Frame)) {
	now := time.Now()
	kept := s.rings[:0]
	for _, r := range s.rings {
		if !r.leaves || now.Before(time.Unix(0, r.until).Add(gathered)) {
			kept = append(kept, r)
			continue
		}
		r.read(len(r.memory)/r.blockSize, &s.frame, s.times.Wrap(each))
		s.drop(r)
		s.leaves--
	}
	clear(s.rings[len(kept):])
	s.rings = kept
}

// drop closes a ring and keeps its counts. It removes the socket from the epoll explicitly, since the socket may stay
// open in another process.
func (s *Source) drop(r *Ring) {
	_ = r.count()
	s.drops += r.drops
	s.freeze += r.freezes
	_ = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_DEL, r.fd, nil)
	_ = r.Close()
}

// Losses implements capture.Source: RingFull counts packets for which no block was free. Call it at least every few
// minutes, as the kernel's counters have 32 bits.
func (s *Source) Losses(l *capture.Losses) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.RingFull += s.drops
	for _, r := range s.rings {
		_ = r.count()
		l.RingFull += r.drops
	}
}

// Freezes returns how often the kernel found no free block and stopped filling a ring, at the last call of Losses.
func (s *Source) Freezes() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.freeze
	for _, r := range s.rings {
		n += r.freezes
	}
	return n
}

// Drain makes Read deliver what has come so far, and then return net.ErrClosed. The kernel hands over a partly filled
// block within Config.Retire. Call Close afterwards.
func (s *Source) Drain() error {
	s.queueMu.Lock()
	defer s.queueMu.Unlock()
	if s.closed.Load() {
		return net.ErrClosed
	}
	s.drained.Store(true)
	return s.signal()
}

// Close wakes Read and, after its return, closes all rings. Calling it again is no error.
func (s *Source) Close() error {
	s.queueMu.Lock()
	if s.closed.Swap(true) {
		s.queueMu.Unlock()
		return nil
	}
	err := s.signal()
	s.queueMu.Unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.queue {
		if c.ring != nil {
			err = errors.Join(err, c.ring.Close())
		} else if s.frame.Flow.Slot != capture.NotCounted {
			close(c.done)
		}
	}
	// Closing a packet socket makes the kernel wait for its other CPUs, about 10 ms: close them all at once.
	var closing sync.WaitGroup
	for _, r := range s.rings {
		_ = r.count()
		s.drops += r.drops
		s.freeze += r.freezes
		closing.Go(func() { _ = r.Close() })
	}
	closing.Wait()
	s.rings, s.queue = nil, nil
	return errors.Join(err, unix.Close(s.wake), unix.Close(s.epoll))
}
