// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"testing"
)

// TestFormerNames: a frame gets its link's name at its arrival, even if it is read later.
func TestFormerNames(t *testing.T) {
	var c collector
	var i Interfaces
	i.init(c.interfaceNumber)
	nameAt := func(index uint32, at int64) string {
		if number := int(i.Number(index, at)); number < len(c.interfaces) {
			return c.interfaces[number]
		}
		return ""
	}
	if got := nameAt(1, 5); got != "" {
		t.Errorf("an interface that nobody has named is %q", got)
	}
	i.Set(map[uint32]string{1: "w0", 2: "lan0"}, 10)
	i.Set(map[uint32]string{1: "w0b", 2: "lan0"}, 20)
	i.Set(map[uint32]string{1: "x0", 2: "lan0"}, 30)
	i.Set(map[uint32]string{2: "lan0"}, 40)
	i.Set(map[uint32]string{1: "w0", 2: "lan0"}, 50)
	for _, want := range []struct {
		index uint32
		at    int64
		name  string
	}{{1, 5, "w0"}, {1, 20, "w0"}, {1, 21, "w0b"}, {1, 30, "w0b"}, {1, 40, "x0"}, {1, 51, "w0"}, {2, 5, "lan0"},
		{2, 60, "lan0"}} {
		if got := nameAt(want.index, want.at); got != want.name {
			t.Errorf("interface %d at %d is %q, want %q", want.index, want.at, got, want.name)
		}
	}
	for n := range 2 * maxFormerNames {
		i.Set(map[uint32]string{1: fmt.Sprint("w", n%7)}, int64(100+n))
	}
	if n := len(i.names.Load().former); n != maxFormerNames {
		t.Errorf("%d former names are remembered, %d are the most", n, maxFormerNames)
	}
	if n := testing.AllocsPerRun(100, func() { i.Number(1, 1000) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
