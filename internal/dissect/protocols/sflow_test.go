// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// A counter sample without records, built after the sFlow version 5 specification §5.
var sflow5 = udp(6343, CX("00000005 00000001 c0000201 00000000 00000001 00001000 00000001"+
	"00000002 0000000c 00000001 00000001 00000000"))

func TestSFlow(t *testing.T) {
	wantProtocol(t, sflow5, "sflow", `"version":5`, `"agent":"192.0.2.1"`)
	wantNot(t, udp(6343, CX("00000005 00000003 c0000201 00000000 00000001 00001000 00000001"+
		"00000002 0000000c 00000001 00000001 00000000")), "sflow")
	wantNot(t, udp(6343, CX("00000005 00000001 c0000201 00000000 00000001 00001000 00000009"+
		"00000002 0000000c 00000001 00000001 00000000")), "sflow")
	testTruncations(t, "sflow", sflow5, 36)
	wantNoAllocations(t, "sflow", sflow5)
}

func FuzzSFlow(f *testing.F) { fuzzTalks(f, "sflow", sflow5) }
