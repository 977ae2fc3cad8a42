// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"slices"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/weirnet/weir/gen/bpf"
)

// cacheSets returns the cache of the flow map.
func (g *rig) cacheSets() (sets []bpf.WeirCacheSet) {
	g.t.Helper()
	for i := range g.objects.Cache.MaxEntries() {
		var s bpf.WeirCacheSet
		if err := g.objects.Cache.Lookup(i, &s); err != nil {
			g.t.Fatal(err)
		}
		sets = append(sets, s)
	}
	return sets
}

func (g *rig) putCache(sets []bpf.WeirCacheSet) {
	g.t.Helper()
	for i, s := range sets {
		if err := g.objects.Cache.Put(uint32(i), s); err != nil {
			g.t.Fatal(err)
		}
	}
}

// cacheEntries counts the entries in use.
func cacheEntries(sets []bpf.WeirCacheSet) (n int) {
	for _, s := range sets {
		for _, w := range s.Ways {
			if w.Tag != 0 {
				n++
			}
		}
	}
	return n
}

// TestCache: the counts are exact whatever is in the cache: more flows than entries, entries with another flow's slot,
// with slots that do not exist, and with those of flows that are gone.
func TestCache(t *testing.T) {
	const flows = 256
	g := newRig(t, Config{Geometry: Geometry{SlotsPerWorker: flows * 3}})
	var frames [][]byte
	for i := range flows {
		frames = append(frames, flowFrames(i)[0])
	}
	for name, program := range map[string]*ebpf.Program{"ingress": g.objects.WeirIngress, "xdp": g.objects.WeirXdp} {
		if program == nil { // XDP before Linux 5.18
			continue
		}
		rounds, births := 0, uint64(0)
		send := func(what string) {
			t.Helper()
			for _, f := range frames {
				g.run(program, f)
			}
			rounds++
			slots := g.slots()
			if len(slots) != flows || g.flowEntries() != flows {
				t.Fatalf("%s: %s: %d slots, %d keys", name, what, len(slots), g.flowEntries())
			}
			for _, s := range slots {
				if s.Lower.Packets != uint64(rounds) || s.Upper.Packets != 0 || s.Born < births {
					t.Fatalf("%s: %s: %s after %d rounds", name, what, s.describe(), rounds)
				}
			}
		}
		send("new flows")
		if n := cacheEntries(g.cacheSets()); n != 0 {
			t.Errorf("%s: %d entries for flows of one packet", name, n)
		}
		send("known flows")
		send("cached flows")
		good := g.cacheSets()
		if n := cacheEntries(good); n < flows/2 {
			t.Errorf("%s: %d entries of %d flows", name, n, flows)
		}
		for what, wrong := range map[string]func(uint32) uint32{
			"pairs of entries have one slot": func(v uint32) uint32 { return v &^ 1 },
			"no entry has a slot":            func(uint32) uint32 { return 1<<30 - 1 },
			"each entry is an alias":         func(v uint32) uint32 { return v | 1<<31 },
			"each entry is swapped":          func(v uint32) uint32 { return v | 1<<30 },
		} {
			bad := slices.Clone(good)
			for i := range bad {
				for j := range bad[i].Ways {
					bad[i].Ways[j].Value = wrong(bad[i].Ways[j].Value)
				}
			}
			g.putCache(bad)
			send(what)
			send("after " + what)
		}

		// A program that is under way while flows end may enter them once more.
		good = g.cacheSets()
		var old []uint32
		for _, s := range g.slots() {
			old = append(old, s.number)
			births = max(births, s.Born)
		}
		if err := g.Retire(old); err != nil {
			t.Fatal(err)
		}
		if n := cacheEntries(g.cacheSets()); n != 0 {
			t.Errorf("%s: %d entries are left of flows that are gone", name, n)
		}
		g.putCache(good)
		waitForClockTick()
		for _, f := range frames {
			g.run(program, f)
		}
		for _, s := range g.slots() {
			if slices.Contains(old, s.number) && s.Lower.Packets+s.Upper.Packets != uint64(rounds) {
				t.Fatalf("%s: a retired slot counts: %s", name, s.describe())
			}
		}
		if err := g.Release(old); err != nil {
			t.Fatal(err)
		}
		g.putCache(good)
		rounds, births = 1, births+1
		send("flows in other slots, with entries of the old ones")
		g.reset()
	}
}
