// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// The flows of a Live whose packets the kernel counts can go on in a Live of another process, which reads the same
// slots and rings: the first one is told to Leave, AppendState writes what it knows, and the other one resumes that.
// The text of a state is a magic, the length and the CRC-32C of the body, and the body. Another layout needs another
// magic. A state is trusted as far as the process that wrote it: it may tell wrong counts, but not break the reader.

const (
	stateMagic  = "weir flows 1\n"
	stateHeader = len(stateMagic) + 4 + 4
	// maxStateText bounds a flow's host name and metadata: dissect's limits are far below.
	maxStateText = 1 << 15
)

// MaxState returns a bound of the bytes of a state of so many flows.
func MaxState(flows int) int64 {
	const perFlow, perHint = 4 << 10, 4 * 512
	return int64(flows)*perFlow + classify.DefaultMaxHints*perHint + 1<<16
}

// resumed is a flow of another process.
type resumed struct {
	key    flow.Key
	hot    flow.Flow
	detail detail
	link   string // its interface
	born   int64  // of its slot
	counts [4]uint64
}

// Leave makes the workers return soon, without an end of their flows. Then close the sources, which wakes them.
func (l *Live) Leave() { l.leaving.Store(true) }

// AppendState appends the state, after the return of all workers' Run and the last Emit. losses are the caller's.
func (l *Live) AppendState(b []byte, losses []uint64) []byte {
	start := len(b)
	b = append(b, stateMagic...)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	body := len(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(capture.Base()))
	b = appendNames(b, stateNames())
	b = binary.LittleEndian.AppendUint16(b, uint16(len(losses)))
	for _, n := range losses {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = l.appendHints(b)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(l.workers)))
	for _, w := range l.workers {
		b = binary.LittleEndian.AppendUint32(b, w.nLeft)
		b = append(b, w.left...)
	}
	binary.LittleEndian.PutUint32(b[start+len(stateMagic):], uint32(len(b)-body))
	binary.LittleEndian.PutUint32(b[body-4:], crc32.Checksum(b[body:], castagnoli))
	return b
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stateNames are the names of the numbers in a state. A newer weir may have more, at the end of each list.
func stateNames() [][]string {
	lists := make([][]string, 4)
	for _, r := range record.RiskList() {
		lists[0] = append(lists[0], r.Slug)
	}
	for t := packet.TunnelNone; t < packet.NumTunnels; t++ {
		lists[1] = append(lists[1], t.String())
	}
	for m := record.MethodNone; m <= record.MethodPort; m++ {
		lists[2] = append(lists[2], m.String())
	}
	for m := record.ByNothing; m <= record.ByAddress; m++ {
		lists[3] = append(lists[3], m.String())
	}
	return lists
}

func appendNames(b []byte, lists [][]string) []byte {
	for _, list := range lists {
		b = append(b, byte(len(list)))
		for _, name := range list {
			b = appendText(b, name)
		}
	}
	return b
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(text))), text...)
}

func (l *Live) appendHints(b []byte) []byte {
	at, n := len(b), uint32(0)
	b = binary.LittleEndian.AppendUint32(b, 0)
	l.collector.hints.Each(func(client, addr netip.Addr, host []byte, learnt, expires int64) {
		if len(host) > math.MaxUint8 {
			return
		}
		c, a := client.As16(), addr.As16()
		b = append(append(b, c[:]...), a[:]...)
		b = binary.LittleEndian.AppendUint64(b, uint64(learnt))
		b = binary.LittleEndian.AppendUint64(b, uint64(expires))
		b = appendText(b, host)
		n++
	})
	binary.LittleEndian.PutUint32(b[at:], n)
	return b
}

// Marks of a flow in a state.
const (
	stateReported uint8 = 1 << iota
	stateImagined
	stateApplication
)

