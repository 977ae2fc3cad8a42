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

// batch bounds the frames of one system call. At a given rate, burst bounds the frames between two pauses, in which the
// receiving softirq runs: well below the 1000 packets (net.core.netdev_max_backlog) that a CPU queues before it drops.
const (
	batch = 64
	burst = 256
)

// Sending sets the pace of frames.
type Sending struct {
	// Rate in frames per second; 0 means unpaced, and the peer of a veth may then drop frames without an error at the
	// sender.
	Rate float64
	// Loops is the number of rounds; 0 means one. With Duration set they repeat until then.
	Loops    int
	Duration time.Duration
}

// Sent is the result of SendFrames and ReplayCapture.
type Sent struct {
	Frames, Bytes uint64
	// TooLong counts unsent frames above the link's MTU.
	TooLong uint64
	// OtherLink counts unsent frames of a capture that are not Ethernet.
	OtherLink uint64
	// Dropped counts frames, of all senders at the time, that the link could not pass to its peer (its counter
	// TxDropped).
	Dropped uint64
	Elapsed time.Duration
}

// SendFrames sends whole Ethernet frames unchanged out of a link, to the link's peer. It ends with ctx and returns
// ctx's error. At a given rate a late sender catches up.
func (h *Host) SendFrames(ctx context.Context, link string, frames [][]byte, s Sending) (sent Sent, err error) {
	for _, f := range frames {
		if len(f) < 14 {
			return sent, fmt.Errorf("send on %s: a frame of %d bytes is too short for Ethernet", link, len(f))
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

// ReplayCapture sends the Ethernet frames of a capture file (pcap, pcapng, compressed or not) out of a link. It ignores
// the file's times: s.Rate sets the pace. It sends truncated frames as captured, and reads the file into memory.
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

// packetSocket opens a packet socket for sending only: with protocol 0 it receives nothing.
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
	rate      float64 // per second; 0: no waiting
	unstopped int     // sent since the last pause
}

// wait waits, after that many sent, until the next count are due.
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

// pause serves pacing, and lets the kernel send its queue: no event reports free room in a queue.
func pause(d time.Duration) { time.Sleep(d) }

// mmsghdr is the struct of sendmmsg(2).
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
		case unix.EMSGSIZE: // of the first one
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
