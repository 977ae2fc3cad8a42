// SPDX-License-Identifier: Apache-2.0

// Package watch tells which process each new socket of this machine is of: tracing programs in the kernel see sockets
// when processes connect, listen, send and receive, and the files of /proc say more of the process. It needs the rights
// that load tracing programs, and belongs to the privileged process.
package watch

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/capture/bpferror"
	"github.com/weirnet/weir/internal/record"
	"github.com/weirnet/weir/internal/sockets"
)

// Watcher holds the attached programs. Read and Close may be called from two goroutines.
type Watcher struct {
	objects    *ebpf.Collection
	links      []link.Link
	events     *ringbuf.Reader
	netns      uint32
	known      details
	connecting map[uint64]connecting
	record     ringbuf.Record
}

// Open loads and attaches the programs.
func Open() (*Watcher, error) {
	_ = rlimit.RemoveMemlock() // before Linux 5.11 maps count as locked memory
	w := &Watcher{known: details{}, connecting: map[uint64]connecting{}}
	if err := w.open(); err != nil {
		return nil, errors.Join(bpferror.Explain("attach the programs that see sockets", err), w.Close())
	}
	return w, nil
}

func (w *Watcher) open() error {
	info, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	w.netns = uint32(info.Sys().(*syscall.Stat_t).Ino)
	spec, err := bpf.LoadProcess()
	if err != nil {
		return fmt.Errorf("read the compiled programs: %w", err)
	}
	types, err := btf.LoadKernelSpec()
	if err != nil {
		return fmt.Errorf("the kernel's types (BTF): %w", err)
	}
	for _, p := range []struct{ program, tracepoint string }{
		{bpf.ProcessProgWeirTcpState, "inet_sock_set_state"}, {bpf.ProcessProgWeirSent, "sock_send_length"},
		{bpf.ProcessProgWeirReceived, "sock_recv_length"},
	} {
		var tracepoint *btf.Typedef
		if err := types.TypeByName("btf_trace_"+p.tracepoint, &tracepoint); err != nil {
			return fmt.Errorf("the kernel has no tracepoint %s (Linux 6.3): %w", p.tracepoint, ebpf.ErrNotSupported)
		}
	}
	if w.objects, err = ebpf.NewCollection(spec); err != nil {
		return err
	}
	for name, program := range w.objects.Programs {
		l, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			return fmt.Errorf("attach %s: %w", name, err)
		}
		w.links = append(w.links, l)
	}
	w.events, err = ringbuf.NewReader(w.objects.Maps[bpf.ProcessMapSocketEvents])
	return err
}

// Close detaches the programs, and ends Read.
func (w *Watcher) Close() error {
	var errs error
	for _, l := range w.links {
		errs = errors.Join(errs, l.Close())
	}
	w.links = nil
	if w.events != nil {
		errs = errors.Join(errs, w.events.Close())
	}
	if w.objects != nil {
		w.objects.Close()
	}
	return errs
}

// Lost counts the sockets for which the ring had no room.
func (w *Watcher) Lost() (n uint64) {
	var counts []uint64
	if err := w.objects.Maps[bpf.ProcessMapSocketEventsLost].Lookup(uint32(0), &counts); err != nil {
		return 0
	}
	for _, c := range counts {
		n += c
	}
	return n
}

// Flush makes Read return ErrFlushed once it has returned all sockets that the ring has now.
func (w *Watcher) Flush() error { return w.events.Flush() }

// ErrFlushed is Read's answer to Flush.
var ErrFlushed = ringbuf.ErrFlushed

// Read waits for the next socket that concerns weir: one in its own network namespace, or one of a container.
func (w *Watcher) Read(s *sockets.Socket) error {
	for {
		if err := w.events.ReadInto(&w.record); err != nil {
			return err
		}
		if len(w.record.RawSample) < int(unsafe.Sizeof(bpf.ProcessSocketEvent{})) {
			continue
		}
		e := (*bpf.ProcessSocketEvent)(unsafe.Pointer(&w.record.RawSample[0]))
		if w.socket(e, s) && (s.IsOwn || s.Process.Container != "") {
			return nil
		}
	}
}

// socket translates an event, and reports whether it tells all of a socket: connect takes two events.
func (w *Watcher) socket(e *bpf.ProcessSocketEvent, s *sockets.Socket) bool {
	*s = sockets.Socket{Since: wall(e.Time), Proto: e.Proto, IsOwn: e.Netns == w.netns,
		Local: netip.AddrPortFrom(netip.AddrFrom16(e.Local).Unmap(), e.LocalPort)}
	if e.RemotePort != 0 {
		s.Remote = netip.AddrPortFrom(netip.AddrFrom16(e.Remote).Unmap(), e.RemotePort)
	}
	switch bpf.ProcessSocketKind(e.Kind) {
	case bpf.ProcessSocketKindSOCKET_CONNECTS:
		if len(w.connecting) >= maxConnecting {
			clear(w.connecting)
		}
		w.connecting[e.Socket] = connecting{w.known.of(e), s.Since}
		return false
	case bpf.ProcessSocketKindSOCKET_NAMED:
		c, ok := w.connecting[e.Socket]
		delete(w.connecting, e.Socket)
		s.Process, s.Since = c.process, c.since
		return ok && e.LocalPort != 0
	}
	s.Process = w.known.of(e)
	return e.LocalPort != 0
}

// connecting is a socket whose process is known, but whose port is not.
type connecting struct {
	process record.Process
	since   int64
}

// maxConnecting bounds the connections under way that are remembered.
const maxConnecting = 16384

// wall converts a time of CLOCK_MONOTONIC to one of the wall clock.
func wall(monotonic uint64) int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0 // every Linux has the clock
	}
	return time.Now().UnixNano() - now.Nano() + int64(monotonic)
}

// text returns the text before the NUL.
func text(b []byte) string {
	before, _, _ := bytes.Cut(b, []byte{0})
	return string(before)
}

// cgroupOf returns the end of the path of the process's cgroup, as far as the program has noted it.
func cgroupOf(e *bpf.ProcessSocketEvent) string {
	p := ""
	for i := range e.Cgroups {
		name := text(e.Cgroups[i][:])
		if name == "" || strings.Contains(name, "/") {
			break
		}
		p = path.Join(name, p)
	}
	return p
}
