// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specification: read device info.
var adsInfo = tcp(48898, CX("0000 20000000 c0a8000101015303 c0a8000201010080 0100 0400 00000000 00000000 01000000"))

func TestADS(t *testing.T) {
	wantProtocol(t, adsInfo, "ads", `"command":1`, `"target_port":851`)
	wantProtocol(t, udp(48899, CX("03661471 00000000 01000000")), "ads")
	wantNot(t, tcp(48898, CX("0000 21000000 c0a8000101015303 c0a8000201010080 0100 0400 00000000 00000000 01000000")),
		"ads")
	testTruncations(t, "ads", adsInfo, 38)
	wantNoAllocations(t, "ads", adsInfo)
}

func FuzzADS(f *testing.F) { fuzzTalks(f, "ads", adsInfo) }
