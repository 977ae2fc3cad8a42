// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The offer and the answer of the specification, and a message in the middle of a session.
var (
	relpOpen = tcp(2514, C("1 open 52 relp_version=0\nrelp_software=librelp\ncommands=syslog\n"),
		S("1 rsp 27 200 OK\nrelp_version=0\nabcde\n"))
	relpLog = tcp(20514, C("7 syslog 12 <13>a b: cde\n"), S("7 rsp 6 200 OK\n"))
)

func TestRELP(t *testing.T) {
	wantProtocol(t, relpOpen, "relp", `"version":"0"`)
	wantProtocol(t, relpLog, "relp")
	wantNot(t, tcp(2514, C("1 open 51 door\n"), S("no\n")), "relp")
	wantNot(t, tcp(2514, C("1 shut 5 relp_version=0\n")), "relp")
	testTruncations(t, "relp", relpOpen, 40)
	testTruncations(t, "relp", relpLog, 99)
	wantNoAllocations(t, "relp", relpLog)
}

func FuzzRELP(f *testing.F) { fuzzTalks(f, "relp", relpOpen, relpLog) }
