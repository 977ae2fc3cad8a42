// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/engine"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// handedOver is what a Live leaves, and what another one makes of it.
type handedOver struct {
	t             testing.TB
	slots         *slots
	state         []byte
	before, after []record.Flow
	resumed       map[[32]byte]record.Counts
	counters      [2]engine.Counters
}

// play runs a Live of the slots with a script; begin comes before its start, end after its last record.
func (h *handedOver) play(c engine.Config, begin, end func(*engine.Live), step func(*engine.Live,
	func(*capture.Frame))) (records []record.Flow, totals engine.Totals) {
	h.t.Helper()
	live := engine.NewLive(c, 1, 0)
	live.Interfaces.Set(map[uint32]string{7: "lan0"}, 0)
	begin(live)
	emitted := make(chan struct{})
	go func() {
		defer close(emitted)
		for o := range live.Handovers() {
			_ = o.Emit(func(f *record.Flow) error {
				records = append(records, *f.Clone())
				return nil
			})
		}
	}()
	err := live.Worker(0).Run(&script{[]func(func(*capture.Frame)){
		func(each func(*capture.Frame)) { step(live, each) }}}, h.slots)
	if err != nil {
		h.t.Fatal(err)
	}
	live.Close()
	<-emitted
	end(live)
	return records, live.Totals()
}

// run plays both, with what the kernel counts in between.
func (h *handedOver) run(update time.Duration, first, second func(each func(*capture.Frame)), between func()) {
	h.t.Helper()
	h.slots.shown, h.resumed = map[uint32]int32{}, map[[32]byte]record.Counts{}
	c := config(h.t)
	c.Flows, c.UpdateEvery = flow.Config{MaxFlows: 64, Linger: time.Second, Idle: time.Minute}, update
	synctest.Test(h.t.(*testing.T), func(*testing.T) {
		var totals engine.Totals
		nothing := func(*engine.Live) {}
		h.before, totals = h.play(c, nothing, func(l *engine.Live) { h.state = l.AppendState(nil, []uint64{3, 4}) },
			func(l *engine.Live, each func(*capture.Frame)) {
				first(each)
				l.Leave()
			})
		h.counters[0] = totals.Counters
		between()
		h.after, totals = h.play(c, func(l *engine.Live) {
			losses, err := l.Resume(h.state, func(id [32]byte, latest record.Counts) { h.resumed[id] = latest })
			if err != nil || !slices.Equal(losses, []uint64{3, 4}) {
				h.t.Errorf("losses %d, %v", losses, err)
			}
		}, nothing, func(_ *engine.Live, each func(*capture.Frame)) { second(each) })
		h.counters[1] = totals.Counters
	})
}

// newHandedOver has three flows: one that a DNS query has named, one that is counted without a slot, one that has only
// begun.
func newHandedOver(t testing.TB) (h *handedOver, first func(func(*capture.Frame))) {
	query := udp("192.0.2.1", "192.0.2.2", 40000, 53, dnsQuery)
	key, fromUpper := keyOf(t, query)
	syn := segment("192.0.2.1", "192.0.2.2", 41000, 443, 1000, 0, packet.SYN, "")
	synKey, synUpper := keyOf(t, syn)
	h = &handedOver{t: t, slots: &slots{counts: make([]capture.Counts, 8)}}
	return h, func(each func(*capture.Frame)) {
		h.slots.counts[0] = counts(key, 5, [2]uint64{3, 2}, [2]uint64{300, 200}, [2]uint8{})
		each(shownFrame(query, 100, 5, fromUpper))
		h.slots.counts[1] = counts(synKey, 6, [2]uint64{1, 0}, [2]uint64{40, 0}, [2]uint8{packet.SYN, 0})
		each(shownFrame(syn, 101, 6, synUpper))
		each(shownFrame(udp("192.0.2.9", "192.0.2.8", 40000, 53, dnsQuery), capture.NotCounted, 0, false))
	}
}

