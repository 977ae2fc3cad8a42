// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after the specification.
var pimMessage = ip(103, CX("20 00 0000 0001 0002 0069"))

func TestPIM(t *testing.T) {
	testOnIP(t, "pim", pimMessage, 4, ip(103, CX("10 00 0000 0001 0002 0069")), `"message":"hello"`)
}

func FuzzPIM(f *testing.F) { fuzzTalks(f, "pim", pimMessage) }
