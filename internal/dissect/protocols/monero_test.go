// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specification's field tables.
var levinHandshake = tcp(18080, CX("0121010101010101 0000000000000010 01 e9030000 00000000 01000000 01000000"))

func TestLevin(t *testing.T) {
	wantProtocol(t, levinHandshake, "monero", `"command":1001`)
	wantNot(t, tcp(18080, CX("0121010101010101 0000000000000010 01 e9030000 00000000 01000000 02000000")), "monero")
	testTruncations(t, "monero", levinHandshake, 24)
	wantNoAllocations(t, "monero", levinHandshake)
}

func FuzzLevin(f *testing.F) { fuzzTalks(f, "monero", levinHandshake) }
