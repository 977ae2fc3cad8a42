// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after the specification.
var ipipMessage = ip(4, CX("45000014 00000000 40060000 c0000201 c0000202"))

func TestIPIP(t *testing.T) {
	testOnIP(t, "ipip", ipipMessage, 20, ip(4, CX("35000014 00000000 40060000 c0000201 c0000202")))
}

func FuzzIPIP(f *testing.F) { fuzzTalks(f, "ipip", ipipMessage) }
