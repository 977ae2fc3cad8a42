// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Built by hand from public descriptions.
var lustreConnect = tcp(988, CX("0071ceac 01000000 010200c000000200"))

func TestLustre(t *testing.T) {
	wantProtocol(t, lustreConnect, "lustre")
	wantProtocol(t, tcp(4000, CX("acce7100 00000001 00020000c0000201")), "lustre")
	wantNot(t, tcp(988, CX("0071ceac 01000001 010200c000000200")), "lustre")
	testTruncations(t, "lustre", lustreConnect, 8)
	wantNoAllocations(t, "lustre", lustreConnect)
}

func FuzzLustre(f *testing.F) { fuzzTalks(f, "lustre", lustreConnect) }
