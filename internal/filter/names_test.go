// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"strconv"
	"testing"

	"github.com/weirnet/weir/internal/packet"
	"github.com/weirnet/weir/internal/record"
)

// TestNamesAreThoseOfRecords: a filter takes the names that flow records have.
func TestNamesAreThoseOfRecords(t *testing.T) {
	for i := range 256 {
		name := packet.ProtoName(uint8(i))
		for _, value := range []string{name, strconv.Itoa(i)} {
			if got, ok := transport(value); got != name || !ok {
				t.Errorf("transport %s: %s, %v, want %s", value, got, ok, name)
			}
		}
	}
	for s := record.SideLAN; s.String() != ""; s++ {
		if _, err := Parse("side:" + s.String()); err != nil {
			t.Error(err)
		}
	}
	for d := record.DirectionUnknown; d.String() != ""; d++ {
		if _, err := Parse("direction:" + d.String()); err != nil {
			t.Error(err)
		}
	}
	for m := record.MethodNone; m.String() != ""; m++ {
		if _, err := Parse("method:" + m.String()); err != nil {
			t.Error(err)
		}
	}
	for _, r := range record.RiskList() {
		if _, err := Parse("risk:" + r.Slug); err != nil {
			t.Error(err)
		}
	}
}
