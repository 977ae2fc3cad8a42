// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand: the search for printers.
var bjnpSearch = udp(8611, CX("424a4e50 01 01 0000 0001 0000 00000000"))

func TestBJNP(t *testing.T) {
	wantProtocol(t, bjnpSearch, "bjnp", `"command":1`)
	wantProtocol(t, tcp(8611, CX("424a4e50 82 10 0000 0001 0000 00000000")), "bjnp")
	wantNot(t, udp(8611, C("BJNPQ and so on and on")), "bjnp")
	testTruncations(t, "bjnp", bjnpSearch, bjnpHeader)
	wantNoAllocations(t, "bjnp", bjnpSearch)
}

func FuzzBJNP(f *testing.F) { fuzzTalks(f, "bjnp", bjnpSearch) }
