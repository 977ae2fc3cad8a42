// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the FIX TagValue specification.
var (
	fixLogon = tcp(4000, C("8=FIX.4.4\x019=65\x0135=A\x0149=CLIENT\x0156=BROKER\x0134=1\x01"))
)

func TestFIX(t *testing.T) {
	wantProtocol(t, fixLogon, "fix", `"version":"FIX.4.4"`, `"message_type":"A"`, `"sender":"CLIENT"`,
		`"target":"BROKER"`)
	wantNot(t, tcp(4000, C("8=FIX.4.4\x0135=A\x01")), "fix")
	wantNot(t, tcp(4000, C("8=FIXED POINT")), "fix")
	testTruncations(t, "fix", fixLogon, 13)
	wantNoAllocations(t, "fix", fixLogon)
}

func FuzzFIX(f *testing.F) { fuzzTalks(f, "fix", fixLogon) }
