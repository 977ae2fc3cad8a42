// SPDX-License-Identifier: Apache-2.0

package hosts

import (
	"net/netip"
	"testing"
	"time"

	"github.com/weirnet/weir/internal/metric"
)

// TestForgottenAreCounted: the counters include devices evicted from a full table.
func TestForgottenAreCounted(t *testing.T) {
	table := New()
	for n := range maxHosts + 3 {
		table.seen(key{mac: [6]byte{2, 0, 0, 0, byte(n >> 8), byte(n)}}, netip.Addr{}, time.Unix(int64(n), 0), heard)
	}
	var s metric.Snapshot
	table.Collect(&s)
	if s[metric.DevicesForgotten] != 3 {
		t.Errorf("%d are counted", s[metric.DevicesForgotten])
	}
}
