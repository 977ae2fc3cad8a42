// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from public descriptions.
var (
	tuyaBeat = tcp(6668, CX("000055aa 00000001 00000009 00000008 12345678 0000aa55"))
	tuyaGCM  = udp(6667, CX("00006699 0000 00000001 00000013 00000004 01020304 00009966"))
)

func TestTuya(t *testing.T) {
	wantProtocol(t, tuyaBeat, "tuya-lp", `"command":9`)
	wantProtocol(t, tuyaGCM, "tuya-lp", `"command":19`)
	wantNot(t, tcp(6668, CX("000055aa 00000001 00000009 00000008 12345678 0000aa56")), "tuya-lp")
	testTruncations(t, "tuya-lp", tuyaBeat, 24)
	testTruncations(t, "tuya-lp", tuyaGCM, 26)
	wantNoAllocations(t, "tuya-lp", tuyaBeat)
}

func FuzzTuya(f *testing.F) { fuzzTalks(f, "tuya-lp", tuyaBeat, tuyaGCM) }
