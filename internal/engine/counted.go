// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// Where the kernel counts, a frame is only shown to the dissectors, and the counters of its flow are read from the kernel's slot at
// each tick. A slot is one life of a flow: one flow of the table, one record. When that flow ends the slot is retired, so that the
// kernel finds it no more; after a rest its last counts go into the record, and the slot is given back. Nothing is counted twice,
// and nothing is lost between two lives.

// rest is for how long a retired slot is left alone. A packet that found it before may still be under way: for microseconds, as
// programs are not interrupted by others for long.
const rest = int64(20 * time.Millisecond)

// retireEvery is how many flows may wait for their slots' retirement before the tick.
const retireEvery = 512

// counted is what a worker keeps of the kernel's counters.
type counted struct {
	kernel capture.Counter
	first  uint32 // slot
	high   uint32 // slots from first on that were ever in use
	slots  []slotState
	counts capture.Counts

	dying   []ending // to be retired
	resting []ending // retired at
	since   int64
	numbers []uint32 // scratch
	lives   []life   // scratch
	free    []*pending

	hurry     bool // a flow whose slot isn't known wants to be shown more packets
	collected int64
}

// slotState is what was read of a slot.
type slotState struct {
	born           int64 // 0: none
	sum            uint64
	packets, bytes [2]uint64 // that are in the flow: of the lower end, of the upper
	index          flow.Index
	status         slotStatus
}

// life is a slot's use by one flow.
type life struct {
	slot uint32
	born int64
}

type slotStatus uint8

const (
	slotFree    slotStatus = iota
	slotBound              // index is its flow
	slotEnding             // its flow has left the table
	slotRefused            // the table had no room
)

// ending is the record of a flow that has left the table, waiting for its slot's last counts. Without a record the slot is given
// back only.
type ending struct {
	slot          uint32
	entry         *pending
	clientIsLower bool
}

func newCounted(kernel capture.Counter) *counted {
	first, n := kernel.Slots()
	return &counted{kernel: kernel, first: first, slots: make([]slotState, n)}
}

func (c *counted) state(slot uint32) *slotState {
	if slot < c.first || slot-c.first >= uint32(len(c.slots)) {
		return nil
	}
	return &c.slots[slot-c.first]
}

// countedPacket shows a frame to the dissectors of its flow.
func (w *worker) countedPacket(fr *Frame, p *packet.Packet) {
	if p.Fragment {
		datagram := p.Datagram()
		w.fragments.Resolve(p, fr.Time)
		defer w.rejoin(datagram, p, fr.Time)
	}
	i, fromLower, ok := w.countedFlow(fr, p)
	if !ok {
		return
	}
	f := w.table.Flow(i)
	f.Last = max(f.Last, fr.Time)
	if f.Marks&decided != 0 {
		w.budget(i, f, p)
		return
	}
	if p.LaterFragment {
		return
	}
	w.dissect(i, f, p, fr, (f.Marks&clientIsLower != 0) == fromLower)
	if f.Marks&decided != 0 || len(p.Payload()) > 0 { // what the dissectors can't read must not pay for further packets
		w.budget(i, f, p)
	}
}

// countedFlow finds the flow of a frame that the kernel has counted, or makes it.
func (w *worker) countedFlow(fr *Frame, p *packet.Packet) (i flow.Index, fromLower, ok bool) {
	if fr.ref.Slot == capture.CountedElsewhere {
		key, fromLower := w.key(p, 0)
		i, created, ok := w.table.Get(&key, fr.Time)
		if ok && !created && p.TCPFlags&packet.SYN != 0 && w.isReplaced(i, p, fr.Time) {
			i, created, ok = w.table.Get(&key, fr.Time)
		}
		switch {
		case !ok:
			w.counters.Refused++
		case created:
			w.begin(i, w.table.Flow(i), fr, p, fromLower, nil)
		default:
			w.complete(i, fr, p, fromLower)
		}
		return i, fromLower, ok
	}
	s := w.counted.state(fr.ref.Slot)
	if s == nil {
		return 0, false, false
	}
	fromLower = !fr.ref.FromUpper
	if s.born == fr.ref.Born {
		if s.status == slotBound {
			w.complete(s.index, fr, p, fromLower)
		}
		return s.index, fromLower, s.status == slotBound
	}
	if s.status != slotFree || !w.counted.kernel.Read(fr.ref.Slot, &w.counted.counts) || w.counted.counts.Born != fr.ref.Born {
		return 0, false, false // from a life that is over
	}
	i, ok = w.bind(fr.ref.Slot, s, fr, p, fromLower)
	return i, fromLower, ok
}

