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

// If the kernel counts, a frame only feeds the dissectors, and the worker reads the counters of its flow from the
// kernel's slot at each tick. A slot is one life of a flow: one flow of the table, one record. When the flow ends, the
// worker retires the slot, so that the kernel no longer finds it. After a rest the slot's last counts go into the
// record, and the worker releases the slot. No packet counts twice, and none is lost between two lives.

// rest is the time between the retirement and the release of a slot. A program that found the slot before may still
// run: for microseconds, as nothing interrupts programs for long.
const rest = int64(20 * time.Millisecond)

// retireEvery bounds the flows that wait for the retirement of their slots until the next tick.
const retireEvery = 512

// kernelAccounting is the accounting of a worker for which the kernel counts.
type kernelAccounting struct {
	*worker
	kernel capture.Counter
	// interfaces maps the kernel's index of an interface to the number of its name.
	interfaces *Interfaces

	first  uint32 // slot
	high   uint32 // all slots that were ever in use are among the first so many
	slots  []slotState
	counts capture.Counts

	dying   []ending // to retire
	resting []ending // retired at since
	since   int64
	numbers []uint32 // scratch
	lives   []life   // scratch
	free    []*pending

	hurry     bool // a flow with an unknown slot needs more packets
	collected int64
}

// slotState is the last reading of a slot.
type slotState struct {
	born           int64 // 0: none
	sum            uint64
	packets, bytes [2]uint64 // already added to the flow: of the lower end, of the upper
	index          flow.Index
	status         slotStatus
	isLate         bool // slotRefused: of an evicted connection, see flow.Table.IsLate
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

// ending is the record of a flow that has left the table; it waits for its slot's last counts. Without a record only
// the slot waits for its release.
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

// refresh reads the counters of the flow at i before its eviction: since the last tick it may have got an answer.
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

// take passes a frame to the dissectors of its flow. It counts a later fragment from a socket filter, which passes only
// those that arrived before the first one of their datagram.
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
	defer k.announce(i)
	fromClient := (f.Marks&clientIsLower != 0) == fromLower
	if f.Marks&decided != 0 {
		if k.wanted() != 0 {
			k.tell(i, f, p, fr, fromClient)
		}
		k.budget(i, f, p)
		return
	}
	if p.LaterFragment {
		return
	}
	k.dissect(i, f, p, fr, fromClient)
	if k.wanted() != 0 {
		k.tell(i, f, p, fr, fromClient)
	}
	if f.Marks&decided != 0 || len(p.Payload()) > 0 { // a packet that dissectors cannot read must not extend the budget
		k.budget(i, f, p)
	}
}

// countedFlow finds or creates the flow of a frame that the kernel has counted.
func (k *kernelAccounting) countedFlow(fr *Frame, p *packet.Packet) (i flow.Index, fromLower, ok bool) {
	if fr.ref.Slot == capture.CountedElsewhere {
		key, fromLower := k.key(p, 0)
		if k.isLate(&key, p, fr.Time) { // collect finds its slot later
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
		} else {
			k.unread(p)
		}
		return s.index, fromLower, s.status == slotBound
	}
	if s.status != slotFree || !k.kernel.Read(fr.ref.Slot, &k.counts) || k.counts.Born != fr.ref.Born {
		k.unread(p) // from an earlier life
		return 0, false, false
	}
	i, ok = k.bind(fr.ref.Slot, s, fr, p, fromLower)
	return i, fromLower, ok
}

// unread counts a packet of a flow that has ended. Of a full table an ended flow makes room first: its end may be known
// by its counters before the worker, which is behind, reads its frames.
func (k *kernelAccounting) unread(p *packet.Packet) {
	if p.WirePayload > 0 {
		k.counters.Unread++
	}
}

// isReplaced reports whether another flow with the same key, which a SYN begins, has replaced the flow at i. The kernel
// does the same, but the worker does not know the new slot yet.
func (k *kernelAccounting) isReplaced(i flow.Index, p *packet.Packet, now int64) bool {
	d := k.table.Detail(i)
	if d.slot == 0 { // collect finds both slots, and the second one's flow replaces the first one's
		k.hurry = true
		if now-k.collected < rest {
			return false
		}
		k.collect(now)
		return true
	}
	// collect found its counters before the worker read its first frame. Those of the flow before may have come since.
	if d.awaitsSYN && p.Seq == d.isn {
		d.awaitsSYN = false
		return false
	}
	k.read(d.slot - 1)
	why, over := k.isOver(i, p, now)
	if over {
		k.table.End(i, why)
	}
	return over
}

