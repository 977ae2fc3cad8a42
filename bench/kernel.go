// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/weirnet/weir/gen/bpf"
)

// Parts of bench_turns (bench/bpf/bench.bpf.c): each includes the one before it, but the whole not the bare look-up.
const (
	partLoop uint32 = iota
	partKey
	partParse
	partLookup
	partAll
	numParts
)

// measureKernel measures the programs' time for each packet.
func measureKernel(t *table, runs int) error {
	if err := measureHot(t, runs); err != nil {
		return err
	}
	for _, flows := range []uint32{1, 1 << 16, 1 << 20} {
		if err := measureMany(t, runs, flows); err != nil {
			return err
		}
	}
	return measureNew(t, runs)
}

// loopback is the interface of a test run.
const loopback = uint32(1)

// measureHot measures the programs on one repeated packet: its flow is in the first cache.
func measureHot(t *table, runs int) error {
	const repeat = 300_000
	p, err := loadPrograms(64, 1<<20, true)
	if err != nil {
		return err
	}
	defer p.close()
	without, err := loadPrograms(64, 1<<20, false)
	if err != nil {
		return err
	}
	defer without.close()
	if err := errors.Join(p.note(loopback), without.note(loopback)); err != nil {
		return err
	}
	forwarded := make([]byte, 192) // struct __sk_buff of linux/bpf.h: ingress_ifindex, ifindex
	binary.NativeEndian.PutUint32(forwarded[36:], loopback)
	binary.NativeEndian.PutUint32(forwarded[40:], loopback)
	cases := []struct {
		name    string
		program *ebpf.Program
		frame   []byte
		context []byte
		isLong  bool // no goal
		ns      []float64
	}{
		{name: "packet of an established flow, hot", program: p.weir.Programs[bpf.WeirProgWeirIngress],
			frame: udpFrame(60)},
		{name: "… a TCP segment without payload", program: p.weir.Programs[bpf.WeirProgWeirIngress], frame: ackFrame()},
		{name: "… without flows.tcp_health: a datagram", program: without.weir.Programs[bpf.WeirProgWeirIngress],
			frame: udpFrame(60)},
		{name: "… without it: a TCP segment", program: without.weir.Programs[bpf.WeirProgWeirIngress],
			frame: ackFrame()},
		{name: "… with it: a TCP segment that is a retransmission", program: p.weir.Programs[bpf.WeirProgWeirIngress],
			frame: dataFrame(), isLong: true},
		{name: "… without it", program: without.weir.Programs[bpf.WeirProgWeirIngress], frame: dataFrame(),
			isLong: true},
		{name: "… going out (weir_egress)", program: p.weir.Programs[bpf.WeirProgWeirEgress], frame: udpFrame(60)},
		{name: "… forwarded, and counted where it came in", program: p.weir.Programs[bpf.WeirProgWeirEgress],
			frame: udpFrame(60), context: forwarded},
		{name: "… of which BPF_PROG_TEST_RUN itself takes", program: p.bench.Programs["bench_nothing"],
			frame: udpFrame(60)},
	}
	for n := range runs + 1 {
		for i := range cases {
			c := &cases[i]
			ns, err := p.runWith(c.program, c.frame, c.context, repeat)
			if err != nil {
				return err
			}
			if n > 0 {
				c.ns = append(c.ns, ns)
			}
		}
	}
	for i, c := range cases {
		goal := 0.0
		if i < len(cases)-1 && !c.isLong {
			goal = 80
		}
		t.figure(c.name, goal, "ns", c.ns)
	}
	return nil
}