// isReplaced says whether the flow at i has given way to another one with its key that a SYN begins: the kernel does
// the same, but in which slot is not known yet.
func (w *worker) isReplaced(i flow.Index, p *packet.Packet, now int64) bool {
	d := w.table.Detail(i)
	if d.slot == 0 { // both slots are found then, and the second one's flow replaces the first one's
		w.counted.hurry = true
		if now-w.counted.collected < rest {
			return false
		}
		w.collect(now)
		return true
	}
	if d.imagined && p.Seq == d.isn { // its counters were found before its first frame was read
		return false
	}
	w.read(d.slot - 1)
	why, over := w.isOver(i, p, now)
	if over {
		w.table.End(i, why)
	}
	return over
}

// bind makes the slot's life, which is in counts, a flow of the table. fr and p are its first packet, or what is known of it.
func (w *worker) bind(slot uint32, s *slotState, fr *Frame, p *packet.Packet, fromLower bool) (flow.Index, bool) {
	c := &w.counted.counts
	key, first := flow.Key(c.Key), c.First // c is read anew below
	*s = slotState{born: c.Born}
	i, created, ok := w.table.Get(&key, fr.Time)
	if ok && !created && w.table.Detail(i).slot != 0 { // another life of the same key, which is over
		w.read(w.table.Detail(i).slot - 1)
		w.table.End(i, w.table.Flow(i).ReasonReplaced())
		i, created, ok = w.table.Get(&key, fr.Time)
	}
	if !ok {
		s.status = slotRefused
		if p.Tunnel == packet.TunnelNone { // nothing would end the showing of what only has the port of a tunnel
			w.counted.kernel.Show(slot, 0)
		}
		return 0, false
	}
	f := w.table.Flow(i)
	if created {
		w.begin(i, f, fr, p, fromLower, nil)
	}
	s.index, s.status = i, slotBound
	d := w.table.Detail(i)
	d.slot = slot + 1
	if first < d.first-kernelTick { // its first packets were not shown
		d.first = first
	}
	w.counted.high = max(w.counted.high, slot-w.counted.first+1)
	if !created { // what was to be shown before its slot was known
		w.budget(i, f, p)
	}
	return i, true
}

// kernelTick is by how much the kernel's coarse clock, of which a slot's times are, may be behind (at CONFIG_HZ=100). A flow must not
// begin before the DNS answer that it follows.
const kernelTick = int64(10 * time.Millisecond)

// show sets how many more packets of a flow the kernel shows. Where its slot is not known yet, it is looked for soon.
func (w *worker) show(i flow.Index, packets int) {
	if d := w.table.Detail(i); d.slot != 0 {
		w.counted.kernel.Show(d.slot-1, int32(packets))
	} else if packets > 0 {
		w.counted.hurry = true
	}
}

// budget ends the showing of a decided flow's packets, and extends it in time where a dissector asks for more: what passes before
// the kernel hears of it is not seen.
func (w *worker) budget(i flow.Index, f *flow.Flow, p *packet.Packet) {
	d := w.table.Detail(i)
	if f.Marks&decided != 0 {
		if w.KeepTunnels || p.Tunnel == packet.TunnelNone && !tunnels[d.protocol] { // of a tunnel every packet is shown, for what is inside
			w.show(i, 0)
		}
		return
	}
	if d.session == nil {
		return
	}
	left := w.MaxPacketsOther - int(f.Shown)
	if p.Proto == packet.ProtoTCP {
		left = w.MaxPacketsTCP - int(f.Shown)
	}
	if left > earlyExtension {
		return
	}
	if more := d.session.Wants(w.Protocols); more > 0 {
		w.show(i, max(left, 0)+more)
	}
}

// tunnels are the protocols that carry packets.
var tunnels = func() map[string]bool {
	names := map[string]bool{}
	for t := packet.TunnelNone + 1; t < packet.NumTunnels; t++ {
		names[t.String()] = true
	}
	return names
}()

// earlyExtension is how many packets before the end of a budget it is extended.
const earlyExtension = 4

// outOfOrder is how many slots that were never in use may come before one that is: a CPU that took a slot and gives it back, since
// another one was quicker to enter the flow, leaves a gap behind slots that others took meanwhile.
const outOfOrder = 64

