// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the base packet's fields: a client's first reliable packet, and the acknowledgement.
var minetestTalk = udp(30000, CX("4f457403 0000 00 03 ffdc 01 0000"), SX("4f457403 0001 00 00 00 ffdc"))

func TestMinetest(t *testing.T) {
	wantProtocol(t, minetestTalk, "minetest", `"peer_id":0`)
	wantNot(t, udp(30000, CX("4f457403 0000 03 03 ffdc")), "minetest")
	wantNot(t, udp(30000, CX("4f457403 0000 00 04 ffdc")), "minetest")
	testTruncations(t, "minetest", minetestTalk, 8)
	wantNoAllocations(t, "minetest", minetestTalk)
}

func FuzzMinetest(f *testing.F) { fuzzTalks(f, "minetest", minetestTalk) }
