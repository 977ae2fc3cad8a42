// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from RFC 1288 §2.5 and fingerd(8)'s output.
var (
	fingerUser = tcp(79, C("/W anna\r\n"), S("Login: anna           \t\t\tName: Anna\r\nNo Plan.\r\n"))
	fingerAll  = tcp(79, C("\r\n"), S("No one logged on.\r\n"))
)

func TestFinger(t *testing.T) {
	wantProtocol(t, fingerUser, "finger", `"query":"/W anna"`)
	wantProtocol(t, fingerAll, "finger")
	wantNot(t, tcp(79, C("anna\r\n"), S("hello\r\n")), "finger")
	wantNot(t, tcp(79, S("Login: "), C("anna\r\n")), "finger")
	testTruncations(t, "finger", fingerUser, 99)
	testTruncations(t, "finger", fingerAll, 99)
	wantNoAllocations(t, "finger", fingerUser)
}

func FuzzFinger(f *testing.F) { fuzzTalks(f, "finger", fingerUser, fingerAll) }
