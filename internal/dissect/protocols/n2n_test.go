// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the common header: an edge's registration at its supernode, of both versions.
var (
	n2nThree = udp(7654, CX("03 02 0005 6d796e6574776f726b00000000000000 00000000 01020304"))
	n2nTwo   = udp(4000, CX("02 02 0025 6d796e6574776f726b00000000000000 01020304"))
)

func TestN2N(t *testing.T) {
	wantProtocol(t, n2nThree, "n2n", `"version":3`, `"community":"mynetwork"`, `"message":"register-super"`)
	wantProtocol(t, n2nTwo, "n2n", `"version":2`)
	wantNot(t, udp(7654, CX("03 02 0005 6d796e6574776f726b00000001000000 00000000 01020304")), "n2n")
	wantNot(t, udp(7654, CX("03 02 0015 6d796e6574776f726b00000000000000 00000000 01020304")), "n2n")
	testTruncations(t, "n2n", n2nThree, 24)
	testTruncations(t, "n2n", n2nTwo, 20)
	wantNoAllocations(t, "n2n", n2nThree)
}

func FuzzN2N(f *testing.F) { fuzzTalks(f, "n2n", n2nThree, n2nTwo) }
