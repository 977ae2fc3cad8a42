// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specification's packet header.
var rxCall = udp(7003,
	CX("65000000 12345678 00000001 00000001 00000001 01 05 00 00 0000 0034 0000020f 00000004 726f6f74"),
	SX("65000000 12345678 00000001 00000001 00000001 01 04 00 00 0000 0034 00000072"))

func TestRx(t *testing.T) {
	wantProtocol(t, rxCall, "rx", `"service":52`)
	wantNot(t, udp(7003, rxCall.Says[0], SX("65000000 12345688 00000001 00000001 00000001 01 04 00 00 0000 0034 "+
		"00000072")), "rx")
	wantNot(t, udp(7003, rxCall.Says[0], SX("65000000 12345678 00000001 00000001 00000001 01 05 00 00 0000 0034 "+
		"00000072")), "rx")
	wantNot(t, udp(7003, rxCall.Says[0], SX("65000000 12345678 00000001 00000001 00000001 0f 04 00 00 0000 0034 "+
		"00000072")), "rx")
	testTruncations(t, "rx", rxCall, 99)
	wantNoAllocations(t, "rx", rxCall)
}

func FuzzRx(f *testing.F) { fuzzTalks(f, "rx", rxCall) }
