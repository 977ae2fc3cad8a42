// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after the manual.
var checkmkTalk = tcp(6556, S("<<<check_mk>>>\nVersion: 2.2.0\nAgentOS: linux\n"))

func TestCheckmk(t *testing.T) {
	wantProtocol(t, checkmkTalk, "checkmk", `"version":"2.2.0"`)
	wantNot(t, tcp(6556, S("<<<check_mk>>\nVersion: 2.2.0\n")), "checkmk")
	testTruncations(t, "checkmk", checkmkTalk, 15)
	wantNoAllocations(t, "checkmk", checkmkTalk)
}

func FuzzCheckmk(f *testing.F) { fuzzTalks(f, "checkmk", checkmkTalk) }
