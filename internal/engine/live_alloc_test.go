// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/capture"
	"github.com/weirnet/weir/internal/catalog"
	"github.com/weirnet/weir/internal/classify"
	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/protocols"
	"github.com/weirnet/weir/internal/flow"
	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// stillKernel is a kernel whose counts the test sets.
type stillKernel []capture.Counts

func (k stillKernel) Slots() (first, count uint32) { return 0, uint32(len(k)) }

func (k stillKernel) Read(slot uint32, c *capture.Counts) bool { *c = k[slot]; return c.Born != 0 }

func (k stillKernel) Packets(slot uint32) (born int64, sum uint64) {
	return k[slot].Born, k[slot].Packets[0] + k[slot].Packets[1]
}

func (k stillKernel) Show(uint32, int32) {}

func (k stillKernel) ShowNew(int32) {}

func (k stillKernel) Retire([]uint32) error { return nil }

func (k stillKernel) Release(slots []uint32) error {
	for _, s := range slots {
		k[s] = capture.Counts{}
	}
	return nil
}

// begin puts a flow into each slot.
func (k stillKernel) begin(born, now int64) {
	for i := range k {
		k[i] = capture.Counts{
			Key: flow.Key{0, 10<<24 + uint64(i), 0, 198<<24 + 51<<16 + 100<<8,
				1000<<48 | 9<<32 | packet.ProtoUDP<<8 | 4},
			Born: born, Packets: [2]uint64{1, 1}, Bytes: [2]uint64{100, 100}, Last: [2]int64{now, now}, First: now,
			Interface: 7,
		}
	}
}

func newStill(t *testing.T, flows int) (*LiveWorker, *kernelAccounting, stillKernel) {
	t.Helper()
	apps, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	live := NewLive(Config{Classifier: classify.New(apps), Protocols: dissect.NewTable(protocols.All())}, 1, 0)
	t.Cleanup(live.Close)
	go func() {
		for h := range live.Handovers() {
			_ = h.Emit(func(*record.Flow) error { return nil })
		}
	}()
	k := make(stillKernel, flows)
	w := live.Worker(0)
	counted := newKernelAccounting(w.worker, k, &w.live.Interfaces)
	w.accounting = counted
	return w, counted, k
}

// TestRecordDoesNotAllocate: a ring record of a named flow is read without allocating.
func TestRecordDoesNotAllocate(t *testing.T) {
	w, _, k := newStill(t, 1)
	now := time.Now().UnixNano()
	k.begin(1, now)
	data := []byte{ // a datagram without a name
		0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 0, 198, 51, 100, 0, 1000 >> 8, 1000 & 0xff, 0, 9, 0, 16, 0,
		0, 1, 2, 3, 4, 5, 6, 7, 8,
	}
	f := capture.Frame{Data: data, Length: len(data), Time: now, Interface: 7, Link: packet.LinkRaw,
		Flow: capture.FlowRef{Born: 1}}
	for range 100 {
		w.take(&f)
	}
	if w.table.Len() != 1 {
		t.Fatalf("%d flows", w.table.Len())
	}
	if n := testing.AllocsPerRun(1000, func() { w.take(&f) }); n != 0 {
		t.Errorf("%v allocations per record", n)
	}
}

// TestEventsDoNotAllocate: with events on, a question and its answer are read and told without allocating.
func TestEventsDoNotAllocate(t *testing.T) {
	w, _, k := newStill(t, 1)
	w.Events = new(atomic.Uint32)
	w.Events.Store(uint32(record.TypeEvents))
	now := time.Now().UnixNano()
	k.begin(1, now)
	k[0].Key[4] = 1000<<48 | 53<<32 | packet.ProtoUDP<<8 | 4
	message := "\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x07example\x00\x00\x01\x00\x01"
	frame := func(fromServer bool) *capture.Frame {
		data := []byte{
			0x45, 0, 0, byte(28 + len(message)), 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 0, 198, 51, 100, 0,
			1000 >> 8, 1000 & 0xff, 0, 53, 0, byte(8 + len(message)), 0, 0,
		}
		data = append(data, message...)
		if fromServer {
			copy(data[12:], []byte{198, 51, 100, 0, 10, 0, 0, 0, 0, 53, 1000 >> 8, 1000 & 0xff})
			data[30] |= 0x80
		}
		return &capture.Frame{Data: data, Length: len(data), Time: now, Interface: 7, Link: packet.LinkRaw,
			Flow: capture.FlowRef{Born: 1, FromUpper: fromServer}}
	}
	ask, answer := frame(false), frame(true)
	round := func() {
		w.take(ask)
		w.take(answer)
		w.batch.saying.reset()
	}
	for range 100 {
		round()
	}
	if n := w.events.counters().Events; n != 100 {
		t.Fatalf("%d events", n)
	}
	if n := testing.AllocsPerRun(1000, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestDrainDoesNotAllocate: in the long run, neither reading live flows' counters nor ending flows allocates.
func TestDrainDoesNotAllocate(t *testing.T) {
	const flows = 1000
	w, counted, k := newStill(t, flows)
	now, born := time.Now().UnixNano(), int64(1)
	k.begin(born, now)
	counted.collect(now)
	if w.table.Len() != flows {
		t.Fatalf("%d flows of %d", w.table.Len(), flows)
	}
	if n := testing.AllocsPerRun(20, func() {
		for i := range k {
			k[i].Packets[0]++
		}
		counted.collect(now)
	}); n != 0 {
		t.Errorf("%v allocations for reading %d flows", n, flows)
	}
	cycle := func() {
		w.table.Each(func(i flow.Index) { w.table.End(i, flow.Idle) })
		for range 2 {
			now += 2 * rest
			if err := counted.retireAndRelease(now); err != nil {
				t.Fatal(err)
			}
		}
		w.handOn()
		for len(w.spare) == 0 { // until the collector is done
			runtime.Gosched()
		}
		born++
		k.begin(born, now)
		counted.collect(now)
	}
	for range 10 {
		cycle()
	}
	created := w.table.Counters.Created
	n := testing.AllocsPerRun(20, cycle)
	if got := w.table.Counters.Created - created; got != 21*flows {
		t.Fatalf("%d flows in 21 cycles", got)
	}
	if n > flows/100 {
		t.Errorf("%v allocations for the ends of %d flows", n, flows)
	}
}
