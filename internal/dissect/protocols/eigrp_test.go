// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after the specification.
var eigrpMessage = ip(88, CX("02 05 0000 00000000 00000000 00000000 0000 0064"))

func TestEIGRP(t *testing.T) {
	testOnIP(t, "eigrp", eigrpMessage, 20,
		ip(88, CX("02 00 0000 00000000 00000000 00000000 0000 0064")), `"autonomous_system":100`)
}

func FuzzEIGRP(f *testing.F) { fuzzTalks(f, "eigrp", eigrpMessage) }
