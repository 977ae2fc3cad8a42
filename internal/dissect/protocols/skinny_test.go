// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The messages are built by hand: register, its acknowledgement, keep-alive and the answer.
var (
	skinnyRegistration = tcp(2000, CX("18000000 00000000 01000000 534550303031313232333334343535 00 00000000"),
		SX("08000000 11000000 81000000 1e000000"))
	skinnyAlive = tcp(2000, CX("04000000 00000000 00000000"), SX("04000000 00000000 00010000"))
)

func TestSkinny(t *testing.T) {
	wantProtocol(t, skinnyRegistration, "skinny", `"device":"SEP001122334455"`)
	wantProtocol(t, skinnyAlive, "skinny")
	wantNot(t, tcp(2000, CX("04000000 00000000 00000000")), "skinny")
	wantNot(t, tcp(2000, CX("04000000 00000000 00000000"), SX("04000000 00000000 00020000")), "skinny")
	wantNot(t, tcp(2000, CX(strings.Repeat("00", 24))), "skinny")
	for _, k := range []talk{skinnyRegistration, skinnyAlive} {
		testTruncations(t, "skinny", k, 24)
		wantNoAllocations(t, "skinny", k)
	}
}

func FuzzSkinny(f *testing.F) { fuzzTalks(f, "skinny", skinnyRegistration, skinnyAlive) }
