// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/testing/lab/wait"
)

// Datagrams tests whether UDP datagrams between two hosts get lost.
type Datagrams struct {
	Count int
	Rate  float64 // per second; 0 means unpaced
	Size  int     // bytes of payload, at least 16; 0 means 64
	Port  uint16  // of the receiver; 0 means 9000
	IPv6  bool
	// From and To override the hosts' own addresses.
	From, To netip.Addr
	// Linger is the wait for late datagrams after the last one was sent; 0 means half a second.
	Linger time.Duration
}

// Delivery is the result.
type Delivery struct {
	Sent, Received int
	Lost           []Range // numbers that never arrived
	Duplicated     int     // arrived more than once
	Reordered      int     // arrived after a higher number
	// ReceiverDropped counts lost ones that did arrive, at a receiver whose own socket buffer was full.
	ReceiverDropped int
	Elapsed         time.Duration // from the first datagram sent to the last one received
}

// Range is a range of datagrams' numbers, both ends included; the first datagram is number 0.
type Range struct{ First, Last int }

// LostCount returns how many never arrived.
func (d Delivery) LostCount() (n int) {
	for _, r := range d.Lost {
		n += r.Last - r.First + 1
	}
	return n
}

func (d Delivery) String() string {
	return fmt.Sprintf("%d sent, %d received, %d lost %v, %d duplicated, %d reordered, %d dropped by the receiver, "+
		"in %v",
		d.Sent, d.Received, d.LostCount(), d.Lost[:min(len(d.Lost), 5)], d.Duplicated, d.Reordered, d.ReceiverDropped,
		d.Elapsed)
}

// receiveBuffer holds about 100,000 small datagrams, more than a test's rate brings during a scheduling delay.
const receiveBuffer = 128 << 20

// datagramMagic begins each payload, so that no other packets count.
const datagramMagic = 0x7765697264673031

// Send sends numbered datagrams and reports which arrived. It ends with ctx: Sent then shows how far it got, and the
// error is ctx's.
func (d Datagrams) Send(ctx context.Context, from, to *Host) (Delivery, error) {
	if d.Size == 0 {
		d.Size = 64
	}
	d.Size = max(d.Size, 16)
	if d.Port == 0 {
		d.Port = 9000
	}
	if d.Linger == 0 {
		d.Linger = 500 * time.Millisecond
	}
	source, target := d.From, d.To
	switch {
	case target.IsValid():
	case d.IPv6:
		target = to.Addr6
	default:
		target = to.Addr4
	}
	var receiver, sender *net.UDPConn
	if err := to.Do(func() (err error) {
		receiver,
			err = listen(netip.AddrPortFrom(target, d.Port))
		return err
	}); err != nil {
		return Delivery{}, fmt.Errorf("%s: receive datagrams: %w", to.Name, err)
	}
	defer receiver.Close()
	err := from.Do(func() (err error) {
		var local *net.UDPAddr
		if source.IsValid() {
			local = net.UDPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
		}
		sender, err = net.DialUDP("udp", local, net.UDPAddrFromAddrPort(netip.AddrPortFrom(target, d.Port)))
		return err
	})
	if err != nil {
		return Delivery{}, fmt.Errorf("%s: send datagrams: %w", from.Name, err)
	}
	defer sender.Close()
	return d.exchange(ctx, sender, receiver)
}

// listenTime bounds the wait for an address in use: a process that was forked and not yet executed holds a socket open
// that was closed here.
const listenTime = time.Second

func listen(address netip.AddrPort) (*net.UDPConn, error) {
	var c *net.UDPConn
	var err error
	wait.Within(listenTime, func() bool {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(address))
		return !errors.Is(err, unix.EADDRINUSE)
	})
	if err != nil {
		return nil, err
	}
	err = control(c, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
			// A user namespace is limited to net.core.rmem_max; ReceiverDropped reports drops.
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
		}
		return nil
	})
	return c, err
}

