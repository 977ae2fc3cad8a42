// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/internal/capture/pcapfile"
	"github.com/weirnet/weir/internal/packet"
)

// batch is how many frames one system call sends at most, burst how many go without a pause that lets the receiving
// softirq run where a rate is kept: well below the 1000 packets (net.core.netdev_max_backlog) that a CPU takes in
// before it drops.
const (
	batch = 64
	burst = 256
)

// Sending says how frames are sent.
type Sending struct {
	// Rate in frames per second; 0 is as fast as it goes, which the other end of a veth may drop from without telling
	// the sender.
	Rate float64
	// Loops is how often all frames are sent; 0 means once. With Duration set they go round until then.
	Loops    int
	Duration time.Duration
}

// Sent is what SendFrames and ReplayCapture did.
type Sent struct {
	Frames, Bytes uint64
	// TooLong frames were not sent: the link's MTU is below them.
	TooLong uint64
	// OtherLink frames of a capture were not sent: they are not Ethernet.
	OtherLink uint64
	// Dropped frames, and those of others at the same time, the link could not hand to its other end (counted by it as
	// TxDropped).
	Dropped uint64
	Elapsed time.Duration
}

// SendFrames sends Ethernet frames out of a link, whole and as they are, so that the link's other end receives them. It
// ends with ctx, with the error of ctx. For a rate, batches are sent in time; a sender that is behind catches up.
func (h *Host) SendFrames(ctx context.Context, link string, frames [][]byte, s Sending) (sent Sent, err error) {
	for _, f := range frames {
		if len(f) < 14 {
			return sent, fmt.Errorf("send on %s: a frame of %d bytes is no Ethernet frame", link, len(f))
		}
	}
	if len(frames) == 0 {
		return sent, fmt.Errorf("send on %s: no frames", link)
	}
	before, err := h.Counters(link)
	if err != nil {
		return sent, err
	}
	defer func() {
		after, _ := h.Counters(link)
		sent.Dropped = max(after.TxDropped, before.TxDropped) - before.TxDropped
	}()
	err = h.Do(func() error {
		socket, err := packetSocket(link)
		if err != nil {
			return fmt.Errorf("%s: send on %s: %w", h.Name, link, err)
		}
		defer unix.Close(socket)
		start := time.Now()
		p := pacer{start: start, rate: s.Rate}
		defer func() { sent.Elapsed = time.Since(start) }()
		for loop := 0; s.Duration > 0 || loop < max(s.Loops, 1); loop++ {
			for chunk := range slices.Chunk(frames, batch) {
				if err := ctx.Err(); err != nil {
					return err
				}
				if s.Duration > 0 && time.Since(start) >= s.Duration {
					return nil
				}
				p.wait(sent.Frames+sent.TooLong, len(chunk))
				if err := sendAll(socket, chunk, &sent); err != nil {
					return fmt.Errorf("%s: send on %s: %w", h.Name, link, err)
				}
			}
		}
		return nil
	})
	return sent, err
}

// ReplayCapture sends the Ethernet frames of a capture file (pcap, pcapng, compressed or not) out of a link. Times in
// the file are not kept: s.Rate says how fast. Frames that the capture has cut are sent cut. The file is read into
// memory.
func (h *Host) ReplayCapture(ctx context.Context, link, path string, s Sending) (Sent, error) {
	frames, other, err := readCapture(path)
	if err != nil {
		return Sent{}, err
	}
	sent, err := h.SendFrames(ctx, link, frames, s)
	sent.OtherLink = other
	return sent, err
}

func readCapture(path string) (frames [][]byte, other uint64, err error) {
	r, err := pcapfile.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("replay %s: %w", path, err)
	}
	defer r.Close()
	for {
		var f pcapfile.Frame
		err := r.Next(&f)
		if errors.Is(err, io.EOF) {
			return frames, other, nil
		}
		if err != nil {
			return nil, 0, fmt.Errorf("replay %s: %w", path, err)
		}
		if r.Interfaces()[f.Interface].LinkType != packet.LinkEthernet || len(f.Data) < 14 {
			other++
			continue
		}
		frames = append(frames, slices.Clone(f.Data))
	}
}

// packetSocket opens one for sending only: it receives nothing, since its protocol is 0.
func packetSocket(link string) (int, error) {
	l, err := net.InterfaceByName(link)
	if err != nil {
		return -1, err
	}
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(socket, &unix.SockaddrLinklayer{Ifindex: l.Index}); err != nil {
		unix.Close(socket)
		return -1, err
	}
	return socket, nil
}

// pacer keeps a rate.
type pacer struct {
	start     time.Time
	rate      float64 // per second; 0 does not wait
	unstopped int     // sent since the last pause
}

// wait waits until, after so many, the next count are due.
func (p *pacer) wait(sent uint64, count int) {
	if p.rate <= 0 {
		return
	}
	due := time.Until(p.start.Add(time.Duration(float64(sent) / p.rate * float64(time.Second))))
	if p.unstopped += count; due <= 0 && p.unstopped > burst {
		due = time.Millisecond
	}
	if due > 0 {
		pause(due)
		p.unstopped = count
	}
}

// pause is for a rate, and for the kernel to send what it has: nothing tells when a queue has room again.
func pause(d time.Duration) { time.Sleep(d) }

// mmsghdr is that of sendmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	length uint32
	_      [unsafe.Sizeof(uintptr(0)) - 4]byte
}

func sendAll(socket int, frames [][]byte, sent *Sent) error {
	var messages [batch]mmsghdr
	var parts [batch]unix.Iovec
	for i, f := range frames {
		parts[i].Base = &f[0]
		parts[i].SetLen(len(f))
		messages[i].Iov = &parts[i]
		messages[i].SetIovlen(1)
	}
	for next := 0; next < len(frames); {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(socket), uintptr(unsafe.Pointer(&messages[next])),
			uintptr(len(frames)-next), 0, 0, 0)
		switch errno {
		case 0:
			for _, f := range frames[next : next+int(n)] {
				sent.Frames++
				sent.Bytes += uint64(len(f))
			}
			next += int(n)
		case unix.EMSGSIZE: // the first one
			sent.TooLong++
			next++
		case unix.EINTR, unix.EAGAIN:
		case unix.ENOBUFS:
			pause(time.Millisecond)
		default:
			return errno
		}
	}
	runtime.KeepAlive(frames)
	return nil
}
