// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the document in the entry.
var piaPacket = udp(50000, C("\x32\xab\x98\x64\x02\x01\x00\x01"+sealed(48)))

func TestPia(t *testing.T) {
	if h := wantProtocol(t, piaPacket, "nintendo-pia"); h.Application != "nintendo" {
		t.Errorf("application %q", h.Application)
	}
	testTruncations(t, "nintendo-pia", piaPacket, 5)
	wantNoAllocations(t, "nintendo-pia", piaPacket)
}

func FuzzPia(f *testing.F) { fuzzTalks(f, "nintendo-pia", piaPacket) }