func control(c *net.UDPConn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

func (d Datagrams) exchange(ctx context.Context, sender, receiver *net.UDPConn) (Delivery, error) {
	r := reception{times: make([]uint8, d.Count), highest: -1}
	finished := make(chan error, 1)
	go func() { finished <- r.read(receiver) }()
	start := time.Now()
	sent, sendErr := d.transmit(ctx, sender, start)
	wait.Reached(func() bool { return int(r.received.Load()) >= sent || hasLanded() }) // a busy machine takes its time
	_ = receiver.SetReadDeadline(time.Now().Add(d.Linger))                             // for duplicates, too
	readErr := <-finished
	delivery := r.delivery(sent)
	if r.last.After(start) {
		delivery.Elapsed = r.last.Sub(start)
	}
	_ = control(receiver, func(fd int) error {
		delivery.ReceiverDropped = socketDrops(fd)
		return nil
	})
	return delivery, errors.Join(sendErr, readErr)
}

// transmit sends all datagrams, in bursts at a high rate, and returns how many.
func (d Datagrams) transmit(ctx context.Context, c *net.UDPConn, start time.Time) (int, error) {
	payload := make([]byte, d.Size)
	binary.BigEndian.PutUint64(payload, datagramMagic)
	p, step := pacer{start: start, rate: d.Rate}, 16
	if d.Rate < 10_000 {
		step = 1
	}
	for i := range d.Count {
		if i%step == 0 {
			if err := ctx.Err(); err != nil {
				return i, err
			}
			p.wait(uint64(i), step)
		}
		binary.BigEndian.PutUint64(payload[8:], uint64(i))
		for {
			_, err := c.Write(payload)
			if err == nil {
				break
			}
			if !errors.Is(err, unix.ENOBUFS) {
				return i, fmt.Errorf("send datagram %d: %w", i, err)
			}
			if err := ctx.Err(); err != nil {
				return i, err
			}
			pause(time.Millisecond)
		}
	}
	return d.Count, nil
}

// reception is the receiver's record.
type reception struct {
	times     []uint8 // arrivals of each number, at most 255
	highest   int
	received  atomic.Int64 // distinct numbers
	reordered int
	last      time.Time
}

// read reads until the connection's deadline, and then what the socket holds already.
func (r *reception) read(c *net.UDPConn) error {
	buffer := make([]byte, 65536)
	for {
		n, err := c.Read(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return r.drain(c, buffer)
		}
		if err != nil {
			return fmt.Errorf("receive datagram: %w", err)
		}
		r.take(buffer[:n])
	}
}

// drain reads without waiting: the deadline says nothing of what has come and nobody has read yet.
func (r *reception) drain(c *net.UDPConn, buffer []byte) error {
	return control(c, func(fd int) error {
		for {
			n, _, err := unix.Recvfrom(fd, buffer, unix.MSG_DONTWAIT)
			switch {
			case errors.Is(err, unix.EAGAIN):
				return nil
			case err == nil:
				r.take(buffer[:n])
			case !errors.Is(err, unix.EINTR):
				return fmt.Errorf("receive datagram: %w", err)
			}
		}
	})
}

// take counts a datagram of this test's.
func (r *reception) take(datagram []byte) {
	if len(datagram) < 16 || binary.BigEndian.Uint64(datagram) != datagramMagic {
		return
	}
	if number := binary.BigEndian.Uint64(datagram[8:]); number < uint64(len(r.times)) {
		r.count(int(number))
	}
}

func (r *reception) count(number int) {
	r.last = time.Now()
	if r.times[number] == 0 {
		r.received.Add(1)
	}
	if number < r.highest {
		r.reordered++
	}
	r.highest = max(r.highest, number)
	r.times[number] = min(r.times[number], 254) + 1
}

func (r *reception) delivery(sent int) Delivery {
	d := Delivery{Sent: sent, Received: int(r.received.Load()), Reordered: r.reordered}
	for i, times := range r.times[:sent] {
		switch {
		case times > 1:
			d.Duplicated++
		case times == 1:
		case len(d.Lost) > 0 && d.Lost[len(d.Lost)-1].Last == i-1:
			d.Lost[len(d.Lost)-1].Last = i
		default:
			d.Lost = append(d.Lost, Range{i, i})
		}
	}
	return d
}

// socketDrops returns SK_MEMINFO_DROPS of SO_MEMINFO (Linux 4.12).
func socketDrops(fd int) int {
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return int(info[8])
}
