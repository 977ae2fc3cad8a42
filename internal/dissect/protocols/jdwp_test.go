// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The specification's handshake, and a command after it.
var jdwpTalk = tcp(5005, C("JDWP-Handshake"), S("JDWP-Handshake"), CX("0000000b 00000001 00 01 07"))

func TestJDWP(t *testing.T) {
	wantProtocol(t, jdwpTalk, "jdwp")
	wantProtocol(t, tcp(4000, C("JDWP-"), C("Handshake")), "jdwp")
	wantNot(t, tcp(5005, C("JDWP-handshake")), "jdwp")
	testTruncations(t, "jdwp", jdwpTalk, 14)
	wantNoAllocations(t, "jdwp", jdwpTalk)
}

func FuzzJDWP(f *testing.F) { fuzzTalks(f, "jdwp", jdwpTalk) }