// appendFlow appends the flow at i. s is its slot's last reading, nil without a slot.
func (w *LiveWorker) appendFlow(b []byte, i flow.Index, s *slotState) []byte {
	f, d := w.table.Flow(i), w.table.Detail(i)
	b = w.table.Key(i).AppendState(b)
	b = f.AppendState(b)
	b = d.health.AppendState(b)
	if s == nil {
		s = &slotState{}
	}
	for _, n := range [...]uint64{uint64(d.first), uint64(s.born), s.packets[0], s.packets[1], s.bytes[0], s.bytes[1]} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	for _, n := range [...]uint32{d.slot, d.isn, uint32(d.risks), d.reported} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	for _, n := range d.vlans {
		b = binary.LittleEndian.AppendUint16(b, n)
	}
	b = append(append(b, d.clientMAC[:]...), d.serverMAC[:]...)
	for _, t := range d.tunnels {
		b = append(b, byte(t))
	}
	var app classify.Application
	marks := uint8(0)
	if d.application != nil {
		app, marks = *d.application, stateApplication
	}
	if d.isReported {
		marks |= stateReported
	}
	if d.imagined {
		marks |= stateImagined
	}
	b = append(b, d.nVLAN, d.nTunnel, byte(d.method), byte(d.certificate), d.icmpType, d.icmpCode, d.ruledOut,
		byte(app.Method), marks)
	text, hostEnd := d.text, d.hostEnd
	if len(text) > maxStateText {
		text, hostEnd = nil, 0
	}
	b = binary.LittleEndian.AppendUint16(b, hostEnd)
	b = appendText(b, text)
	for _, name := range [...]string{w.live.collector.interfaceName(d.iface), d.protocol, app.ID, app.Category} {
		b = appendText(b, name)
	}
	return b
}

// interfaceName returns the name of an interface's number.
func (c *collector) interfaceName(number uint16) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if int(number) < len(c.interfaces) {
		return c.interfaces[number]
	}
	return ""
}

var errState = errors.New("the state is broken")

// Resume takes over a state, before the workers begin. each gets the identity of each flow that has a record already,
// and its counts in the latest one. It returns the losses of the caller's earlier self. After an error nothing has
// happened.
func (l *Live) Resume(state []byte, each func(id [32]byte, latest record.Counts)) (losses []uint64, err error) {
	if len(state) < stateHeader || string(state[:len(stateMagic)]) != stateMagic {
		return nil, errors.New("the state is incomplete, or of another version of weir")
	}
	header, body := state[len(stateMagic):stateHeader], state[stateHeader:]
	if uint32(len(body)) != binary.LittleEndian.Uint32(header) ||
		crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(header[4:]) {
		return nil, errState
	}
	return l.resume(body, each)
}

func (l *Live) resume(body []byte, each func([32]byte, record.Counts)) ([]uint64, error) {
	r := &stateReader{rest: body, names: map[string]string{}}
	base := int64(r.word())
	if !r.agrees(stateNames()) {
		return nil, errors.New("the state has other names of risks, tunnels or methods")
	}
	losses := make([]uint64, min(int(r.half()), len(r.rest)/8))
	for i := range losses {
		losses[i] = r.word()
	}
	hints := r.hints()
	flows := make([][]resumed, len(l.workers))
	for w := range int(r.half()) {
		for range r.number() {
			f, ok := r.flow()
			if !ok {
				return nil, errState
			}
			to := w % len(l.workers) // with fewer workers than before, the flows end where they are
			flows[to] = append(flows[to], f)
		}
	}
	if r.isBroken || len(r.rest) > 0 {
		return nil, errState
	}
	capture.Continue(base)
	for i := range hints {
		h := &hints[i]
		l.collector.hints.Resume(h.client, h.addr, h.host, h.learnt, h.expires)
	}
	for i, w := range l.workers {
		w.arriving = flows[i]
		for j := range w.arriving {
			if f := &w.arriving[j]; f.detail.isReported {
				each(f.key.ID(f.detail.first), f.latest())
			}
		}
	}
	return losses, nil
}

func (f *resumed) latest() record.Counts {
	return record.Counts{ClientPackets: f.hot.Packets[0], ClientBytes: f.hot.Bytes[0],
		ServerPackets: f.hot.Packets[1], ServerBytes: f.hot.Bytes[1]}
}