// collect reads the slots that have changed. Those that were never in use are at the end: the kernel takes the first ones first.
func (w *worker) collect(now int64) {
	c := w.counted
	c.hurry, c.collected = false, now
	for n := uint32(0); n < uint32(len(c.slots)); n++ {
		slot := c.first + n
		born, sum := c.kernel.Packets(slot)
		if born == 0 || sum == 0 {
			if n >= c.high+outOfOrder {
				break
			}
			continue
		}
		c.high = max(c.high, n+1)
		switch s := &c.slots[n]; {
		case s.born != born:
			c.lives = append(c.lives, life{slot, born})
		case s.sum != sum:
			w.read(slot)
		}
	}
	w.foundAll(now)
}

// foundAll binds the slots that collect has found to be in use, the oldest first: of two lives of one key the second ends the first.
func (w *worker) foundAll(now int64) {
	c := w.counted
	slices.SortFunc(c.lives, func(a, b life) int { return cmp.Compare(a.born, b.born) })
	for _, l := range c.lives {
		w.found(l.slot, c.state(l.slot), now)
		w.read(l.slot)
	}
	c.lives = c.lives[:0]
}

// found binds a slot whose first packet was not shown: the ring was full, or a socket filter counts.
func (w *worker) found(slot uint32, s *slotState, now int64) {
	c := &w.counted.counts
	if s.status != slotFree || !w.counted.kernel.Read(slot, c) {
		return
	}
	fr, p := w.imagine(c, now)
	created := w.table.Counters.Created
	if i, ok := w.bind(slot, s, &fr, &p, !c.FirstFromUpper); ok && w.table.Counters.Created > created {
		w.table.Detail(i).imagined = true
	}
}

// complete adds to a flow that was found by its slot what a frame tells and the slot does not.
func (w *worker) complete(i flow.Index, fr *Frame, p *packet.Packet, fromLower bool) {
	d := w.table.Detail(i)
	if !d.imagined {
		return
	}
	d.imagined = false
	d.number = fr.Number
	if fr.Time-d.first < kernelTick { // it is the flow's first frame
		d.first = fr.Time
	}
	d.vlans, d.nVLAN = p.VLANs, p.NVLAN
	w.isTunnel(i, p)
	if !p.HasMAC {
		return
	}
	if fromClient := (w.table.Flow(i).Marks&clientIsLower != 0) == fromLower; fromClient {
		d.clientMAC, d.serverMAC = p.SrcMAC, p.DstMAC
	} else {
		d.clientMAC, d.serverMAC = p.DstMAC, p.SrcMAC
	}
}

// imagine makes up a flow's first packet from what the kernel noted of it.
func (w *worker) imagine(c *capture.Counts, now int64) (Frame, packet.Packet) {
	key := flow.Key(c.Key)
	src, dst := key.Lower(), key.Upper()
	if c.FirstFromUpper {
		src, dst = dst, src
	}
	p := packet.Packet{
		Src: src.Addr(), Dst: dst.Addr(), SrcPort: src.Port(), DstPort: dst.Port(), IPVersion: key.Version(), Proto: key.Proto(),
		Seq: c.ISN, Ack: c.ISN + 1, TCPFlags: c.FirstFlags, ICMPType: c.ICMPType, ICMPCode: c.ICMPCode,
	}
	return Frame{Time: min(c.First, now), Interface: w.interfaceNumber(c.Interface)}, p
}

// read takes what a slot has more than at the last reading into its flow.
func (w *worker) read(slot uint32) {
	s := w.counted.state(slot)
	c := &w.counted.counts
	if s == nil || s.status != slotBound || !w.counted.kernel.Read(slot, c) {
		return
	}
	f := w.table.Flow(s.index)
	lower := 1
	if f.Marks&clientIsLower != 0 {
		lower = 0
	}
	packets, bytes := s.grow(c)
	for end := range 2 {
		way := end ^ lower
		f.Packets[way] += packets[end]
		f.Bytes[way] += bytes[end]
		f.Last = max(f.Last, c.Last[end])
		w.counters.Packets += packets[end]
		w.counters.WireBytes += bytes[end]
	}
	f.Answer()
	if w.table.Key(s.index).Proto() == packet.ProtoTCP && f.FollowReading(c.Flags[lower], c.Flags[lower^1]) {
		w.table.Hasten(s.index)
	}
	w.release(s.index, f)
}

