// SPDX-License-Identifier: Apache-2.0

package event

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestStore: whatever order stretches come in, and however they overlap, the way has the first copy of each byte, and
// knows which bytes have come.
func TestStore(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 1))
	for range 3000 {
		w := way{buf: make([]byte, 400)}
		come, want := make([]bool, len(w.buf)), make([]byte, len(w.buf))
		for copies := range byte(30) {
			off := random.IntN(len(w.buf))
			b := slices.Repeat([]byte{copies + 1}, 1+random.IntN(min(40, len(w.buf)-off)))
			before := w.nSpans
			if !w.store(off, b) {
				if before < maxSpans {
					t.Fatalf("%v has no room for %d bytes at %d", w.spans[:before], len(b), off)
				}
				continue
			}
			for i := range b {
				if !come[off+i] {
					come[off+i], want[off+i] = true, b[i]
				}
			}
			if got := spansOf(come); !slices.Equal(got, w.spans[:w.nSpans]) || !slices.Equal(w.buf, want) {
				t.Fatalf("after %d bytes at %d: %v, want %v", len(b), off, w.spans[:w.nSpans], got)
			}
		}
	}
}

// spansOf returns the stretches that have come.
func spansOf(come []bool) (all []span) {
	for i, has := range come {
		switch {
		case !has:
		case i > 0 && come[i-1]:
			all[len(all)-1].end++
		default:
			all = append(all, span{i, i + 1})
		}
	}
	return all
}
