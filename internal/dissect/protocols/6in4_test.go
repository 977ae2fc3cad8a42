// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after the specification.
var sixInFourMessage = ip(41, CX(
	"60000000 0000 3b40 00000000000000000000000000000001 00000000000000000000000000000002"))

func TestSixInFour(t *testing.T) {
	testOnIP(t, "6in4", sixInFourMessage, 40,
		ip(41, CX("40000000 0000 3b40 00000000000000000000000000000001 00000000000000000000000000000002")))
}

func FuzzSixInFour(f *testing.F) { fuzzTalks(f, "6in4", sixInFourMessage) }
