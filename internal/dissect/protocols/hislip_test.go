// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from §6.1: initialisation and its answer.
var hislipOpen = tcp(4880, C("HS\x00\x00\x01\x00XX\x00\x00\x00\x00\x00\x00\x00\x07hislip0"),
	CX("4853 01 00 01000001 0000000000000000"))

func TestHiSLIP(t *testing.T) {
	wantProtocol(t, hislipOpen, "hislip", `"sub_address":"hislip0"`)
	wantNot(t, tcp(4880, C("HSIEH sends her regards")), "hislip")
	testTruncations(t, "hislip", hislipOpen, 16)
	wantNoAllocations(t, "hislip", hislipOpen)
}

func FuzzHiSLIP(f *testing.F) { fuzzTalks(f, "hislip", hislipOpen) }
