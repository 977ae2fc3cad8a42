// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from chapter 2 of the library's volume 2.
var cipInput = udp(2222, CX("0200 0280 0800 01020304 01000000 b100 0400 01000000"))

func TestCIP(t *testing.T) {
	wantProtocol(t, cipInput, "cip")
	wantNot(t, udp(2222, CX("0200 0280 0800 01020304 01000000 b100 0500 01000000")), "cip")
	testTruncations(t, "ethernet-ip", cipInput, 22)
	wantNoAllocations(t, "ethernet-ip", cipInput)
}
