// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

var vncTalk = tcp(5900, S("RFB 003.008\n"), C("RFB 003.007\n"), SX("02 01 02"))

func TestVNC(t *testing.T) {
	wantProtocol(t, vncTalk, "vnc", `"server_version":"003.008"`, `"client_version":"003.007"`,
		`"security_types":[1,2]`)
	wantProtocol(t, tcp(1, S("RFB 003.889\n")), "vnc")
	wantNot(t, tcp(5900, S("RFB 3.8\n")), "vnc")
	testTruncations(t, "vnc", vncTalk, vncVersion)
	wantNoAllocations(t, "vnc", vncTalk)
}

func FuzzVNC(f *testing.F) { fuzzTalks(f, "vnc", vncTalk) }
