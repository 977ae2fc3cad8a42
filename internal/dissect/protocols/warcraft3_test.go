// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the document in the entry.
var (
	w3gsTCP = tcp(6112, CX("f7 1e 0800 01020304 f7 21 0400"), SX("f7 04 0600 0102"))
	w3gsUDP = udp(6112, CX("f7 2f 1000 50583357 1a000000 00000000"))
)

func TestW3GS(t *testing.T) {
	wantProtocol(t, w3gsTCP, "warcraft3")
	wantProtocol(t, w3gsUDP, "warcraft3")
	wantNot(t, tcp(6112, CX("f7 1e 0800 01020304 f8 21 0400"), SX("f7 04 0600 0102")), "warcraft3")
	wantNot(t, udp(6112, CX("f7 2f 1100 50583357 1a000000 00000000")), "warcraft3")
	testTruncations(t, "warcraft3", w3gsTCP, 5)
	testTruncations(t, "warcraft3", w3gsUDP, 16)
	wantNoAllocations(t, "warcraft3", w3gsTCP)
}

func FuzzW3GS(f *testing.F) { fuzzTalks(f, "warcraft3", w3gsTCP) }
