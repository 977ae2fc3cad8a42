// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Built by hand from both specifications: a poll, and the start of a data packet.
var (
	artnetPoll = udp(6454, C("Art-Net\x00\x00\x20\x00\x0e\x02\x00"))
	sacnData   = udp(5568, C(sacnMagic+"\x72\x6e\x00\x00\x00\x04"+"0123456789abcdef"+"\x72\x58\x00\x00\x00\x02"+"desk\x00\x00"))
)

func TestArtNet(t *testing.T) {
	wantProtocol(t, artnetPoll, "art-net", `"operation":8192`)
	wantNot(t, udp(6454, C("Art-Nets everywhere")), "art-net")
	testTruncations(t, "art-net", artnetPoll, 10)
	wantNoAllocations(t, "art-net", artnetPoll)
}

func TestSACN(t *testing.T) {
	wantProtocol(t, sacnData, "sacn", `"source":"desk"`)
	wantNot(t, udp(5568, C("\x00\x10\x00\x00ASC-E1.18\x00\x00\x00")), "sacn")
	testTruncations(t, "sacn", sacnData, 16)
	wantNoAllocations(t, "sacn", sacnData)
}

func FuzzArtNet(f *testing.F) { fuzzTalks(f, "art-net", artnetPoll) }
func FuzzSACN(f *testing.F)   { fuzzTalks(f, "sacn", sacnData) }
