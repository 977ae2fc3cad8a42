// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Built from CORBA 3.3 part 2 §9.4.1.
var (
	giopTalk = tcp(2000, C("GIOP\x01\x02\x00\x00\x00\x00\x00\x04abcd"))
)

func TestGIOP(t *testing.T) {
	wantProtocol(t, giopTalk, "giop", `"minor_version":2`)
	wantNot(t, tcp(2000, C("GIOP\x01\x09\x00\x00\x00\x00\x00\x04abcd")), "giop")
	wantNot(t, tcp(2000, C("GIOPelement!")), "giop")
	testTruncations(t, "giop", giopTalk, 12)
	wantNoAllocations(t, "giop", giopTalk)
}

func FuzzGIOP(f *testing.F) { fuzzTalks(f, "giop", giopTalk) }
