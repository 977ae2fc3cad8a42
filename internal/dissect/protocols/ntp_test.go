// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after RFC 5905 §7.3, RFC 9327 §2 and the layout of ntpdc's requests.
var (
	ntpTalk = udp(123, CX("23 00 06 ec 00000000 00000000 00000000 0000000000000000 0000000000000000 0000000000000000 "+
		"e8754f2b12345678"),
		SX("24 01 06 e7 00000000 00000010 47505300 e8754f2b00000000 e8754f2b12345678 e8754f2c00000000 "+
			"e8754f2c10000000"))
	ntpReadVariables = udp(123, CX("16 02 0001 0000 0000 0000 0000"))
	ntpMonlist       = udp(123, CX("17 00 03 2a 0000 0000"))
)

func TestNTP(t *testing.T) {
	wantProtocol(t, ntpTalk, "ntp", `"version":4`, `"mode":"client"`)
	wantProtocol(t, udp(123, ntpTalk.Says[1]), "ntp", `"stratum":1`, `"reference":"GPS"`)
	wantProtocol(t, ntpReadVariables, "ntp", `"mode":"control"`)
	// ntpsec's ntpd as client, whose only real field is its time stamp, and its ntpq.
	wantProtocol(t, udp(123, CX("23 00 00 20 00000000 00000000 00000000 0000000000000000 0000000000000000 "+
		"0000000000000000 41f4d229c7d078ab")), "ntp", `"mode":"client"`)
	wantProtocol(t, udp(123, CX("d6 02 0001 0000 0000 0000 0000")), "ntp", `"mode":"control"`)
	wantNot(t, udp(123, CX("23 00 00 21 00000000 00000000 00000000 0000000000000000 0000000000000000 "+
		"0000000000000000 41f4d229c7d078ab")), "ntp")
	wantProtocol(t, ntpMonlist, "ntp", `"monlist":true`)
	wantNot(t, udp(123, C("#hello, this is some other protocol of fifty bytes")), "ntp")
	wantNot(t, udp(123, CX("23 11 06 ec 00000000 00000000 00000000 0000000000000000 0000000000000000 "+
		"0000000000000000 e8754f2b12345678")), "ntp")
	testTruncations(t, "ntp", ntpTalk, 48)
	testTruncations(t, "ntp", ntpReadVariables, 12)
	testTruncations(t, "ntp", ntpMonlist, 8)
	wantNoAllocations(t, "ntp", ntpTalk)
}

func FuzzNTP(f *testing.F) { fuzzTalks(f, "ntp", ntpTalk, ntpReadVariables, ntpMonlist) }
