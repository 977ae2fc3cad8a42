// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestSeen compares with a plain set, in any order of arrival.
func TestSeen(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		s, set := newSeen(), map[uint64]bool{}
		for range 200 {
			first := 1 + random.Uint64N(300)
			last := first + random.Uint64N(4)
			s.add("a", "e", first, last)
			for n := first; n <= last; n++ {
				set[n] = true
			}
			n := 1 + random.Uint64N(310)
			if s.has("a", "e", n) != set[n] {
				t.Fatalf("%d: %v, want %v: %v", n, !set[n], set[n], s.agents["a"][0].intervals)
			}
		}
		for i, v := range s.agents["a"][0].intervals {
			if v.last < v.first || (i > 0 && v.first <= s.agents["a"][0].intervals[i-1].last+1) {
				t.Fatalf("intervals %v", s.agents["a"][0].intervals)
			}
		}
		if s.has("b", "e", 1) || s.has("a", "f", 1) {
			t.Fatal("another agent's or epoch's")
		}
	}
}

// TestSeenBounds: gaps and epochs are bounded; the oldest are forgotten.
func TestSeenBounds(t *testing.T) {
	s := newSeen()
	for n := uint64(1); n <= 3*maxIntervals; n++ {
		s.add("a", "e", 2*n, 2*n)
	}
	if n := len(s.agents["a"][0].intervals); n != maxIntervals || !s.has("a", "e", 6*maxIntervals) ||
		s.has("a", "e", 2) {
		t.Errorf("%d intervals", n)
	}
	for i := range 3 * maxEpochs {
		s.add("a", fmt.Sprint(i), 1, 1)
	}
	if n := len(s.agents["a"]); n != maxEpochs || !s.has("a", fmt.Sprint(3*maxEpochs-1), 1) || s.has("a", "e", 1200) {
		t.Errorf("%d epochs", n)
	}
}