// bind adds the slot's life, which is in counts, to the table as a flow. fr and p are its first packet, or as much as
// the kernel noted of it.
func (k *kernelAccounting) bind(
	slot uint32, s *slotState, fr *Frame, p *packet.Packet, fromLower bool,
) (flow.Index, bool) {
	c := &k.counts
	key, first := flow.Key(c.Key), c.First // the code below overwrites c
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
		if p.Tunnel == packet.TunnelNone { // otherwise a flow at a tunnel's port would send every packet
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
	if first < d.first-kernelTick && !d.isReported { // the worker did not get its first packets
		d.first = first
	}
	k.high = max(k.high, slot-k.first+1)
	if !created { // the budget from before its slot was known
		k.budget(i, f, p)
	}
	return i, true
}

// hasPayload guesses whether any packet of a TCP slot, among them p, has payload. The kernel does not count that, but a
// packet without payload is never longer than the headers with all options, except for IPv6 extensions.
func hasPayload(c *capture.Counts, p *packet.Packet) bool {
	const longest = 100
	return p.WirePayload > 0 || c.Bytes[0]+c.Bytes[1] > longest*(c.Packets[0]+c.Packets[1])
}

// revive turns a slot of late packets into a flow: payload followed a reset, so the connection goes on. The earlier
// packets have counted already.
func (k *kernelAccounting) revive(slot uint32, s *slotState, now int64) {
	c := &k.counts
	if !k.kernel.Read(slot, c) || c.Born != s.born {
		return
	}
	before := *s
	fr, p := k.imagine(c, now)
	p.WirePayload = 1 // some packet had payload, though perhaps not the first
	if i, ok := k.bind(slot, s, &fr, &p, !c.FirstFromUpper); ok {
		d := k.table.Detail(i)
		d.imagined, d.awaitsSYN = true, true
	}
	s.packets, s.bytes, s.sum = before.packets, before.bytes, before.sum
}

// kernelTick bounds the lag of the kernel's coarse clock, which slots use (at CONFIG_HZ=100). A flow must not begin
// before the DNS answer that it follows.
const kernelTick = int64(10 * time.Millisecond)

// show sets the number of further packets of a flow that the kernel passes. If its slot is unknown, the worker collects
// soon.
func (k *kernelAccounting) show(i flow.Index, packets int) {
	if d := k.table.Detail(i); d.slot != 0 {
		k.kernel.Show(d.slot-1, int32(packets))
	} else if packets > 0 {
		k.hurry = true
	}
}

// budget ends the sampling of a decided flow, and extends it early if a dissector needs more: the worker misses packets
// that pass before the store reaches the kernel.
func (k *kernelAccounting) budget(i flow.Index, f *flow.Flow, p *packet.Packet) {
	if k.wanted() != 0 && k.follows(i) {
		k.showAll(i)
		return
	}
	d := k.table.Detail(i)
	if f.Marks&decided != 0 {
		// The worker needs every packet of a tunnel, for the inner ones.
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

// showAll makes the kernel show all packets of the flow at i.
func (k *kernelAccounting) showAll(i flow.Index) { k.show(i, capture.WithoutEnd) }

func (k *kernelAccounting) showNew(packets int32) { k.kernel.ShowNew(packets) }

// tunnels are the protocols that carry packets.
var tunnels = func() map[string]bool {
	names := map[string]bool{}
	for t := packet.TunnelNone + 1; t < packet.NumTunnels; t++ {
		names[t.String()] = true
	}
	return names
}()

// earlyExtension is the rest of a budget at which budget extends it.
const earlyExtension = 4

// outOfOrder bounds the unused slots before a used one: a CPU that takes a slot and frees it, because another CPU added
// the flow first, leaves a gap before the slots that others took meanwhile.
const outOfOrder = 64

// collect reads the slots that have changed. Slots that were never in use are at the end: the kernel takes the first
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

// foundAll binds the new lives that collect has found, the oldest first: of two lives of one key the second ends the
// first.
func (k *kernelAccounting) foundAll(now int64) {
	slices.SortFunc(k.lives, func(a, b life) int { return cmp.Compare(a.born, b.born) })
	for _, l := range k.lives {
		k.found(l.slot, k.state(l.slot), now)
		k.read(l.slot)
	}
	k.lives = k.lives[:0]
}

// found binds a slot without its first packet: the ring was full, or a socket filter counts.
func (k *kernelAccounting) found(slot uint32, s *slotState, now int64) {
	c := &k.counts
	if s.status != slotFree || !k.kernel.Read(slot, c) {
		return
	}
	fr, p := k.imagine(c, now)
	created := k.table.Counters.Created
	if i, ok := k.bind(slot, s, &fr, &p, !c.FirstFromUpper); ok && k.table.Counters.Created > created {
		d := k.table.Detail(i)
		d.imagined, d.awaitsSYN = true, true
	}
}

// complete adds to a flow that collect found by its slot those properties of a frame that the slot lacks.
func (k *kernelAccounting) complete(i flow.Index, fr *Frame, p *packet.Packet, fromLower bool) {
	d := k.table.Detail(i)
	if !d.imagined {
		return
	}
	d.imagined = false
	d.number = fr.Number
	if fr.Time-d.first < kernelTick && !d.isReported { // the flow's first frame
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

// imagine reconstructs a flow's first packet from the kernel's notes in the slot.
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

// read adds the growth of a slot's counters since the last reading to its flow.
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
	k.table.Detail(s.index).health.Set([2]packet.Health{c.Health[lower], c.Health[lower^1]},
		[2]uint32{c.RoundTrips[lower], c.RoundTrips[lower^1]})
	f.Answer()
	if k.table.Key(s.index).Proto() == packet.ProtoTCP && f.FollowReading(c.Flags[lower], c.Flags[lower^1]) {
		k.table.Hasten(s.index)
	}
	k.release(s.index, f)
}

// grow notes the counts, and returns their growth since the previous ones.
func (s *slotState) grow(c *capture.Counts) (packets, bytes [2]uint64) {
	for end := range 2 {
		packets[end] = c.Packets[end] - s.packets[end]
		bytes[end] = c.Bytes[end] - s.bytes[end]
	}
	s.packets, s.bytes = c.Packets, c.Bytes
	s.sum = c.Packets[0] + c.Packets[1]
	return packets, bytes
}

// isCounted reports whether the flow at i has a slot.
func (k *kernelAccounting) isCounted(i flow.Index) bool { return k.table.Detail(i).slot != 0 }

// end keeps the record of a flow that leaves the table until the slot's last counts are in. It reports whether the flow
// has a slot.
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

// patience is short while slots rest, or while the worker looks for one.
func (k *kernelAccounting) patience() time.Duration {
	if len(k.resting) > 0 || k.hurry {
		return time.Duration(rest)
	}
	return time.Duration(tick)
}

// pass reads the counters at a tick, or if the worker looks for a slot, and then retires and releases slots.
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
		return k.retireAndRelease(now)
	}
	return nil
}

// close reads all counters one last time.
func (k *kernelAccounting) close(now int64, done func()) {
	k.collect(now)
	k.refuse(now)
	k.finalAll(k.resting, done)
}

// finalAll calls done, unless nil, after each record.
func (k *kernelAccounting) finalAll(endings []ending, done func()) {
	for i := range endings {
		k.final(&endings[i])
		if done != nil {
			done()
		}
	}
}

// flush hands on the records of flows whose slots are not retired.
func (k *kernelAccounting) flush(done func()) {
	k.finalAll(k.dying, done)
	k.dying = k.dying[:0]
}

// retireAndRelease finishes the slots that have rested long enough, and retires the slots that wait.
func (k *kernelAccounting) retireAndRelease(now int64) error {
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

// finishResting hands the records of retired slots on, and releases the slots.
func (k *kernelAccounting) finishResting() error {
	k.finalAll(k.resting, nil)
	slots := k.slotsOf(k.resting)
	clear(k.resting)
	k.resting = k.resting[:0]
	return k.kernel.Release(slots)
}

// entry returns a free record, or a new one.
func (k *kernelAccounting) entry() *pending {
	last := len(k.free) - 1
	if last < 0 {
		return new(pending)
	}
	e := k.free[last]
	k.free = k.free[:last]
	return e
}

// keep keeps a free record for the next flow that ends, but bounds their number after a flood.
func (k *kernelAccounting) keep(e *pending) {
	if e != nil && len(k.free) < liveRecords {
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

// final adds a slot's last counts to the record of its flow, and hands the record on.
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
		r.Client.Health.Raise(c.Health[client])
		r.Server.Health.Raise(c.Health[server])
		r.RoundTrips = [2]uint32{c.RoundTrips[client], c.RoundTrips[server]}
		r.LastSeen = max(r.LastSeen, c.Last[0], c.Last[1])
		k.counters.Packets += packets[0] + packets[1]
		k.counters.WireBytes += bytes[0] + bytes[1]
	}
	*s = slotState{}
	if e.entry != nil {
		k.keep(k.batch.put(e.entry))
	}
}

// refuse lets the slots of flows without room in the table go after a silence.
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

// refused counts the new packets of a slot; counts has its present reading.
func (k *kernelAccounting) refused(s *slotState) {
	packets, _ := s.grow(&k.counts)
	if s.isLate {
		k.counters.Late += packets[0] + packets[1]
		return
	}
	k.counters.Refused += packets[0] + packets[1]
}

// refusedFor is the silence after which the worker frees the slot of a flow without room.
const refusedFor = int64(10 * time.Second)
