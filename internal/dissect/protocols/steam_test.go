// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand.
var steamSearch = udp(27036, CX("ffffffff214c5fa0 04000000 08011000 02000000 0801"))

func TestSteam(t *testing.T) {
	if h := wantProtocol(t, steamSearch, "steam"); h.Application != "steam" {
		t.Errorf("application %q", h.Application)
	}
	wantNot(t, udp(27036, CX("ffffffff214c5fa0 05000000 08011000 02000000 0801")), "steam")
	testTruncations(t, "source-engine", steamSearch, 5)
	wantNoAllocations(t, "source-engine", steamSearch)
}
