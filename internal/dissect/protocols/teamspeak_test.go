// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from public knowledge of the handshake.
var (
	teamspeakTalk = udp(9987, C("TS3INIT1\x00\x65\x00\x00\x88\x06\x3b\xec\xe9\x00"))
)

func TestTeamSpeak(t *testing.T) {
	wantProtocol(t, teamspeakTalk, "teamspeak")
	wantNot(t, udp(9987, C("TS3INIT2\x00\x65\x00\x00")), "teamspeak")
	testTruncations(t, "teamspeak", teamspeakTalk, 8)
	wantNoAllocations(t, "teamspeak", teamspeakTalk)
}

func FuzzTeamSpeak(f *testing.F) { fuzzTalks(f, "teamspeak", teamspeakTalk) }
