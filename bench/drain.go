// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/capture/kernel"
	"github.com/weirnet/weir/internal/testing/lab"
)

const drainFlows = 100_000

// counters is a flow agent's entry of a flow in a hash map: as large as a slot of ours without the key.
type counters struct {
	Lower, Upper struct{ Packets, Bytes, Last uint64 }
	Born         uint64
	Other        [4]uint32
}

// measureDrain compares the time to read and remove the counters of 100,000 flows: the agent's way, and iterating over
// a hash map and then deleting what was read.
func measureDrain(t *table, runs int) error {
	const what = "reading and removing 100,000 flows"
	var a, b *lab.Host
	l := makeLab(t, what, func() (l *lab.Lab, err error) { l, a, b, err = lab.MakePair(); return l, err })
	if l == nil {
		return nil
	}
	defer l.Close()
	loader, err := kernel.Load(kernel.Config{Geometry: kernel.Geometry{SlotsPerWorker: drainFlows}})
	if err != nil {
		t.skip(what, err)
		return nil
	}
	defer loader.Close()
	link, err := b.Link("eth0")
	if err != nil {
		return err
	}
	if err := b.Do(func() error { _, err := loader.Attach(uint32(link.Index), false); return err }); err != nil {
		return err
	}
	counter, err := counterOf(loader)
	if err != nil {
		return err
	}
	hash, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Hash, KeySize: 40, ValueSize: 72, MaxEntries: 2*drainFlows +
		drainFlows/4})
	if err != nil {
		return err
	}
	defer hash.Close()
	frames := manyFrames(drainFlows)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var ours, reading, theirs []float64
	for n := range runs + 1 {
		if _, err := a.SendFrames(context.Background(), "eth0", frames, lab.Sending{}); err != nil {
			return err
		}
		read, all, err := drainSlots(counter)
		if err != nil {
			return err
		}
		peer, err := drainHash(hash)
		if err != nil {
			return err
		}
		if n > 0 {
			ours, reading, theirs = append(ours, ms(all)), append(reading, ms(read)), append(theirs, ms(peer))
		}
	}
	t.figure(what+", slots read from mapped memory, retired and released in batches", 0, "ms", ours)
	t.figure("… of that, reading: what the agent does once a second for flows that live on", 0, "ms", reading)
	t.figure("… hash map, iterating, then deleting (cilium/ebpf)", 0, "ms", theirs)
	ratio := quotients(theirs, ours)
	t.row("… times faster", "≥ 10×", fmt.Sprintf("%s ± %s", quantity(median(ratio), "×"), number(spread(ratio))),
		median(ratio) >= 10)
	read := quotients(theirs, reading)
	t.row("… times faster, reading alone", "", fmt.Sprintf("%s ± %s", quantity(median(read), "×"),
		number(spread(read))), true)
	return nil
}

// threadTime returns the CPU time of the calling thread: neither side waits for anything, and other programs must not
// count.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// counterOf maps a loader's counters, as the agent does.
func counterOf(l *kernel.Loader) (capture.Counter, error) {
	fds := l.Descriptors()
	for i, fd := range fds {
		var err error
		if fds[i], err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return nil, err
		}
	}
	v, err := kernel.NewView(l.Geometry(), fds)
	if err != nil {
		return nil, err
	}
	return v.Counter(0, l), nil
}

// drainSlots reads all flows, then ends them.
func drainSlots(c capture.Counter) (read, all time.Duration, err error) {
	var slots []uint32
	var counts capture.Counts
	began := threadTime()
	first, n := c.Slots()
	for slot := first; slot < first+n; slot++ {
		if born, sum := c.Packets(slot); born == 0 || sum == 0 {
			continue
		}
		if c.Read(slot, &counts) {
			slots = append(slots, slot)
		}
	}
	read = threadTime() - began
	err = errors.Join(c.Retire(slots), c.Release(slots))
	all = threadTime() - began
	if err == nil && len(slots) < drainFlows*99/100 { // a veth's queue may drop some
		err = fmt.Errorf("%d flows of %d", len(slots), drainFlows)
	}
	return read, all, err
}

// drainHash fills a hash map, and measures emptying it.
func drainHash(m *ebpf.Map) (time.Duration, error) {
	keys, values := make([]bpf.WeirFlowKey, drainFlows), make([]counters, drainFlows)
	for i := range keys {
		keys[i] = bpf.WeirFlowKey{LowerLow: 10<<24 + uint64(i), UpperLow: 203 << 24,
			Rest: 1000<<48 | 53<<32 | 17<<8 | 4}
	}
	if _, err := m.BatchUpdate(keys, values, nil); err != nil {
		return 0, err
	}
	var key bpf.WeirFlowKey
	var value counters
	n := 0
	began := threadTime()
	// Not while iterating: after a deleted key the kernel restarts at the first bucket.
	entries := m.Iterate()
	for ; n < drainFlows && entries.Next(&key, &value); n++ {
		keys[n], values[n] = key, value
	}
	for i := range keys {
		if err := m.Delete(&keys[i]); err != nil {
			return 0, err
		}
	}
	took := threadTime() - began
	if n < drainFlows {
		return 0, fmt.Errorf("%d entries of %d: %w", n, drainFlows, entries.Err())
	}
	return took, nil
}
