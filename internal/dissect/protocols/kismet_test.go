// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from Kismet's README.
var (
	kismetTalk = tcp(2501, S("*KISMET: 0.0.0 1144030483 \x01Kismet\x01 20050815211952 2005.08.R1 \n"))
)

func TestKismet(t *testing.T) {
	wantProtocol(t, kismetTalk, "kismet")
	wantNot(t, tcp(2501, S("*KISS\n\n\n\n\n\n")), "kismet")
	testTruncations(t, "kismet", kismetTalk, 9)
	wantNoAllocations(t, "kismet", kismetTalk)
}

func FuzzKismet(f *testing.F) { fuzzTalks(f, "kismet", kismetTalk) }
