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

// Where the kernel counts, a frame is only shown to the dissectors, and the counters of its flow are read from the
// kernel's slot at each tick. A slot is one life of a flow: one flow of the table, one record. When that flow ends
// the slot is retired, so that the kernel finds it no more; after a rest its last counts go into the record, and the
// slot is given back. Nothing is counted twice, and nothing is lost between two lives.

// rest is for how long a retired slot is left alone. A packet that found it before may still be under way: for
// microseconds, as programs are not interrupted by others for long.
const rest = int64(20 * time.Millisecond)

// retireEvery is how many flows may wait for their slots' retirement before the tick.
const retireEvery = 512

// kernelAccounting is the accounting of a worker whose kernel counts.
type kernelAccounting struct {
	*worker
	kernel capture.Counter
	// interfaces turns the kernel's index of an interface into the number of its name.
	interfaces *Interfaces

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
	isLate         bool // slotRefused: of a connection that gave way, see flow.Table.IsLate
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

// ending is the record of a flow that has left the table, waiting for its slot's last counts. Without a record the
// slot is given back only.
type ending struct {
	slot          uint32
	entry         *pending
	clientIsLower bool
}

func newKernelAccounting(
	w *worker, kernel capture.Counter, interfaces *Interfaces,
) *kernelAccounting {
	first, n := kernel.Slots()
	k := &kernelAccounting{
		worker: w, kernel: kernel, interfaces: interfaces, first: first, slots: make([]slotState, n),
	}
	w.table.Refresh = k.refresh
	return k
}

// refresh reads the counters of the flow at i, which is to give way to another one: since the last tick it may have
// been answered.
func (k *kernelAccounting) refresh(i flow.Index) {
	if d := k.table.Detail(i); d.slot != 0 {
		k.read(d.slot - 1)
	}
}

func (k *kernelAccounting) state(slot uint32) *slotState {
	if slot < k.first || slot-k.first >= uint32(len(k.slots)) {
		return nil
	}
	return &k.slots[slot-k.first]
}

// take shows a frame to the dissectors of its flow. A later fragment that a socket filter shows it counts: the filter
// shows those only that came before their first one.
func (k *kernelAccounting) take(fr *Frame, p *packet.Packet) {
	if p.LaterFragment && fr.ref.Slot == capture.CountedElsewhere {
		k.packet(fr, p, nil, 0)
		return
	}
	if p.Fragment {
		datagram := p.Datagram()
		k.fragments.Resolve(p, fr.Time)
		defer k.rejoin(datagram, p, fr.Time)
	}
	i, fromLower, ok := k.countedFlow(fr, p)
	if !ok {
		return
	}
	f := k.table.Flow(i)
	f.Heard(fr.Time)
	if f.Marks&decided != 0 {
		k.budget(i, f, p)
		return
	}
	if p.LaterFragment {
		return
	}
	k.dissect(i, f, p, fr, (f.Marks&clientIsLower != 0) == fromLower)
	if f.Marks&decided != 0 || len(p.Payload()) > 0 { // what the dissectors can't read must not pay for further packets
		k.budget(i, f, p)
	}
}

// countedFlow finds the flow of a frame that the kernel has counted, or makes it.
func (k *kernelAccounting) countedFlow(fr *Frame, p *packet.Packet) (i flow.Index, fromLower, ok bool) {
	if fr.ref.Slot == capture.CountedElsewhere {
		key, fromLower := k.key(p, 0)
		if k.isLate(&key, p, fr.Time) { // its slot is found later
			return 0, false, false
		}
		i, created, ok := k.table.Get(&key, fr.Time)
		if ok && !created && p.TCPFlags&packet.SYN != 0 && k.isReplaced(i, p, fr.Time) {
			i, created, ok = k.table.Get(&key, fr.Time)
		}
		switch {
		case !ok:
			k.counters.Refused++
		case created:
			k.begin(i, k.table.Flow(i), fr, p, fromLower, nil)
		default:
			k.complete(i, fr, p, fromLower)
		}
		return i, fromLower, ok
	}
	s := k.state(fr.ref.Slot)
	if s == nil {
		return 0, false, false
	}
	fromLower = !fr.ref.FromUpper
	if s.born == fr.ref.Born {
		if s.isLate && !flow.IsOfEnded(flow.Reset, p.TCPFlags, p.WirePayload > 0) {
			k.revive(fr.ref.Slot, s, fr.Time)
		}
		if s.status == slotBound {
			k.complete(s.index, fr, p, fromLower)
		}
		return s.index, fromLower, s.status == slotBound
	}
	if s.status != slotFree || !k.kernel.Read(fr.ref.Slot, &k.counts) || k.counts.Born != fr.ref.Born {
		return 0, false, false // from a life that is over
	}
	i, ok = k.bind(fr.ref.Slot, s, fr, p, fromLower)
	return i, fromLower, ok
}

// isReplaced says whether the flow at i has given way to another one with its key that a SYN begins: the kernel does
// the same, but in which slot is not known yet.
func (k *kernelAccounting) isReplaced(i flow.Index, p *packet.Packet, now int64) bool {
	d := k.table.Detail(i)
	if d.slot == 0 { // both slots are found then, and the second one's flow replaces the first one's
		k.hurry = true
		if now-k.collected < rest {
			return false
		}
		k.collect(now)
		return true
	}
	if d.imagined && p.Seq == d.isn { // its counters were found before its first frame was read
		return false
	}
	k.read(d.slot - 1)
	why, over := k.isOver(i, p, now)
	if over {
		k.table.End(i, why)
	}
	return over
}

// bind makes the slot's life, which is in counts, a flow of the table. fr and p are its first packet, or what is
// known of it.
func (k *kernelAccounting) bind(
	slot uint32, s *slotState, fr *Frame, p *packet.Packet, fromLower bool,
) (flow.Index, bool) {
	c := &k.counts
	key, first := flow.Key(c.Key), c.First // c is read anew below
	*s = slotState{born: c.Born}
	flags := c.Flags[0] | c.Flags[1] | p.TCPFlags
	if key.Proto() == packet.ProtoTCP && k.table.IsLate(&key, flags, hasPayload(c, p), fr.Time) {
		s.status, s.isLate = slotRefused, true
		return 0, false
	}
	i, created, ok := k.table.Get(&key, fr.Time)
	if ok && !created && k.table.Detail(i).slot != 0 { // another life of the same key, which is over
		k.read(k.table.Detail(i).slot - 1)
		k.table.End(i, k.table.Flow(i).ReasonReplaced())
		i, created, ok = k.table.Get(&key, fr.Time)
	}
	if !ok {
		s.status = slotRefused
		if p.Tunnel == packet.TunnelNone { // nothing would end the showing of what only has the port of a tunnel
			k.kernel.Show(slot, 0)
		}
		return 0, false
	}
	f := k.table.Flow(i)
	if created {
		k.begin(i, f, fr, p, fromLower, nil)
	}
	s.index, s.status = i, slotBound
	d := k.table.Detail(i)
	d.slot = slot + 1
	if first < d.first-kernelTick && !d.isReported { // its first packets were not shown
		d.first = first
	}
	k.high = max(k.high, slot-k.first+1)
	if !created { // what was to be shown before its slot was known
		k.budget(i, f, p)
	}
	return i, true
}

// hasPayload says whether payload is among the packets of a TCP slot, of which p is one: the kernel doesn't tell, but
// no packet without any is longer than the headers with all options, save IPv6's extensions.
func hasPayload(c *capture.Counts, p *packet.Packet) bool {
	const longest = 100
	return p.WirePayload > 0 || c.Bytes[0]+c.Bytes[1] > longest*(c.Packets[0]+c.Packets[1])
}

// revive makes a slot of late packets a flow: payload came after a reset, so the connection goes on. What came before
// is counted already.
func (k *kernelAccounting) revive(slot uint32, s *slotState, now int64) {
	c := &k.counts
	if !k.kernel.Read(slot, c) || c.Born != s.born {
		return
	}
	before := *s
	fr, p := k.imagine(c, now)
	p.WirePayload = 1 // it has come, whether or not it is the first
	if i, ok := k.bind(slot, s, &fr, &p, !c.FirstFromUpper); ok {
		k.table.Detail(i).imagined = true
	}
	s.packets, s.bytes, s.sum = before.packets, before.bytes, before.sum
}

// kernelTick is by how much the kernel's coarse clock, of which a slot's times are, may be behind (at CONFIG_HZ=100).
// A flow must not begin before the DNS answer that it follows.
const kernelTick = int64(10 * time.Millisecond)

// show sets how many more packets of a flow the kernel shows. Where its slot is not known yet, it is looked for soon.
func (k *kernelAccounting) show(i flow.Index, packets int) {
	if d := k.table.Detail(i); d.slot != 0 {
		k.kernel.Show(d.slot-1, int32(packets))
	} else if packets > 0 {
		k.hurry = true
	}
}

// budget ends the showing of a decided flow's packets, and extends it in time where a dissector asks for more: what
// passes before the kernel hears of it is not seen.
func (k *kernelAccounting) budget(i flow.Index, f *flow.Flow, p *packet.Packet) {
	d := k.table.Detail(i)
	if f.Marks&decided != 0 {
		// Of a tunnel every packet is shown, for what is inside.
		if k.KeepTunnels || p.Tunnel == packet.TunnelNone && !tunnels[d.protocol] {
			k.show(i, 0)
		}
		return
	}
	if d.session == nil {
		return
	}
	left := k.MaxPacketsOther - int(f.Shown)
	if p.Proto == packet.ProtoTCP {
		left = k.MaxPacketsTCP - int(f.Shown)
	}
	if left > earlyExtension {
		return
	}
	if more := d.session.Wants(k.Protocols); more > 0 {
		k.show(i, max(left, 0)+more)
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

// outOfOrder is how many slots that were never in use may come before one that is: a CPU that took a slot and gives
// it back, since another one was quicker to enter the flow, leaves a gap behind slots that others took meanwhile.
const outOfOrder = 64

// collect reads the slots that have changed. Those that were never in use are at the end: the kernel takes the first
// ones first.
func (k *kernelAccounting) collect(now int64) {
	k.hurry, k.collected = false, now
	for n := uint32(0); n < uint32(len(k.slots)); n++ {
		slot := k.first + n
		born, sum := k.kernel.Packets(slot)
		if born == 0 || sum == 0 {
			if n >= k.high+outOfOrder {
				break
			}
			continue
		}
		k.high = max(k.high, n+1)
		switch s := &k.slots[n]; {
		case s.born != born:
			k.lives = append(k.lives, life{slot, born})
		case s.sum != sum:
			k.read(slot)
		}
	}
	k.foundAll(now)
}

// foundAll binds the slots that collect has found to be in use, the oldest first: of two lives of one key the second
// ends the first.
func (k *kernelAccounting) foundAll(now int64) {
	slices.SortFunc(k.lives, func(a, b life) int { return cmp.Compare(a.born, b.born) })
	for _, l := range k.lives {
		k.found(l.slot, k.state(l.slot), now)
		k.read(l.slot)
	}
	k.lives = k.lives[:0]
}

// found binds a slot whose first packet was not shown: the ring was full, or a socket filter counts.
func (k *kernelAccounting) found(slot uint32, s *slotState, now int64) {
	c := &k.counts
	if s.status != slotFree || !k.kernel.Read(slot, c) {
		return
	}
	fr, p := k.imagine(c, now)
	created := k.table.Counters.Created
	if i, ok := k.bind(slot, s, &fr, &p, !c.FirstFromUpper); ok && k.table.Counters.Created > created {
		k.table.Detail(i).imagined = true
	}
}

// complete adds to a flow that was found by its slot what a frame tells and the slot does not.
func (k *kernelAccounting) complete(i flow.Index, fr *Frame, p *packet.Packet, fromLower bool) {
	d := k.table.Detail(i)
	if !d.imagined {
		return
	}
	d.imagined = false
	d.number = fr.Number
	if fr.Time-d.first < kernelTick && !d.isReported { // it is the flow's first frame
		d.first = fr.Time
	}
	d.vlans, d.nVLAN = p.VLANs, p.NVLAN
	k.isTunnel(i, p)
	if !p.HasMAC {
		return
	}
	if fromClient := (k.table.Flow(i).Marks&clientIsLower != 0) == fromLower; fromClient {
		d.clientMAC, d.serverMAC = p.SrcMAC, p.DstMAC
	} else {
		d.clientMAC, d.serverMAC = p.DstMAC, p.SrcMAC
	}
}

// imagine makes up a flow's first packet from what the kernel noted of it.
func (k *kernelAccounting) imagine(c *capture.Counts, now int64) (Frame, packet.Packet) {
	key := flow.Key(c.Key)
	src, dst := key.Lower(), key.Upper()
	if c.FirstFromUpper {
		src, dst = dst, src
	}
	p := packet.Packet{
		Src: src.Addr(), Dst: dst.Addr(), SrcPort: src.Port(), DstPort: dst.Port(),
		IPVersion: key.Version(), Proto: key.Proto(),
		Seq: c.ISN, Ack: c.ISN + 1, TCPFlags: c.FirstFlags, ICMPType: c.ICMPType, ICMPCode: c.ICMPCode,
	}
	return Frame{Time: min(c.First, now), Interface: k.interfaces.Number(c.Interface, c.First)}, p
}

// read takes what a slot has more than at the last reading into its flow.
func (k *kernelAccounting) read(slot uint32) {
	s := k.state(slot)
	c := &k.counts
	if s == nil || s.status != slotBound || !k.kernel.Read(slot, c) {
		return
	}
	f := k.table.Flow(s.index)
	lower := 1
	if f.Marks&clientIsLower != 0 {
		lower = 0
	}
	packets, bytes := s.grow(c)
	for end := range 2 {
		way := end ^ lower
		f.Packets[way] += packets[end]
		f.Bytes[way] += bytes[end]
		f.Heard(c.Last[end])
		k.counters.Packets += packets[end]
		k.counters.WireBytes += bytes[end]
	}
	f.Answer()
	if k.table.Key(s.index).Proto() == packet.ProtoTCP && f.FollowReading(c.Flags[lower], c.Flags[lower^1]) {
		k.table.Hasten(s.index)
	}
	k.release(s.index, f)
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

// isCounted says whether the flow at i has a slot.
func (k *kernelAccounting) isCounted(i flow.Index) bool { return k.table.Detail(i).slot != 0 }

// end puts the record of a flow that leaves the table aside until its slot is at rest.
func (k *kernelAccounting) end(i flow.Index, f *flow.Flow, d *detail, why flow.Reason) bool {
	if d.slot == 0 {
		return false
	}
	slot := d.slot - 1
	s := k.state(slot)
	s.status = slotEnding
	e := k.entry()
	r := k.record(e, i, f, d, d.text)
	r.State, r.EndReason = record.StateEnd, endReasons[why]
	k.dying = append(k.dying, ending{slot, e, f.Marks&clientIsLower != 0})
	return true
}

// patience is short while slots are at rest or are looked for.
func (k *kernelAccounting) patience() time.Duration {
	if len(k.resting) > 0 || k.hurry {
		return time.Duration(rest)
	}
	return time.Duration(tick)
}

// pass reads the counters at a tick, and where a slot is looked for, and moves the ends of flows on.
func (k *kernelAccounting) pass(now int64, isTick bool) error {
	if isTick {
		k.collect(now)
		k.refuse(now)
		k.advance(now)
	}
	if k.hurry && now-k.collected >= rest {
		k.collect(now)
	}
	if isTick || len(k.dying) >= retireEvery || len(k.resting) > 0 {
		return k.settle(now)
	}
	return nil
}

// close reads all counters for the last time.
func (k *kernelAccounting) close(now int64) {
	k.collect(now)
	k.refuse(now)
	for i := range k.resting {
		k.final(&k.resting[i])
	}
}

// flush hands on the records that wait for their slots.
func (k *kernelAccounting) flush() {
	for i := range k.dying {
		k.final(&k.dying[i])
	}
	k.dying = k.dying[:0]
}

// settle moves the ends of flows on: those at rest long enough get their last counts and are handed on, those that
// wait are retired.
func (k *kernelAccounting) settle(now int64) error {
	if len(k.resting) > 0 && (now-k.since >= rest) {
		if err := k.finishResting(); err != nil {
			return err
		}
	}
	if len(k.dying) == 0 || len(k.resting) > 0 {
		return nil
	}
	k.dying, k.resting = k.resting[:0], k.dying
	k.since = now
	return k.kernel.Retire(k.slotsOf(k.resting))
}

// finishResting hands the records of retired slots on, and gives the slots back.
func (k *kernelAccounting) finishResting() error {
	for i := range k.resting {
		k.final(&k.resting[i])
	}
	slots := k.slotsOf(k.resting)
	clear(k.resting)
	k.resting = k.resting[:0]
	return k.kernel.Release(slots)
}

// entry is a free record, or a new one.
func (k *kernelAccounting) entry() *pending {
	last := len(k.free) - 1
	if last < 0 {
		return new(pending)
	}
	e := k.free[last]
	k.free = k.free[:last]
	return e
}

// keep keeps a free record for the next flow that ends, but not those of a flood.
func (k *kernelAccounting) keep(e *pending) {
	if e != nil && len(k.free) < handOverEvery {
		k.free = append(k.free, e)
	}
}

func (k *kernelAccounting) slotsOf(endings []ending) []uint32 {
	k.numbers = k.numbers[:0]
	for _, e := range endings {
		k.numbers = append(k.numbers, e.slot)
	}
	return k.numbers
}

// final adds a slot's last counts to the record of its flow, and hands that on.
func (k *kernelAccounting) final(e *ending) {
	s := k.state(e.slot)
	c := &k.counts
	isRead := k.kernel.Read(e.slot, c) && c.Born == s.born
	switch {
	case isRead && e.entry == nil:
		k.refused(s)
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
		k.counters.Packets += packets[0] + packets[1]
		k.counters.WireBytes += bytes[0] + bytes[1]
	}
	*s = slotState{}
	if e.entry != nil {
		k.keep(k.batch.put(e.entry))
	}
}

// refuse gives the slots of flows that found no room in the table back, when they have been silent.
func (k *kernelAccounting) refuse(now int64) {
	for n := range k.slots[:k.high] {
		s := &k.slots[n]
		slot := k.first + uint32(n)
		if s.status != slotRefused || !k.kernel.Read(slot, &k.counts) {
			continue
		}
		if s.isLate && hasPayload(&k.counts, &packet.Packet{}) {
			if k.revive(slot, s, now); s.status == slotBound {
				continue
			}
		}
		k.refused(s)
		if now-max(k.counts.Last[0], k.counts.Last[1]) >= refusedFor {
			s.status = slotEnding
			k.dying = append(k.dying, ending{slot: slot})
		}
	}
}

// refused counts what has come to a slot, which was just read, since the last time.
func (k *kernelAccounting) refused(s *slotState) {
	packets, _ := s.grow(&k.counts)
	if s.isLate {
		k.counters.Late += packets[0] + packets[1]
		return
	}
	k.counters.Refused += packets[0] + packets[1]
}

// refusedFor is for how long a slot whose flow found no room must have been silent to be given back.
const refusedFor = int64(10 * time.Second)
