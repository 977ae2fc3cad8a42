// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after the specification.
var pgmMessage = ip(113, CX("1234 1235 00 00 0000 010203040506 0000"))

func TestPGM(t *testing.T) {
	testOnIP(t, "pgm", pgmMessage, 16, ip(113, CX("1234 1235 00 00 0000 010203040506 0001")))
}

func FuzzPGM(f *testing.F) { fuzzTalks(f, "pgm", pgmMessage) }
