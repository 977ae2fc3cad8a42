// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/rlimit"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/capture/bpferror"
)

// Loader holds the programs and their maps. It belongs to one goroutine.
type Loader struct {
	objects  bpf.WeirObjects
	rings    []*ebpf.Map
	stacks   []*ebpf.Map
	hooks    map[uint32]hook // by ifindex
	rows     trafficRows
	config   Config
	batch    []byte
	attachBy attacher // nil: tcx, else clsact
	layout   string   // fingerprint of the maps
	kept     *kept    // nil: the maps are new, see whyNot
	whyNot   error    // why nothing of Config.Kept could be taken over; nil without any
}

// Load creates the maps and loads the programs. It attaches nothing.
func Load(config Config) (*Loader, error) {
	config.setDefaults()
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("count CPUs: %w", err)
	}
	config.CPUs = cpus
	if err := config.check(); err != nil {
		return nil, err
	}
	_ = rlimit.RemoveMemlock() // before Linux 5.11 maps count as locked memory
	l := &Loader{config: config, hooks: map[uint32]hook{}, rows: newTrafficRows()}
	if l.attachBy, err = l.chooseHook(); err != nil {
		return nil, err
	}
	if err := l.load(); err != nil {
		l.Close()
		return nil, bpferror.Explain("load the eBPF programs", err)
	}
	return l, nil
}

func (l *Loader) load() error {
	spec, err := bpf.LoadWeir()
	if err != nil {
		return fmt.Errorf("read the compiled programs: %w", err)
	}
	if err := l.size(spec); err != nil {
		return err
	}
	var options ebpf.CollectionOptions
	l.layout = l.fingerprint(spec)
	if len(l.config.Kept) > 0 {
		if l.kept, l.whyNot = l.takeOver(spec); l.kept != nil {
			options.MapReplacements = l.kept.maps
		}
	}
	if err := l.loadPrograms(spec, &options); err != nil {
		return err
	}
	if err := l.addShunts(); err != nil {
		return err
	}
	if l.kept != nil {
		l.rings = l.kept.rings
		return l.resume()
	}
	for i := range l.config.Workers {
		if err := l.addWorker(spec, uint32(i)); err != nil {
			return err
		}
	}
	return l.fill()
}

func (l *Loader) loadPrograms(spec *ebpf.CollectionSpec, options *ebpf.CollectionOptions) (err error) {
	if haveXDPLoadBytes() {
		return spec.LoadAndAssign(&l.objects, options)
	}
	delete(spec.Programs, bpf.WeirProgWeirXdp)
	var o struct {
		bpf.WeirMaps
		programsWithoutXDP
	}
	err = spec.LoadAndAssign(&o, options)
	l.objects.WeirMaps, l.objects.WeirPrograms = o.WeirMaps, o.all()
	return err
}

// programsWithoutXDP are the programs that kernels before 5.18 can load.
type programsWithoutXDP struct {
	WeirEgress     *ebpf.Program `ebpf:"weir_egress"`
	WeirEgressRaw  *ebpf.Program `ebpf:"weir_egress_raw"`
	WeirIngress    *ebpf.Program `ebpf:"weir_ingress"`
	WeirIngressRaw *ebpf.Program `ebpf:"weir_ingress_raw"`
	WeirShunt      *ebpf.Program `ebpf:"weir_shunt"`
	WeirShuntRaw   *ebpf.Program `ebpf:"weir_shunt_raw"`
	WeirFilter     *ebpf.Program `ebpf:"weir_filter"`
	WeirFilterRaw  *ebpf.Program `ebpf:"weir_filter_raw"`
	WeirFanout     *ebpf.Program `ebpf:"weir_fanout"`
	WeirSlots      *ebpf.Program `ebpf:"weir_slots"`
}

func (p *programsWithoutXDP) all() bpf.WeirPrograms {
	return bpf.WeirPrograms{
		WeirEgress: p.WeirEgress, WeirEgressRaw: p.WeirEgressRaw, WeirIngress: p.WeirIngress,
		WeirIngressRaw: p.WeirIngressRaw,
		WeirShunt:      p.WeirShunt, WeirShuntRaw: p.WeirShuntRaw, WeirFilter: p.WeirFilter,
		WeirFilterRaw: p.WeirFilterRaw,
		WeirFanout:    p.WeirFanout, WeirSlots: p.WeirSlots,
	}
}

func haveXDPLoadBytes() bool {
	return features.HaveProgramHelper(ebpf.XDP, asm.FnXdpLoadBytes) == nil
}

