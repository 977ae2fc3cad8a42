// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from distcc's protocol-1.txt.
var (
	distccTalk = tcp(3632, C("DIST00000001ARGC00000002ARGV00000002ccARGV00000002-c"), S("DONE00000001STAT00000000"))
)

func TestDistcc(t *testing.T) {
	wantProtocol(t, distccTalk, "distcc")
	wantProtocol(t, tcp(1, S("DONE00000001STAT00000000")), "distcc")
	wantNot(t, tcp(3632, C("DIST0000000zARGC0000")), "distcc")
	wantNot(t, tcp(3632, C("DIST00000001 and more")), "distcc")
	testTruncations(t, "distcc", distccTalk, 20)
	wantNoAllocations(t, "distcc", distccTalk)
}

func FuzzDistcc(f *testing.F) { fuzzTalks(f, "distcc", distccTalk) }