// measureMany measures the benchmark's program on packets of that many flows, in an order that no prefetcher follows,
// whole and in parts.
func measureMany(t *table, runs int, flows uint32) error {
	turns := uint32(1 << 20)
	p, err := loadPrograms(flows, 1<<20, true)
	if err != nil {
		return err
	}
	defer p.close()
	frame := udpFrame(60)
	// First make all flows, and use up the one packet that each may show, so that only counting is measured.
	for left := 2 * flows; left > 0; left -= min(left, 1<<10) {
		p.empty()
	}
	if err := p.turns(partAll, turns, flows-1); err != nil {
		return err
	}
	program := p.bench.Programs["bench_turns"]
	for range 2 {
		if _, err := p.run(program, frame, 1); err != nil {
			return err
		}
		p.empty()
	}
	var ns [numParts][]float64
	for range runs {
		for part := range numParts {
			if err := p.turns(part, turns, flows-1); err != nil {
				return err
			}
			took, err := p.run(program, frame, 1)
			if err != nil {
				return err
			}
			ns[part] = append(ns[part], took/float64(turns))
		}
	}
	t.figure(fmt.Sprintf("packet of one of %d flows, in no order", flows), 0, "ns", minus(ns[partAll], ns[partKey]))
	t.figure("… parsing", 0, "ns", minus(ns[partParse], ns[partKey]))
	t.figure("… the rest: finding the slot, adding, budget", 0, "ns", minus(ns[partAll], ns[partParse]))
	t.figure("a bare look-up in the flow map, which the cache spares", 0, "ns", minus(ns[partLookup], ns[partParse]))
	return nil
}

// measureNew makes flows, a record of 256 bytes for each, ends them, and starts again.
func measureNew(t *table, runs int) error {
	const flows = 8192
	p, err := loadPrograms(flows, 4<<20, true)
	if err != nil {
		return err
	}
	defer p.close()
	frame := udpFrame(256 - 48) // after the record's header
	program := p.bench.Programs["bench_turns"]
	var fresh, key, ended []float64
	for n := range runs + 1 {
		var ns [3]float64
		for i, part := range []uint32{partKey, partAll} {
			if err := p.turns(part, flows, flows-1); err != nil {
				return err
			}
			if ns[i], err = p.run(program, frame, 1); err != nil {
				return err
			}
		}
		if got := p.empty(); got != flows*(256+8) {
			return fmt.Errorf("%d bytes of records for %d new flows", got, flows)
		}
		if ns[2], err = p.end(flows); err != nil {
			return err
		}
		if n > 0 {
			key, fresh, ended = append(key, ns[0]/flows), append(fresh, ns[1]/flows), append(ended, ns[2]/flows)
		}
	}
	t.figure("packet of a new flow, with a record of 256 bytes", 400, "ns", minus(fresh, key))
	t.figure("end of a flow (retire and release, a batch in a call)", 0, "ns", ended)
	return nil
}

// end removes flows 0 to n from the maps, with the helper's program.
func (p *programs) end(n uint32) (ns float64, err error) {
	const most = 768
	for operation := uint32(1); operation <= 2; operation++ {
		for first := uint32(0); first < n; first += most {
			b := binary.LittleEndian.AppendUint32(nil, operation)
			for i := first; i < min(first+most, n); i++ {
				b = binary.LittleEndian.AppendUint32(b, i)
			}
			began := time.Now()
			if _, err := p.weir.Programs[bpf.WeirProgWeirSlots].Run(&ebpf.RunOptions{Data: b}); err != nil {
				return 0, err
			}
			ns += float64(time.Since(began).Nanoseconds())
		}
	}
	return ns, nil
}

func minus(a, b []float64) []float64 {
	d := make([]float64, len(a))
	for i := range a {
		d[i] = a[i] - b[i]
	}
	return d
}

// udpFrame returns a datagram from 10.0.0.1 to 198.51.100.2, ports 1000 and 443, of that length with the Ethernet
// header.
func udpFrame(length int) []byte {
	f := make([]byte, length)
	copy(f, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0})
	binary.BigEndian.PutUint16(f[16:], uint16(length-14))
	f[22], f[23] = 64, 17
	copy(f[26:], []byte{10, 0, 0, 1, 198, 51, 100, 2, 1000 >> 8, 1000 & 0xff, 443 >> 8, 443 & 0xff})
	binary.BigEndian.PutUint16(f[38:], uint16(length-34))
	return f
}

// ackFrame returns a TCP segment without payload between the same ends.
func ackFrame() []byte {
	f := udpFrame(54)
	f[23], f[38], f[39], f[46], f[47], f[48] = 6, 0, 0, 5<<4, 0x10, 1
	return f
}

// dataFrame returns a TCP segment with payload between the same ends: of many, each but the first is a retransmission.
func dataFrame() []byte {
	f := append(ackFrame(), make([]byte, 20)...)
	binary.BigEndian.PutUint16(f[16:], uint16(len(f)-14))
	return f
}
