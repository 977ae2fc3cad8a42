// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the SPICE protocol §2.
var (
	spiceTalk = tcp(5900, C("REDQ\x02\x00\x00\x00\x02\x00\x00\x00\x1a\x00\x00\x00"))
)

func TestSPICE(t *testing.T) {
	wantProtocol(t, spiceTalk, "spice")
	wantNot(t, tcp(5900, C("REDQ\x09\x00\x00\x00\x02\x00\x00\x00\x1a\x00\x00\x00")), "spice")
	testTruncations(t, "spice", spiceTalk, 16)
	wantNoAllocations(t, "spice", spiceTalk)
}

func FuzzSPICE(f *testing.F) { fuzzTalks(f, "spice", spiceTalk) }
