// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand.
var spotifyLAN = udp(57621, C("SpotUdp0\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x04"))

func TestSpotify(t *testing.T) {
	if h := wantProtocol(t, spotifyLAN, "spotify"); h.Application != "spotify" {
		t.Errorf("application %q", h.Application)
	}
	wantNot(t, udp(57621, C("SpotUdp1\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x04")), "spotify")
	testTruncations(t, "spotify", spotifyLAN, 8)
	wantNoAllocations(t, "spotify", spotifyLAN)
}

func FuzzSpotify(f *testing.F) { fuzzTalks(f, "spotify", spotifyLAN) }