// TestHandOver: flows go on in another Live with their identity, their name and their counts, and what the kernel
// counts in between is theirs.
func TestHandOver(t *testing.T) {
	for _, update := range []time.Duration{0, time.Minute} {
		h, first := newHandedOver(t)
		h.run(update, first, func(func(*capture.Frame)) {}, func() {
			c := &h.slots.counts[0]
			c.Packets[0], c.Bytes[0] = c.Packets[0]+10, c.Bytes[0]+1000
		})
		if update == 0 && len(h.before) != 0 || update > 0 && len(h.before) != 3 {
			t.Errorf("%d records before", len(h.before))
		}
		if len(h.resumed) != len(h.before) {
			t.Errorf("%d flows resumed of %d with a record", len(h.resumed), len(h.before))
		}
		for i := range h.before {
			b := &h.before[i]
			if got := h.resumed[b.ID]; got != b.Counts() {
				t.Errorf("resumed with %+v, not %+v", got, b.Counts())
			}
			if !slices.ContainsFunc(h.after, func(a record.Flow) bool { return a.ID == b.ID }) {
				t.Errorf("flow %s has another identity now", b.ID)
			}
		}
		if len(h.after) != 3 {
			t.Fatalf("%d records after", len(h.after))
		}
		for i := range h.after {
			f := &h.after[i]
			packets, protocol := uint64(1), "dns"
			switch {
			case f.Proto == packet.ProtoTCP:
				protocol = "tls" // a guess: nobody spoke
			case f.Client.Addr.Addr().String() == "192.0.2.1":
				packets = 15
			}
			if got := f.Client.Packets + f.Server.Packets; got != packets || f.Protocol != protocol {
				t.Errorf("%s: %d packets, %s", f.Client.Addr, got, f.Protocol)
			}
			if f.Proto == packet.ProtoUDP && (f.Interface != "lan0" || f.Method != record.MethodDPI ||
				string(f.Hostname) != "www.netflix.com") {
				t.Errorf("%s: on %q by %v, %q", f.Client.Addr, f.Interface, f.Method, f.Hostname)
			}
		}
		if all := h.counters[0].Packets + h.counters[1].Packets; all != 17 || h.counters[0].Packets != 7 {
			t.Errorf("%d packets before, %d in all", h.counters[0].Packets, all)
		}
	}
}

// TestHandOverOfOtherSlots: a flow whose slot is gone goes on with its counts and another slot.
func TestHandOverOfOtherSlots(t *testing.T) {
	h, first := newHandedOver(t)
	var query []byte
	h.run(0, first, func(each func(*capture.Frame)) {
		query = udp("192.0.2.1", "192.0.2.2", 40000, 53, dnsQuery)
		key, fromUpper := keyOf(t, query)
		h.slots.counts[4] = counts(key, 99, [2]uint64{4, 0}, [2]uint64{400, 0}, [2]uint8{})
		each(shownFrame(query, 104, 99, fromUpper))
	}, func() { clear(h.slots.counts) })
	for i := range h.after {
		f := &h.after[i]
		if f.Proto == packet.ProtoUDP && f.Client.Addr.Addr().String() == "192.0.2.1" {
			if got := f.Client.Packets + f.Server.Packets; got != 9 {
				t.Errorf("%d packets, want 5 and 4", got)
			}
			return
		}
	}
	t.Errorf("the flow is gone: %+v", h.after)
}

// stateOf returns a state.
func stateOf(t *testing.T) []byte {
	h, first := newHandedOver(t)
	h.run(time.Minute, first, func(func(*capture.Frame)) {}, func() {})
	return h.state
}

// seal makes a state of a body.
func seal(body []byte) []byte {
	const magic = "weir flows 1\n"
	b := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(body)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
	return append(b, body...)
}

const sealed = len("weir flows 1\n") + 8

// TestBrokenState: neither a part of a state nor one with a changed byte nor one with a part of the body is taken.
func TestBrokenState(t *testing.T) {
	state := stateOf(t)
	none := func([32]byte, record.Counts) { t.Error("a flow of a broken state") }
	live := engine.NewLive(config(t), 1, 0)
	for n := range state {
		if _, err := live.Resume(state[:n], none); err == nil {
			t.Fatalf("%d of %d bytes were taken", n, len(state))
		}
		changed := slices.Clone(state)
		changed[n] ^= 0x55
		if _, err := live.Resume(changed, none); err == nil {
			t.Fatalf("a change of byte %d was taken", n)
		}
		if n < sealed {
			continue
		}
		if _, err := live.Resume(seal(state[sealed:n]), none); err == nil {
			t.Fatalf("a body of %d bytes was taken", n-sealed)
		}
	}
	if got := seal(state[sealed:]); !slices.Equal(got, state) {
		t.Error("the test seals in another way")
	}
}

// FuzzState: whatever a state says, the next Live takes it or not, and ends its flows.
func FuzzState(f *testing.F) {
	base := capture.Base()
	c := config(f)
	c.Flows.MaxFlows = 256
	h, first := newHandedOver(f)
	h.slots.shown = map[uint32]int32{}
	h.play(c, func(*engine.Live) {}, func(l *engine.Live) { f.Add(l.AppendState(nil, []uint64{3, 4})[sealed:]) },
		func(l *engine.Live, each func(*capture.Frame)) {
			first(each)
			l.Leave()
		})
	f.Fuzz(func(t *testing.T, body []byte) {
		defer capture.Continue(base)
		live := engine.NewLive(c, 2, 64)
		_, err := live.Resume(seal(body), func([32]byte, record.Counts) {})
		if err != nil {
			return
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for h := range live.Handovers() {
				_ = h.Emit(func(f *record.Flow) error {
					_ = f.AppendJSON(nil)
					return nil
				})
			}
		}()
		for i := range 2 {
			if err := live.Worker(i).Run(&script{}, &slots{counts: make([]capture.Counts, 8),
				shown: map[uint32]int32{}}); err != nil {
				t.Error(err)
			}
		}
		live.Close()
		<-done
	})
}
