// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/packet"
)

// The programs and the agent agree on slots of three cache lines, records with 48 bytes before the frame, and numbers.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(bpf.WeirSlot{})-192]
	_ = [1]struct{}{}[int(unsafe.Sizeof(bpf.WeirRecord{}))-recordHeader]
	_ = [1]struct{}{}[unsafe.Offsetof(bpf.WeirSlot{}.Upper)-64]
	_ = [1]struct{}{}[unsafe.Offsetof(bpf.WeirSlot{}.Key)-128]
	_ = [1]struct{}{}[uint64(bpf.WeirSlotNumberSLOT_NONE)-uint64(capture.NotCounted)]
	_ = [1]struct{}{}[int(bpf.WeirLinkLINK_ETHERNET)-int(packet.LinkEthernet)]
	_ = [1]struct{}{}[int(bpf.WeirLinkLINK_RAW)-int(packet.LinkRaw)]
)

// View is the agent's side of a Loader's maps.
type View struct {
	geometry Geometry
	slots    []bpf.WeirSlot
	budgets  []bpf.WeirBudget
	causes   []bpf.WeirCauseCounts
	asleep   []uint64
	traffics []bpf.WeirTraffic
	rings    []int // descriptors
	mapped   [][]byte

	told   [numCauses]uint64                 // by an earlier process that had these maps
	frozen atomic.Pointer[[numCauses]uint64] // nil: the counts go on
}

// numCauses is the room for causes in a CPU's counts.
const numCauses = len(bpf.WeirCauseCounts{}.Packets)

