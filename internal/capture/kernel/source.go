// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/packet"
)

const (
	recordHeader = int(bpf.WeirRoomRECORD_HEADER)
	// readBatch bounds the records of one Read, after which the worker checks its clock.
	readBatch = 1024
	// releaseEvery is the number of records whose room one store frees.
	releaseEvery = 64
)

// Source reads one worker's ring (capture.Source).
type Source struct {
	view   *View
	ring   *ring
	asleep *uint64
	fd     int // of the ring
	wake   int // an eventfd: Close ends a wait
	naps   capture.Naps
	frame  capture.Frame

	mu     sync.Mutex // guards Close
	closed atomic.Bool
}

// Source opens worker i's ring.
func (v *View) Source(i int) (*Source, error) {
	r, err := newRing(v.rings[i], v.geometry.RingBytes)
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open an event descriptor: %w", err), r.close())
	}
	return &Source{view: v, ring: r, asleep: &v.asleep[i], fd: v.rings[i], wake: wake}, nil
}

// Read hands out the pending records, or waits for one. See capture.Source.
func (s *Source) Read(timeout time.Duration, each func(*capture.Frame)) error {
	if s.closed.Load() && !s.ring.waiting() {
		return net.ErrClosed
	}
	if !s.ring.waiting() {
		if err := s.wait(timeout); err != nil {
			return err
		}
	}
	if !s.ring.waiting() {
		return nil
	}
	s.naps.Work()
	for n := 1; n <= readBatch; n++ {
		r := s.ring.next()
		if r == nil {
			break
		}
		s.record(r, each)
		if n%releaseEvery == 0 {
			s.ring.release()
		}
	}
	s.ring.release()
	return nil
}

// wait waits for a record: in a nap while there is work, else in a sleep that a record ends.
func (s *Source) wait(timeout time.Duration) error {
	if nap, ok := s.naps.Next(timeout); ok {
		s.nap(nap) // a ring that fills up ends it
		return nil
	}
	atomic.StoreUint64(s.asleep, 1)
	var err error
	if !s.ring.waiting() { // a record may have come before the program saw the flag
		err = s.poll(timeout)
	}
	atomic.StoreUint64(s.asleep, 0)
	return err
}

// nap waits without the knowledge of Go's scheduler: see capture.Naps. Nobody needs the worker's place meanwhile (see
// GOMAXPROCS in internal/agent/confined), but a garbage collection that begins waits for the end of the nap.
func (s *Source) nap(timeout time.Duration) {
	fds := s.waitFor()
	ts := unix.NsecToTimespec(max(int64(timeout), 0))
	_, _, _ = unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)),
		uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	// The next poll reports an error.
}

func (s *Source) waitFor() [2]unix.PollFd {
	return [2]unix.PollFd{{Fd: int32(s.wake), Events: unix.POLLIN}, {Fd: int32(s.fd), Events: unix.POLLIN}}
}

func (s *Source) poll(timeout time.Duration) error {
	fds := s.waitFor()
	ts := unix.NsecToTimespec(max(int64(timeout), 0))
	_, err := unix.Ppoll(fds[:], &ts, nil)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for records: %w", err)
	}
	return nil
}

// record hands one record out in place.
func (s *Source) record(b []byte, each func(*capture.Frame)) {
	if len(b) < recordHeader {
		return
	}
	r := (*bpf.WeirRecord)(unsafe.Pointer(&b[0])) // records are aligned to 8 bytes
	data := b[recordHeader:]
	s.frame = capture.Frame{
		Data: data[:min(int(r.Captured), len(data))], Length: int(r.Length), Time: capture.FromMonotonic(int64(r.Time)),
		Interface: r.Ifindex, Link: packet.LinkType(r.Link), Segments: r.Segments,
		Flow: capture.FlowRef{Slot: r.Slot, Born: int64(r.Born), FromUpper: r.FromUpper != 0},
	}
	each(&s.frame)
}

// Losses adds nothing: View.Losses has the counters by cause, of all workers.
func (s *Source) Losses(*capture.Losses) {}

// Close wakes a waiting Read. Further Reads hand out the pending records, then fail.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Swap(true) {
		return nil
	}
	_, err := unix.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	return err
}

// Free unmaps the ring. Call it after the last Read.
func (s *Source) Free() error { return errors.Join(unix.Close(s.wake), s.ring.close()) }
