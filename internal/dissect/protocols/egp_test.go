// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after the specification.
var egpMessage = ip(8, CX("02 05 00 00 0000 0000 0000 0000"))

func TestEGP(t *testing.T) {
	testOnIP(t, "egp", egpMessage, 10, ip(8, CX("03 05 00 00 0000 0000 0000 0000")))
}

func FuzzEGP(f *testing.F) { fuzzTalks(f, "egp", egpMessage) }
