// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specification: a poll.
var artnetPoll = udp(6454, C("Art-Net\x00\x00\x20\x00\x0e\x02\x00"))

func TestArtNet(t *testing.T) {
	wantProtocol(t, artnetPoll, "art-net", `"operation":8192`)
	wantNot(t, udp(6454, C("Art-Nets everywhere")), "art-net")
	testTruncations(t, "art-net", artnetPoll, 10)
	wantNoAllocations(t, "art-net", artnetPoll)
}

func FuzzArtNet(f *testing.F) { fuzzTalks(f, "art-net", artnetPoll) }
