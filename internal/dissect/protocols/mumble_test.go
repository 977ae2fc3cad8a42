// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the Mumble protocol's UDP ping.
var (
	mumbleTalk = udp(64738, CX("00000000 0102030405060708"), SX("00010500 0102030405060708 00000003 00000064 00011940"))
)

func TestMumble(t *testing.T) {
	wantProtocol(t, mumbleTalk, "mumble", `"users":3`)
	wantNot(t, udp(64738, CX("00000000 0102030405060708")), "mumble")
	wantNot(t, udp(64738, CX("00000000 0102030405060708"), SX("00010500 0102030405060709 00000003 00000064 00011940")),
		"mumble")
	testTruncations(t, "mumble", mumbleTalk, 99)
	wantNoAllocations(t, "mumble", mumbleTalk)
}

func FuzzMumble(f *testing.F) { fuzzTalks(f, "mumble", mumbleTalk) }
