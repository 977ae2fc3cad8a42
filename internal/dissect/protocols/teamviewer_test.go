// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from public knowledge of the framing.
var (
	teamviewerTalk = tcp(5938, CX("1724 0a 0400 00000000"), SX("1130 36 00 18000000"))
	teamviewerTwo  = tcp(5938, CX("1724 28 0200 0000 1724 3c 0100 00"))
	teamviewerUDP  = udp(5938, CX("0000000000000000 0000 03 1724 47 0200 0000"))
)

func TestTeamViewer(t *testing.T) {
	wantProtocol(t, teamviewerTalk, "teamviewer")
	wantProtocol(t, teamviewerTwo, "teamviewer")
	wantProtocol(t, teamviewerUDP, "teamviewer")
	wantNot(t, tcp(5938, CX("1724 0a 0400 00000000")), "teamviewer")
	wantNot(t, tcp(5938, CX("1724 0a 0400 00000000"), SX("1603010000")), "teamviewer")
	wantNot(t, udp(5938, CX("0000000000000000 0000 03 1724 47 0300 0000")), "teamviewer")
	for _, k := range []talk{teamviewerTalk, teamviewerTwo, teamviewerUDP} {
		testTruncations(t, "teamviewer", k, 9)
		wantNoAllocations(t, "teamviewer", k)
	}
}

func FuzzTeamViewer(f *testing.F) {
	fuzzTalks(f, "teamviewer", teamviewerTalk, teamviewerTwo, teamviewerUDP)
}
