// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/bench/gen"
	"github.com/weirnet/weir/gen/bpf"
)

// programs are the agent's committed ones and the benchmark's, on the same maps, for one worker.
type programs struct {
	weir, bench        *ebpf.Collection
	ring               *ebpf.Map
	consumer, producer []byte // the ring's first two pages: positions
}

// loadPrograms makes maps for that many flows.
func loadPrograms(flows, ringBytes uint32, hasHealth bool) (p *programs, err error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, err
	}
	p = &programs{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	spec, err := bpf.LoadWeir()
	if err != nil {
		return nil, err
	}
	own, err := gen.LoadBench()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(size(spec, flows, ringBytes, hasHealth),
		size(own, flows, ringBytes, hasHealth)); err != nil {
		return nil, err
	}
	if p.weir, err = ebpf.NewCollection(spec); err != nil {
		return nil, fmt.Errorf("load the agent's programs: %w", err)
	}
	shared := map[string]*ebpf.Map{}
	for name, m := range p.weir.Maps {
		if own.Maps[name] != nil && name[0] != '.' { // each object has its own .rodata and .bss
			shared[name] = m
		}
	}
	if p.bench, err = ebpf.NewCollectionWithOptions(own, ebpf.CollectionOptions{MapReplacements: shared}); err != nil {
		return nil, fmt.Errorf("load the benchmark's programs: %w", err)
	}
	return p, p.addWorker(spec, flows)
}

// size repeats kernel.Loader's sizing before the load. One packet of each flow is shown.
func size(spec *ebpf.CollectionSpec, flows, ringBytes uint32, hasHealth bool) error {
	health := uint8(0)
	if hasHealth {
		health = 1
	}
	m := spec.Maps
	for _, name := range []string{bpf.WeirMapSlots, bpf.WeirMapBudgets, bpf.WeirMapAliases} {
		if m[name] != nil {
			m[name].MaxEntries = flows
		}
	}
	m[bpf.WeirMapFlows].MaxEntries = 2 * flows
	sets := max(flows/4, 1)
	if m[bpf.WeirMapCache] != nil {
		m[bpf.WeirMapCache].MaxEntries = sets
	}
	m[bpf.WeirMapCauses].MaxEntries = uint32(ebpf.MustPossibleCPU())
	m[bpf.WeirMapTraffics].MaxEntries = uint32(ebpf.MustPossibleCPU()) * uint32(bpf.WeirWayNUM_WAYS)
	m[bpf.WeirMapStacks].InnerMap.MaxEntries = flows
	m[bpf.WeirMapRings].InnerMap.MaxEntries = ringBytes
	for name, value := range map[string]any{
		bpf.WeirVarSlotsPerWorker: flows, bpf.WeirVarWakeupBytes: ringBytes, bpf.WeirVarHaveCoarseClock: uint8(1),
		bpf.WeirVarTcpHealth:   health,
		bpf.WeirVarBudgetOther: uint32(1), bpf.WeirVarCpus: uint32(ebpf.MustPossibleCPU()),
		bpf.WeirVarCacheMask: sets - 1,
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return err
		}
	}
	return nil
}

func (p *programs) addWorker(spec *ebpf.CollectionSpec, flows uint32) (err error) {
	if p.ring, err = ebpf.NewMap(spec.Maps[bpf.WeirMapRings].InnerMap); err != nil {
		return err
	}
	page := unix.Getpagesize()
	if p.consumer, err = unix.Mmap(p.ring.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return err
	}
	if p.producer, err = unix.Mmap(p.ring.FD(), int64(page), page, unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return err
	}
	stack, err := ebpf.NewMap(spec.Maps[bpf.WeirMapStacks].InnerMap)
	if err != nil {
		return err
	}
	defer stack.Close() // the map of maps holds it
	for i := flows; i > 0; i-- {
		if err := stack.Put(nil, i-1); err != nil {
			return err
		}
	}
	return errors.Join(p.weir.Maps[bpf.WeirMapRings].Put(uint32(0), p.ring), p.weir.Maps[bpf.WeirMapStacks].Put(
		uint32(0), stack))
}

func (p *programs) close() {
	for _, page := range [][]byte{p.consumer, p.producer} {
		if page != nil {
			_ = unix.Munmap(page)
		}
	}
	if p.ring != nil {
		_ = p.ring.Close()
	}
	for _, c := range []*ebpf.Collection{p.bench, p.weir} {
		if c != nil {
			c.Close()
		}
	}
}

// turns configures bench_turns.
func (p *programs) turns(part, turns, mask uint32) error {
	v := p.bench.Variables
	return errors.Join(v["part"].Set(part), v["turns"].Set(turns), v["flow_mask"].Set(mask))
}

// run returns the nanoseconds of each of that many runs.
func (p *programs) run(program *ebpf.Program, frame []byte, repeat int) (float64, error) {
	return p.runWith(program, frame, nil, repeat)
}

// runWith is run with a context, unless that is nil.
func (p *programs) runWith(program *ebpf.Program, frame, context []byte, repeat int) (float64, error) {
	if context == nil {
		_, took, err := program.Benchmark(frame, repeat, nil)
		return float64(took.Nanoseconds()), err
	}
	repeat = min(repeat, 10_000) // a millisecond: a signal makes a test run start again
	began := time.Now()
	_, err := program.Run(&ebpf.RunOptions{Data: frame, Context: context, Repeat: uint32(repeat)})
	return float64(time.Since(began).Nanoseconds()) / float64(repeat), err
}

// note has the programs count an interface's traffic, in the first row.
func (p *programs) note(ifindex uint32) error {
	return p.weir.Maps[bpf.WeirMapLinks].Put(ifindex, bpf.WeirInterface{Ingress: 1, Row: 1})
}

// empty empties the ring, and returns the number of bytes in it.
func (p *programs) empty() uint64 {
	consumer, producer := (*uint64)(unsafe.Pointer(&p.consumer[0])), (*uint64)(unsafe.Pointer(&p.producer[0]))
	end := atomic.LoadUint64(producer)
	return end - atomic.SwapUint64(consumer, end)
}
