// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the document in the entry.
var amongUsHello = udp(22023, CX("08 0001 00 46d20203 05 416c696365"))

func TestAmongUs(t *testing.T) {
	if h := wantProtocol(t, amongUsHello, "among-us"); h.Application != "among-us" {
		t.Errorf("application %q", h.Application)
	}
	wantNot(t, udp(22023, CX("08 0001 00 46d20213 05 416c696365")), "among-us")
	testTruncations(t, "among-us", amongUsHello, 5)
	wantNoAllocations(t, "among-us", amongUsHello)
}

func FuzzAmongUs(f *testing.F) { fuzzTalks(f, "among-us", amongUsHello) }
