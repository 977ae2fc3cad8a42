// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the ASN.1 of Z39.50-2003.
var (
	z3950Talk      = tcp(210, CX("b4 14 83 02 00e0 84 03 00e9a2 85 02 0800 86 02 0800 9f6e00"))
	z3950Reference = tcp(210, CX("b4 81 10 82 02 6161 83 02 0560 84 03 00e9a2 8c 01 ff"))
)

func TestZ3950(t *testing.T) {
	wantProtocol(t, z3950Talk, "z39-50")
	wantProtocol(t, z3950Reference, "z39-50")
	wantNot(t, tcp(210, CX("b4 15 83 02 00e0 84 03 00e9a2 85 02 0800 86 02 0800 9f6e00")), "z39-50")
	wantNot(t, tcp(210, CX("b4 14 93 02 00e0 84 03 00e9a2 85 02 0800 86 02 0800 9f6e00")), "z39-50")
	for _, k := range []talk{z3950Talk, z3950Reference} {
		testTruncations(t, "z39-50", k, 19)
		wantNoAllocations(t, "z39-50", k)
	}
}

func FuzzZ3950(f *testing.F) { fuzzTalks(f, "z39-50", z3950Talk, z3950Reference) }
