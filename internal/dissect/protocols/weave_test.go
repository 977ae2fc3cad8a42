// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from OpenWeave's message format: between devices.
var weaveLocal = udp(11095, CX("0013 01000000 010000000030b418 020000000030b418 11010100"))

func TestWeave(t *testing.T) {
	wantProtocol(t, weaveLocal, "weave")
	wantNot(t, udp(11095, CX("0013 01000000 010000000030b419 020000000030b419 11010100")), "weave")
	wantNot(t, udp(11095, CX("0033 01000000 010000000030b418 020000000030b418 11010100")), "weave")
	testTruncations(t, "weave", weaveLocal, 22)
	wantNoAllocations(t, "weave", weaveLocal)
}

func FuzzWeave(f *testing.F) { fuzzTalks(f, "weave", weaveUpload, weaveLocal) }
