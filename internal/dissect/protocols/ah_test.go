// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after the specification.
var ahMessage = ip(51, CX("06 04 0000 00001000 00000001 000000000000000000000000"))

func TestAH(t *testing.T) {
	testOnIP(t, "ah", ahMessage, 24,
		ip(51, CX("06 05 0000 00001000 00000001 000000000000000000000000")), `"spi":"00001000"`)
}

func FuzzAH(f *testing.F) { fuzzTalks(f, "ah", ahMessage) }