// NewView maps the descriptors of Loader.Descriptors and takes them over; Close closes them.
func NewView(g Geometry, descriptors []int) (*View, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	const maps = 5 // before the rings
	if len(descriptors) != maps+g.Workers {
		return nil, fmt.Errorf("%d descriptors for %d workers", len(descriptors), g.Workers)
	}
	v := &View{geometry: g, rings: descriptors[maps:]}
	n := g.Workers * g.SlotsPerWorker
	var errs [maps]error
	v.slots, errs[0] = mapArray[bpf.WeirSlot](v, descriptors[0], n, unix.PROT_READ)
	v.budgets, errs[1] = mapArray[bpf.WeirBudget](v, descriptors[1], n+1, unix.PROT_READ|unix.PROT_WRITE)
	v.causes, errs[2] = mapArray[bpf.WeirCauseCounts](v, descriptors[2], g.CPUs, unix.PROT_READ)
	v.asleep, errs[3] = mapArray[uint64](v, descriptors[3], g.Workers, unix.PROT_READ|unix.PROT_WRITE)
	v.traffics, errs[4] = mapArray[bpf.WeirTraffic](v, descriptors[4], int(maxRows*numWays)*g.CPUs,
		unix.PROT_READ|unix.PROT_WRITE)
	for _, fd := range descriptors[:maps] {
		_ = unix.Close(fd) // the mapping holds the map
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

// mapArray maps a BPF array (BPF_F_MMAPABLE, Linux 5.5).
func mapArray[T any](v *View, fd, n, protection int) ([]T, error) {
	var element T
	size := int(unsafe.Sizeof(element))
	page := os.Getpagesize()
	b, err := unix.Mmap(fd, 0, (n*size+page-1)/page*page, protection, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map a BPF array of %d elements: %w", n, err)
	}
	v.mapped = append(v.mapped, b)
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n), nil
}

// Close unmaps the memory. Close the sources before, and use nothing of the view afterwards.
func (v *View) Close() error {
	var errs error
	for _, b := range v.mapped {
		errs = errors.Join(errs, unix.Munmap(b))
	}
	for _, fd := range v.rings {
		errs = errors.Join(errs, unix.Close(fd))
	}
	v.mapped, v.rings = nil, nil
	return errs
}

// Freeze ends the counting of losses and samples, and returns what the next View of these maps has to Skip.
func (v *View) Freeze() []uint64 {
	var now [numCauses]uint64
	for c := range now {
		now[c] = v.count(bpf.WeirCause(c))
	}
	v.frozen.Store(&now)
	return now[:]
}

// Skip leaves out losses and samples that an earlier View has told of. Call it before the first count.
func (v *View) Skip(told []uint64) { copy(v.told[:], told) }

// cause returns a cause's count.
func (v *View) cause(c bpf.WeirCause) uint64 {
	n := uint64(0)
	if now := v.frozen.Load(); now != nil {
		n = now[c]
	} else {
		n = v.count(c)
	}
	return n - min(n, v.told[c])
}

// count returns the sum of a cause's counters over all CPUs.
func (v *View) count(c bpf.WeirCause) (n uint64) {
	for i := range v.causes {
		n += atomic.LoadUint64(&v.causes[i].Packets[c])
	}
	return n
}

// Losses adds the losses of all workers, from the counters by cause.
func (v *View) Losses(l *capture.Losses) {
	l.RingFull += v.cause(bpf.WeirCauseCAUSE_RING_FULL)
	l.MapFull += v.cause(bpf.WeirCauseCAUSE_MAP_FULL)
	l.Uncounted += v.cause(bpf.WeirCauseCAUSE_UNCOUNTED)
	for _, c := range []bpf.WeirCause{
		bpf.WeirCauseCAUSE_NOT_IP, bpf.WeirCauseCAUSE_TRUNCATED, bpf.WeirCauseCAUSE_BAD_HEADER,
		bpf.WeirCauseCAUSE_TOO_DEEP,
	} {
		l.Unparsed += v.cause(c)
	}
}

// Sampled returns the number of frames sent to the workers.
func (v *View) Sampled() uint64 { return v.cause(bpf.WeirCauseCAUSE_SAMPLED) }

// SlotKeeper retires and releases slots, which the agent has no right to: *Loader does, or the helper through its
// client.
type SlotKeeper interface {
	Retire(slots []uint32) error
	Release(slots []uint32) error
}

// Counter returns the counter of worker i.
func (v *View) Counter(i int, keeper SlotKeeper) *Counter {
	return &Counter{SlotKeeper: keeper, view: v, first: uint32(i * v.geometry.SlotsPerWorker)}
}

// Counter is one worker's range of the slots (capture.Counter).
type Counter struct {
	SlotKeeper
	view  *View
	first uint32
}

// Slots returns the range.
func (c *Counter) Slots() (first, count uint32) {
	return c.first, uint32(c.view.geometry.SlotsPerWorker)
}

// Packets reads two numbers that differ after any change of the slot's counters.
func (c *Counter) Packets(slot uint32) (born int64, sum uint64) {
	s := &c.view.slots[slot]
	born = int64(atomic.LoadUint64(&s.Born))
	return born, atomic.LoadUint64(&s.Lower.Packets) + atomic.LoadUint64(&s.Upper.Packets)
}

// Read reads a slot while the kernel may write it: each counter is consistent in itself, and no newer than in the next
// reading.
func (c *Counter) Read(slot uint32, to *capture.Counts) bool {
	s := &c.view.slots[slot]
	born := atomic.LoadUint64(&s.Born)
	if born == 0 || s.Key.Rest&0xff == 0 { // free, or not yet filled
		return false
	}
	k := &s.Key
	to.Key = [5]uint64{k.LowerHigh, k.LowerLow, k.UpperHigh, k.UpperLow, k.Rest}
	to.Born, to.First = int64(born), capture.FromMonotonic(int64(born))
	for i, d := range []*bpf.WeirDirection{&s.Lower, &s.Upper} {
		to.Packets[i] = atomic.LoadUint64(&d.Packets)
		to.Bytes[i] = atomic.LoadUint64(&d.Bytes)
		to.Last[i] = 0
		if last := atomic.LoadUint64(&d.Last); last != 0 {
			to.Last[i] = capture.FromMonotonic(int64(last))
		}
		to.Health[i] = packet.Health{
			Retransmits: d.Retransmits, OutOfOrder: d.OutOfOrder, ZeroWindows: d.ZeroWindows, Resets: d.Resets,
			Flags: d.Flags, TTL: d.Ttl, DSCP: d.Dscp,
		}
	}
	to.Interface, to.ISN = s.Ifindex, s.Isn
	to.Flags = [2]uint8{s.LowerFlags, s.UpperFlags}
	marks := bpf.WeirMark(s.Marks)
	to.FirstFromUpper = marks&bpf.WeirMarkMARK_FIRST_FROM_UPPER != 0
	to.Replaced = marks&bpf.WeirMarkMARK_REPLACED != 0
	to.FirstFlags = s.FirstFlags
	to.ICMPType, to.ICMPCode = s.IcmpType, s.IcmpCode
	to.RoundTrips = roundTrips(s)
	return true
}

// roundTrips returns the handshake's round trips by end.
func roundTrips(s *bpf.WeirSlot) (trips [2]uint32) {
	opener := 0
	if bpf.WeirMark(s.Marks)&bpf.WeirMarkMARK_OPENER_IS_UPPER != 0 {
		opener = 1
	}
	if bpf.WeirHandshake(s.Handshake) == bpf.WeirHandshakeHANDSHAKE_OVER {
		trips[opener] = s.ClientRtt
	}
	trips[opener^1] = s.ServerRtt
	return trips
}

// Show sets a slot's budget: one store into memory that the programs read.
func (c *Counter) Show(slot uint32, packets int32) {
	atomic.StoreInt32(&c.view.budgets[slot].Packets, packets)
}

// ShowNew sets the budget of new flows, which is behind those of the slots.
func (c *Counter) ShowNew(packets int32) {
	atomic.StoreInt32(&c.view.budgets[len(c.view.budgets)-1].Packets, packets)
}
