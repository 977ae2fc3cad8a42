// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"testing"
	"time"
)

// TestNaps: a source sleeps until there is work, then naps until maxNaps naps in a row found none.
func TestNaps(t *testing.T) {
	var n Naps
	if _, ok := n.Next(time.Second); ok {
		t.Error("it naps before there was work")
	}
	for range 2 {
		n.Work()
		for i := range maxNaps {
			timeout, want := time.Second, nap
			switch i {
			case 1:
				timeout, want = 3*time.Millisecond, 3*time.Millisecond
			case 2:
				timeout, want = -time.Second, 0
			}
			if length, ok := n.Next(timeout); !ok || length != want {
				t.Errorf("nap %d of at most %v: %v, %v", i, timeout, length, ok)
			}
		}
		if _, ok := n.Next(time.Second); ok {
			t.Error("it naps on without work")
		}
	}
	n.Work()
	for range 10 * maxNaps { // work again and again
		if _, ok := n.Next(time.Second); !ok {
			t.Fatal("it sleeps despite work")
		}
		n.Work()
	}
}
