// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"testing"

	"github.com/weirnet/weir/internal/dissect"
	"github.com/weirnet/weir/internal/dissect/dissecttest"
)

// TestFarPort: no dissector has that port.
func TestFarPort(t *testing.T) {
	for _, p := range All() {
		for _, port := range p.Ports {
			if port == dissecttest.FarPort || port == dissecttest.FarPort+1 {
				t.Errorf("port %d is %s's own", port, p.Name)
			}
		}
	}
}

// TestFewCandidates bounds the cost of Start: how many dissectors a random first payload meets on average, and the most
// for any first byte. At a session's limit of waiting dissectors (maxPending), it would drop some.
func TestFewCandidates(t *testing.T) {
	for _, limit := range []struct {
		name       string
		over       dissect.Transport
		mean, most int
	}{{"TCP", dissect.TCP, 6, 45}, {"UDP", dissect.UDP, 10, 42}} {
		total, most := 0, 0
		for b := range 256 {
			n := 0
			for _, p := range All() {
				if p.Over&limit.over != 0 && p.Start.Has(byte(b)) {
					n++
				}
			}
			total += n
			most = max(most, n)
		}
		if mean := total / 256; mean >= limit.mean || most > limit.most {
			t.Errorf("%s: %d candidates by the first byte on the mean, %d at most, want less than %d, and %d",
				limit.name, mean, most, limit.mean, limit.most)
		}
	}
}
