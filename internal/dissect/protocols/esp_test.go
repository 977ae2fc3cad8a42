// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after the specification.
var espMessage = ip(50, CX("00001000 00000001 aabbccdd"))

func TestESP(t *testing.T) {
	testOnIP(t, "esp", espMessage, 8, ip(50, CX("00000001 00000001 aabbccdd")), `"spi":"00001000"`)
}

func FuzzESP(f *testing.F) { fuzzTalks(f, "esp", espMessage) }