// stateReader reads a body. Beyond its end it reads zeroes, and is broken.
type stateReader struct {
	rest     []byte
	isBroken bool
	names    map[string]string // one copy of each
}

func (r *stateReader) take(n int) []byte {
	if n > len(r.rest) {
		r.isBroken, r.rest = true, nil
		return make([]byte, n)
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *stateReader) octet() uint8   { return r.take(1)[0] }
func (r *stateReader) half() uint16   { return binary.LittleEndian.Uint16(r.take(2)) }
func (r *stateReader) number() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *stateReader) word() uint64   { return binary.LittleEndian.Uint64(r.take(8)) }
func (r *stateReader) text() []byte   { return r.take(int(r.half())) }

// name reads a text of which many flows have the same.
func (r *stateReader) name() string {
	b := r.text()
	name, ok := r.names[string(b)]
	if !ok {
		name = string(b)
		r.names[name] = name
	}
	return name
}

// agrees reads lists of names, and reports whether they are those of this weir as far as both have them.
func (r *stateReader) agrees(lists [][]string) bool {
	for _, own := range lists {
		for i := range int(r.octet()) {
			if name := r.name(); i < len(own) && name != own[i] {
				return false
			}
		}
	}
	return !r.isBroken
}

func (r *stateReader) hints() (all []resumedHint) {
	for range r.number() {
		client, addr := netip.AddrFrom16([16]byte(r.take(16))), netip.AddrFrom16([16]byte(r.take(16)))
		learnt, expires := int64(r.word()), int64(r.word())
		host := r.text()
		if r.isBroken {
			return nil
		}
		all = append(all, resumedHint{client, addr, host, learnt, expires})
	}
	return all
}

// resumedHint is a name that classify.Hints knew.
type resumedHint struct {
	client, addr    netip.Addr
	host            []byte
	learnt, expires int64
}

// flow reads a flow.
func (r *stateReader) flow() (f resumed, ok bool) {
	ok = f.key.ReadState(r.take(flow.KeyStateSize))
	ok = f.hot.ReadState(r.take(flow.FlowStateSize)) && ok
	d := &f.detail
	d.health.ReadState(r.take(flow.HealthStateSize))
	d.first, f.born = int64(r.word()), int64(r.word())
	for i := range f.counts {
		f.counts[i] = r.word()
	}
	d.slot, d.isn, d.risks, d.reported = r.number(), r.number(), record.Risks(r.number()), r.number()
	d.risks &= 1<<len(record.RiskList()) - 1
	for i := range d.vlans {
		d.vlans[i] = r.half()
	}
	copy(d.clientMAC[:], r.take(len(d.clientMAC)))
	copy(d.serverMAC[:], r.take(len(d.serverMAC)))
	for i := range d.tunnels {
		if d.tunnels[i] = packet.Tunnel(r.octet()); d.tunnels[i] >= packet.NumTunnels {
			d.tunnels[i] = packet.TunnelNone
		}
	}
	d.nVLAN, d.nTunnel = min(r.octet(), packet.MaxVLANs), min(r.octet(), packet.MaxTunnels)
	d.method, d.certificate = record.Method(r.octet()), dissect.Certificate(r.octet())
	d.icmpType, d.icmpCode, d.ruledOut = r.octet(), r.octet(), r.octet()
	app := classify.Application{Method: record.ApplicationMethod(r.octet())}
	marks := r.octet()
	d.isReported, d.imagined = marks&stateReported != 0, marks&stateImagined != 0
	d.awaitsSYN = d.imagined
	d.hostEnd, d.text = r.half(), r.text()
	f.link, d.protocol, app.ID, app.Category = r.name(), r.name(), r.name(), r.name()
	if marks&stateApplication != 0 {
		d.application = &app
	}
	if d.method > record.MethodDPI || app.Method > record.ByAddress || d.certificate > dissect.CertificateHidden ||
		!isText(d.text, int(d.hostEnd)) {
		ok = false
	}
	f.hot.Marks &^= unfollowed
	return f, ok && !r.isBroken
}

