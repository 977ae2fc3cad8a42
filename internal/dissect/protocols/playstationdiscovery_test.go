// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the document in the entry.
var playstationAsk = udp(9302, C("SRCH * HTTP/1.1\ndevice-discovery-protocol-version:00030010\n"))

func TestPlaystation(t *testing.T) {
	wantProtocol(t, playstationAsk, "playstation-discovery")
	wantNot(t, udp(9302, C("SRCH * HTTP/1.1\nhost:192.0.2.1\n")), "playstation-discovery")
	testTruncations(t, "playstation-discovery", playstationAsk, 13)
	wantNoAllocations(t, "playstation-discovery", playstationAsk)
}

func FuzzPlaystation(f *testing.F) { fuzzTalks(f, "playstation-discovery", playstationAsk) }
