// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from public descriptions.
var mndpTell = udp(5678, CX("0000 0007 0001 0006 020000000001 0005 0003 617031 0008 0008 4d696b726f54696b"))

func TestMNDP(t *testing.T) {
	wantProtocol(t, mndpTell, "mndp", `"identity":"ap1"`, `"platform":"MikroTik"`)
	ask := udp(5678, CX("00000000"))
	wantNot(t, ask, "mndp")
	ask.ClientPort = 5678
	wantProtocol(t, ask, "mndp")
	wantNot(t, udp(5678, CX("0000 0007 0001 0007 020000000001 0005 0003 617031")), "mndp")
	testTruncations(t, "mndp", mndpTell, 14)
	wantNoAllocations(t, "mndp", mndpTell)
}

func FuzzMNDP(f *testing.F) { fuzzTalks(f, "mndp", mndpTell) }
