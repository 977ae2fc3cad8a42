// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from public knowledge of the framing: cmpfile, then func protocol.
var (
	perforceTalk = tcp(1666, C(
		"\x1f\x1f\x00\x00\x00cmpfile\x00\x00\x00\x00\x00\x00func\x00\x08\x00\x00\x00protocol\x00"))
)

func TestPerforce(t *testing.T) {
	wantProtocol(t, perforceTalk, "perforce")
	wantNot(t, tcp(1666, C("\x1e\x1f\x00\x00\x00cmpfile\x00\x00\x00\x00\x00\x00func\x00\x08\x00\x00\x00protocol\x00")),
		"perforce")
	testTruncations(t, "perforce", perforceTalk, 40)
	wantNoAllocations(t, "perforce", perforceTalk)
}

func FuzzPerforce(f *testing.F) { fuzzTalks(f, "perforce", perforceTalk) }