// grow notes the counts, and returns by how much they are more than those that were noted before.
func (s *slotState) grow(c *capture.Counts) (packets, bytes [2]uint64) {
	for end := range 2 {
		packets[end] = c.Packets[end] - s.packets[end]
		bytes[end] = c.Bytes[end] - s.bytes[end]
	}
	s.packets, s.bytes = c.Packets, c.Bytes
	s.sum = c.Packets[0] + c.Packets[1]
	return packets, bytes
}

// retire puts the record of a flow that leaves the table aside until its slot is at rest.
func (w *worker) retire(i flow.Index, f *flow.Flow, d *detail, why flow.Reason) {
	slot := d.slot - 1
	s := w.counted.state(slot)
	s.status = slotEnding
	e := w.counted.entry()
	r := w.record(e, i, f, d, d.text)
	r.State, r.EndReason = record.StateEnd, endReasons[why]
	w.counted.dying = append(w.counted.dying, ending{slot, e, f.Marks&clientIsLower != 0})
}

// settle moves the ends of flows on: those at rest long enough get their last counts and are handed on, those that wait are retired.
func (w *worker) settle(now int64) error {
	c := w.counted
	if len(c.resting) > 0 && (now-c.since >= rest) {
		if err := w.finishResting(); err != nil {
			return err
		}
	}
	if len(c.dying) == 0 || len(c.resting) > 0 {
		return nil
	}
	c.dying, c.resting = c.resting[:0], c.dying
	c.since = now
	return c.kernel.Retire(c.slotsOf(c.resting))
}

// finishResting hands the records of retired slots on, and gives the slots back.
func (w *worker) finishResting() error {
	c := w.counted
	for i := range c.resting {
		w.final(&c.resting[i])
	}
	slots := c.slotsOf(c.resting)
	clear(c.resting)
	c.resting = c.resting[:0]
	return c.kernel.Release(slots)
}

// entry is a free record, or a new one.
func (c *counted) entry() *pending {
	last := len(c.free) - 1
	if last < 0 {
		return new(pending)
	}
	e := c.free[last]
	c.free = c.free[:last]
	return e
}

// keep keeps a free record for the next flow that ends, but not those of a flood.
func (c *counted) keep(e *pending) {
	if e != nil && len(c.free) < handOverEvery {
		c.free = append(c.free, e)
	}
}

func (c *counted) slotsOf(endings []ending) []uint32 {
	c.numbers = c.numbers[:0]
	for _, e := range endings {
		c.numbers = append(c.numbers, e.slot)
	}
	return c.numbers
}

// final adds a slot's last counts to the record of its flow, and hands that on.
func (w *worker) final(e *ending) {
	s := w.counted.state(e.slot)
	c := &w.counted.counts
	isRead := w.counted.kernel.Read(e.slot, c) && c.Born == s.born
	switch {
	case isRead && e.entry == nil:
		w.refused(s)
	case isRead:
		packets, bytes := s.grow(c)
		r := &e.entry.record
		client, server := 0, 1
		if !e.clientIsLower {
			client, server = 1, 0
		}
		r.Client.Packets += packets[client]
		r.Client.Bytes += bytes[client]
		r.Server.Packets += packets[server]
		r.Server.Bytes += bytes[server]
		r.LastSeen = max(r.LastSeen, c.Last[0], c.Last[1])
		w.counters.Packets += packets[0] + packets[1]
		w.counters.WireBytes += bytes[0] + bytes[1]
	}
	*s = slotState{}
	if e.entry != nil {
		w.counted.keep(w.batch.put(e.entry))
	}
}

// refuse gives the slots of flows that found no room in the table back, when they have been silent.
func (w *worker) refuse(now int64) {
	c := w.counted
	for n := range c.slots[:c.high] {
		s := &c.slots[n]
		slot := c.first + uint32(n)
		if s.status != slotRefused || !c.kernel.Read(slot, &c.counts) {
			continue
		}
		w.refused(s)
		if now-max(c.counts.Last[0], c.counts.Last[1]) >= refusedFor {
			s.status = slotEnding
			c.dying = append(c.dying, ending{slot: slot})
		}
	}
}

// refused counts what has come to a slot, which was just read, since the last time.
func (w *worker) refused(s *slotState) {
	packets, _ := s.grow(&w.counted.counts)
	w.counters.Refused += packets[0] + packets[1]
}

// refusedFor is for how long a slot whose flow found no room must have been silent to be given back.
const refusedFor = int64(10 * time.Second)
