// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specification: the start of a data packet.
var sacnData = udp(5568, C(sacnMagic+"\x72\x6e\x00\x00\x00\x04"+"0123456789abcdef"+"\x72\x58\x00\x00\x00\x02"+
	"desk\x00\x00"))

func TestSACN(t *testing.T) {
	wantProtocol(t, sacnData, "sacn", `"source":"desk"`)
	wantNot(t, udp(5568, C("\x00\x10\x00\x00ASC-E1.18\x00\x00\x00")), "sacn")
	testTruncations(t, "sacn", sacnData, 16)
	wantNoAllocations(t, "sacn", sacnData)
}

func FuzzSACN(f *testing.F) { fuzzTalks(f, "sacn", sacnData) }
