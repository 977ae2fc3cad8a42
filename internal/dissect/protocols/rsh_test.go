// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from rshd(8), and the example of RFC 1282 §3.1.
var rshTalk = tcp(514, C("1021\x00anna\x00root\x00ls -l\x00"), S("\x00total 0\n"))

func TestRSH(t *testing.T) {
	wantProtocol(t, rshTalk, "rsh", `"client_user":"anna"`, `"server_user":"root"`, `"command":"ls -l"`)
	wantProtocol(t, tcp(514, C("1021\x00"), C("anna\x00root\x00ls -l\x00"), S("\x01Permission denied.\n")), "rsh",
		`"command":"ls -l"`)
	wantNot(t, tcp(514, C("1021\x00anna\x00root\x00ls -l\x00"), S("no")), "rsh")
	wantNot(t, tcp(514, C("1021\x00anna\x00root\x00ls -l\x00"), S("\x01\x00\x02no\n")), "rsh")
	wantNot(t, tcp(514, C("1021\x00\x00root\x00ls -l\x00"), S("\x00")), "rsh")
	testTruncations(t, "rsh", rshTalk, 99)
	wantNoAllocations(t, "rsh", rshTalk)
}

func FuzzRSH(f *testing.F) { fuzzTalks(f, "rsh", rshTalk, rloginTalk) }
