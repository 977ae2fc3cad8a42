// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from Apple's description of the DSI header: OpenSession and its answer.
var (
	afpOpen = tcp(548, CX("00 04 0001 00000000 00000006 00000000 010400000400"),
		SX("01 04 0001 00000000 00000006 00000000 000400000400"))
)

func TestAFP(t *testing.T) {
	wantProtocol(t, afpOpen, "afp")
	wantNot(t, tcp(548, CX("00 04 0001 00000000 00000000 00000000"), SX("01 04 0002 00000000 00000000 00000000")),
		"afp")
	wantNot(t, tcp(548, CX("00 00 0000 00000000 00000000 00000000"), SX("01 00 0000 00000000 00000000 00000000")),
		"afp")
	testTruncations(t, "afp", afpOpen, 99)
	wantNoAllocations(t, "afp", afpOpen)
}

func FuzzAFP(f *testing.F) { fuzzTalks(f, "afp", afpOpen) }
