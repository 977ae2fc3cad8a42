// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the document in the entry.
var (
	wowWorld = tcp(3724, S("\x00\x30WORLD OF WARCRAFT CONNECTION - SERVER TO CLIENT\x00"))
	wowLogin = tcp(3724, C("\x00\x08\x26\x00WoW\x00\x01\x0c\x01\xf3\x1668x\x00niW\x00SUne\x3c\x00\x00\x00\xc0\x00\x02"+
		"\x01\x08SOMEBODY"))
)

func TestWorldOfWarcraft(t *testing.T) {
	for _, k := range []talk{wowWorld, wowLogin} {
		if h := wantProtocol(t, k, "world-of-warcraft"); h.Application != "world-of-warcraft" {
			t.Errorf("application %q", h.Application)
		}
		testTruncations(t, "world-of-warcraft", k, 9)
	}
	wantNot(t, tcp(3724, C("\x00\x08\x26\x00WoT\x00\x01\x0c\x01\xf3\x1668x\x00niW\x00SUne\x3c\x00\x00\x00")),
		"world-of-warcraft")
	wantNoAllocations(t, "world-of-warcraft", wowWorld)
}

func FuzzWorldOfWarcraft(f *testing.F) {
	fuzzTalks(f, "world-of-warcraft", wowWorld, wowLogin)
}
