// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"testing"

	"github.com/weirnet/weir/gen/bpf"
	"github.com/weirnet/weir/internal/capture"
)

// TestReadDoesNotAllocate: Read lends records in place.
func TestReadDoesNotAllocate(t *testing.T) {
	const flows, packets, reads = 1000, 6, 4
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: flows, RingBytes: 4 << 20}})
	for range packets {
		for i := range flows {
			g.run(g.objects.WeirIngress, flowFrames(i)[0])
		}
	}
	source, err := g.view.Source(0)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Free()
	got := 0
	each := func(f *capture.Frame) { got += int(f.Length) }
	n := testing.AllocsPerRun(reads, func() { // once more than that, each at most readBatch records
		if err := source.Read(0, each); err != nil {
			t.Error(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a batch of records", n)
	}
	if want := (reads + 1) * readBatch * (question + 14); got != want {
		t.Errorf("%d bytes of frames, want %d", got, want)
	}
}

// TestDrainDoesNotAllocate: reading a flow's counters allocates nothing; ending flows allocates a little per system
// call, which covers many flows.
func TestDrainDoesNotAllocate(t *testing.T) {
	const flows = 3 * int(bpf.WeirSlotsOperationSLOTS_MAX)
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: flows, RingBytes: 1 << 20}})
	for i := range flows {
		g.run(g.objects.WeirIngress, flowFrames(i)[0])
	}
	c := g.view.Counter(0, g.Loader)
	var counts capture.Counts
	slots := make([]uint32, 0, flows)
	n := testing.AllocsPerRun(5, func() {
		slots = slots[:0]
		for slot := range uint32(flows) {
			if _, sum := c.Packets(slot); sum == 1 && c.Read(slot, &counts) {
				slots = append(slots, slot)
			}
		}
	})
	if n != 0 || len(slots) != flows {
		t.Errorf("%v allocations for reading %d flows of %d", n, len(slots), flows)
	}
	n = testing.AllocsPerRun(5, func() {
		if err := c.Retire(slots); err != nil {
			t.Error(err)
		}
		if err := c.Release(slots); err != nil {
			t.Error(err)
		}
	})
	if n > float64(flows)/100 {
		t.Errorf("%v allocations for ending %d flows", n, flows)
	}
}
