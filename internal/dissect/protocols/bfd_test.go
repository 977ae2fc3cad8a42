// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The message is built after RFC 5880 §4.1.
var bfdUp = udp(3784, CX("20 c0 03 18 00000001 00000002 000f4240 000f4240 00000000"))

func TestBFD(t *testing.T) {
	wantProtocol(t, bfdUp, "bfd", `"version":1`, `"state":"up"`)
	wantNot(t, udp(3784, CX("20 c0 00 18 00000001 00000002 000f4240 000f4240 00000000")), "bfd")
	wantNot(t, udp(3784, CX("20 c0 03 1a 00000001 00000002 000f4240 000f4240 00000000 0000")), "bfd")
	testTruncations(t, "bfd", bfdUp, 24)
	wantNoAllocations(t, "bfd", bfdUp)
}

func FuzzBFD(f *testing.F) { fuzzTalks(f, "bfd", bfdUp) }
