// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand: called and calling titles, invocation, and an EPSEM with the logon of C12.22.
var c1222Read = udp(1153, CX("60 1d a2 05 80 03 7bc175 a6 05 80 03 7bc174 a8 03 020101 be 08 28 06 81 04 80020130"))

func TestC1222(t *testing.T) {
	wantProtocol(t, c1222Read, "ansi-c12-22")
	wantProtocol(t, tcp(4000, c1222Read.Says[0]), "ansi-c12-22")
	wantNot(t, udp(1153, CX("60 1d a2 05 80 03 7bc175 a6 05 80 03 7bc174 a8 03 020101 be 08 04 06 81 04 80020130")),
		"ansi-c12-22")
	wantNot(t, dlmsAssociate, "ansi-c12-22")
	testTruncations(t, "ansi-c12-22", c1222Read, 31)
	wantNoAllocations(t, "ansi-c12-22", c1222Read)
}

func FuzzC1222(f *testing.F) { fuzzTalks(f, "ansi-c12-22", c1222Read) }