// size sets the sizes of maps and the constants of programs that depend on the configuration.
func (l *Loader) size(spec *ebpf.CollectionSpec) error {
	c := &l.config
	slots := uint32(c.Workers * c.SlotsPerWorker)
	m := spec.Maps
	m[bpf.WeirMapSlots].MaxEntries = slots
	m[bpf.WeirMapBudgets].MaxEntries = slots + 1 // and the one of new flows
	m[bpf.WeirMapAliases].MaxEntries = slots
	m[bpf.WeirMapFlows].MaxEntries = 2 * slots // keys and their aliases
	m[bpf.WeirMapCache].MaxEntries = cacheSets(slots)
	m[bpf.WeirMapCauses].MaxEntries = uint32(c.CPUs)
	m[bpf.WeirMapTraffics].MaxEntries = maxRows * uint32(c.CPUs) * numWays
	m[bpf.WeirMapAsleep].MaxEntries = uint32(c.Workers)
	m[bpf.WeirMapStacks].MaxEntries = uint32(c.Workers)
	m[bpf.WeirMapStacks].InnerMap.MaxEntries = uint32(c.SlotsPerWorker)
	m[bpf.WeirMapRings].MaxEntries = uint32(c.Workers)
	m[bpf.WeirMapRings].InnerMap.MaxEntries = uint32(c.RingBytes)
	coarse := uint8(0)
	if features.HaveProgramHelper(ebpf.SchedCLS, asm.FnKtimeGetCoarseNs) == nil {
		coarse = 1
	}
	open, ignoreVLAN, health := uint8(1), uint8(0), uint8(0)
	if c.KeepTunnels {
		open = 0
	}
	if c.IgnoreVLAN {
		ignoreVLAN = 1
	}
	if c.TCPHealth {
		health = 1
	}
	for name, value := range map[string]any{
		bpf.WeirVarWorkers: uint32(c.Workers), bpf.WeirVarCpus: uint32(c.CPUs),
		bpf.WeirVarSlotsPerWorker: uint32(c.SlotsPerWorker), bpf.WeirVarCacheMask: cacheSets(slots) - 1,
		bpf.WeirVarBudgetTcp: uint32(c.PacketsTCP), bpf.WeirVarBudgetOther: uint32(c.PacketsOther),
		bpf.WeirVarSnapLength: uint32(c.SnapLength), bpf.WeirVarWakeupBytes: uint32(c.WakeupBytes),
		bpf.WeirVarHaveCoarseClock: coarse, bpf.WeirVarOpenTunnels: open, bpf.WeirVarIgnoreVlan: ignoreVLAN,
		bpf.WeirVarTcpHealth: health,
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// cacheSets returns the number of sets of the flow map's cache: a power of two, with twice as many entries as slots,
// since chance fills some sets before others.
func cacheSets(slots uint32) uint32 {
	return 1 << bits.Len32(max(2*slots/uint32(bpf.WeirCacheLimitsCACHE_WAYS), 1)-1)
}

// addWorker makes a worker's ring and its stack of free slots.
func (l *Loader) addWorker(spec *ebpf.CollectionSpec, i uint32) error {
	ring, err := ebpf.NewMap(spec.Maps[bpf.WeirMapRings].InnerMap)
	if err != nil {
		return fmt.Errorf("create ring %d: %w", i, err)
	}
	l.rings = append(l.rings, ring)
	if err := l.objects.Rings.Put(i, ring); err != nil {
		return fmt.Errorf("add ring %d: %w", i, err)
	}
	stack, err := ebpf.NewMap(spec.Maps[bpf.WeirMapStacks].InnerMap)
	if err != nil {
		return fmt.Errorf("create stack %d: %w", i, err)
	}
	l.stacks = append(l.stacks, stack)
	if err := l.objects.Stacks.Put(i, stack); err != nil {
		return fmt.Errorf("add stack %d: %w", i, err)
	}
	return nil
}

// fill puts all slots onto the stacks, each worker's first slot on top.
func (l *Loader) fill() error {
	slots := make([]uint32, l.config.SlotsPerWorker)
	for w := range l.config.Workers {
		for i := range slots {
			slots[i] = uint32((w+1)*l.config.SlotsPerWorker - 1 - i)
		}
		if err := l.Release(slots); err != nil {
			return err
		}
	}
	return nil
}

// Retire removes the keys of slots from the flow map. It skips invalid numbers.
func (l *Loader) Retire(slots []uint32) error {
	return l.run(bpf.WeirSlotsOperationSLOTS_RETIRE, slots)
}

// Release clears and frees slots. Retire them some time before: a program that still handles a packet may count it.
func (l *Loader) Release(slots []uint32) error {
	return l.run(bpf.WeirSlotsOperationSLOTS_RELEASE, slots)
}

// run runs weir_slots, one system call per batch.
func (l *Loader) run(operation bpf.WeirSlotsOperation, slots []uint32) error {
	total := uint32(l.config.Workers * l.config.SlotsPerWorker)
	for len(slots) > 0 {
		b := binary.LittleEndian.AppendUint32(l.batch[:0], uint32(operation))
		n := min(len(slots), int(bpf.WeirSlotsOperationSLOTS_MAX))
		for _, slot := range slots[:n] {
			if slot < total {
				b = binary.LittleEndian.AppendUint32(b, slot)
			}
		}
		slots = slots[n:]
		for len(b) < 64 { // a test run takes no frame below 14 bytes
			b = binary.LittleEndian.AppendUint32(b, ^uint32(0))
		}
		l.batch = b
		if _, err := l.objects.WeirSlots.Run(&ebpf.RunOptions{Data: b}); err != nil {
			return fmt.Errorf("retire or release slots: %w", err)
		}
	}
	return nil
}

// Geometry returns the layout of the maps behind Descriptors.
func (l *Loader) Geometry() Geometry { return l.config.Geometry }

// Descriptors returns the maps for the agent: slots, budgets, causes, asleep, traffics, then the ring of each
// worker. The loader still owns them.
func (l *Loader) Descriptors() []int {
	o := &l.objects
	fds := []int{o.Slots.FD(), o.Budgets.FD(), o.Causes.FD(), o.Asleep.FD(), o.Traffics.FD()}
	for _, r := range l.rings {
		fds = append(fds, r.FD())
	}
	return fds
}

// Close detaches and unloads everything.
func (l *Loader) Close() error {
	errs := l.DropUnused()
	for ifindex := range l.hooks {
		errs = errors.Join(errs, l.Detach(ifindex))
	}
	for _, m := range append(l.rings, l.stacks...) {
		errs = errors.Join(errs, m.Close())
	}
	return errors.Join(errs, l.objects.Close())
}
