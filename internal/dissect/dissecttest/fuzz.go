// SPDX-License-Identifier: Apache-2.0

package dissecttest

import (
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// Fuzz fuzzes one protocol's dissector with whole conversations, seeded with valid ones. The input is a sequence of
// messages, each after a direction byte (lowest bit) and 2 bytes of length.
func Fuzz(f *testing.F, all *dissect.Table, protocol string, seeds ...Talk) {
	f.Helper()
	table := onlyTable(f, all, protocol)
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, k := range seeds {
		var b []byte
		for _, m := range k.Says {
			b = append(b, byte(1-dissect.Direction(m.FromClient)), byte(len(m.Bytes)>>8), byte(len(m.Bytes)))
			b = append(b, m.Bytes...)
		}
		f.Add(b)
	}
	hostile(f, table, seeds)
	testAmongOthers(f, all, table, seeds)
	k := seeds[0]
	f.Fuzz(func(t *testing.T, b []byte) {
		k := k
		k.Says = nil
		for len(b) > 3 && len(k.Says) < 64 {
			n := min(int(b[1])<<8|int(b[2]), len(b)-3)
			k.Says = append(k.Says, Say{b[0]&1 == 1, b[3 : 3+n]})
			b = b[3+n:]
		}
		Listen(t, table, k)
	})
}
