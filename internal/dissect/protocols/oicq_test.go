// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The frames are built by hand after the description.
var oicqTalk = udp(8000, CX("02 1234 0002 0001 00012345 aabbccdd 03"), SX("02 1234 0002 0001 00012345 00 03"))

func TestOICQ(t *testing.T) {
	if h := wantProtocol(t, oicqTalk, "oicq", `"version":4660`, `"command":2`,
		`"number":74565`); h.Application != "qq" {
		t.Errorf("application %q", h.Application)
	}
	wantNot(t, udp(8000, CX("02 1234 0002 0001 00012345 aabbccdd 04")), "oicq")
	wantNot(t, udp(8000, CX("02 1234 0102 0001 00012345 aabbccdd 03")), "oicq")
	wantNot(t, udp(8000, CX("02 1234 0002 0001 00000045 aabbccdd 03")), "oicq")
	wantNot(t, udp(8001, oicqTalk.Says...), "oicq")
	testTruncations(t, "oicq", oicqTalk, 12)
	wantNoAllocations(t, "oicq", oicqTalk)
}

func FuzzOICQ(f *testing.F) { fuzzTalks(f, "oicq", oicqTalk) }