// isText reports whether a flow's text is a host name and members of a JSON object.
func isText(text []byte, hostEnd int) bool {
	if hostEnd > len(text) {
		return false
	}
	members := text[hostEnd:]
	return len(members) == 0 || json.Valid(slices.Concat([]byte("{"), members, []byte("}")))
}

// arrive adds the flows of another process to the table, and binds them to the slots that still are theirs. A flow
// whose slot is not there goes on with its counts, and with the slot that its next packet gets.
func (w *LiveWorker) arrive(now int64) {
	k, hasSlots := w.accounting.(*kernelAccounting)
	for n := range w.arriving {
		a := &w.arriving[n]
		i, ok := w.table.Resume(&a.key, &a.hot, now)
		if !ok {
			w.counters.Unresumed++
			continue
		}
		d := w.table.Detail(i)
		*d = a.detail
		d.text = slices.Clone(a.detail.text) // the whole state would live as long as one flow
		d.iface = w.live.collector.interfaceNumber(a.link)
		if a.detail.application != nil {
			d.application = w.kept(*a.detail.application)
		}
		if slot := d.slot; slot != 0 {
			d.slot = 0
			if hasSlots {
				k.rebind(slot-1, i, a)
			}
		}
	}
	w.arriving = nil
}

// rebind binds a slot to a flow of another process, if it is in the same life.
func (k *kernelAccounting) rebind(slot uint32, i flow.Index, a *resumed) {
	s := k.state(slot)
	if s == nil || s.status != slotFree {
		return
	}
	if born, _ := k.kernel.Packets(slot); born == 0 || born != a.born {
		return
	}
	*s = slotState{born: a.born, sum: a.counts[0] + a.counts[1], packets: [2]uint64{a.counts[0], a.counts[1]},
		bytes: [2]uint64{a.counts[2], a.counts[3]}, index: i, status: slotBound}
	k.table.Detail(i).slot = slot + 1
	k.high = max(k.high, slot-k.first+1)
}

// leave ends the work without an end of the flows: what has ended gets its record, and the rest is written down.
func (w *LiveWorker) leave() error {
	w.publish()
	w.giveUpFragments(0, -1)
	w.events.close()
	k, hasSlots := w.accounting.(*kernelAccounting)
	if !hasSlots {
		return w.finishAll()
	}
	err := k.settle()
	w.table.Each(w.interrupt)
	if w.UpdateEvery > 0 {
		w.update() // what counts in reports is what the state says
	}
	w.table.Each(func(i flow.Index) {
		var s *slotState
		if slot := w.table.Detail(i).slot; slot != 0 {
			s = k.state(slot - 1)
		}
		w.left = w.appendFlow(w.left, i, s)
		w.nLeft++
	})
	w.accounting = ownAccounting{w.worker} // the counters may be unmapped
	w.handOn()
	return err
}

// interrupt ends the inspection of a flow, which can't go on elsewhere. A flow that has shown no payload begins anew.
func (w *LiveWorker) interrupt(i flow.Index) {
	f, d := w.table.Flow(i), w.table.Detail(i)
	if d.session == nil || f.Shown == 0 || f.Marks&decided != 0 {
		return
	}
	w.finish(i, f, d)
	f.Marks |= decided
	if d.method == record.MethodNone {
		w.counters.Interrupted++
	}
	if k, ok := w.accounting.(*kernelAccounting); ok {
		k.show(i, 0)
	}
}

// settle reads all counters, and waits for the last counts of the flows that have ended.
func (k *kernelAccounting) settle() error {
	k.collect(capture.Now())
	for n := range k.slots[:k.high] {
		if s := &k.slots[n]; s.status == slotRefused {
			s.status = slotEnding
			k.dying = append(k.dying, ending{slot: k.first + uint32(n)})
		}
	}
	for len(k.dying)+len(k.resting) > 0 {
		if err := k.retireAndRelease(capture.Now()); err != nil {
			k.finalAll(k.resting, nil)
			k.resting = k.resting[:0]
			k.flush(nil)
			return err
		}
		time.Sleep(time.Duration(rest))
	}
	return nil
}
