// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after the specification.
var ospfMessage = ip(89, CX("02 01 0018 c0000201 00000000 0000 0000 0000000000000000"))

func TestOSPF(t *testing.T) {
	testOnIP(t, "ospf", ospfMessage, 24,
		ip(89, CX("02 06 0018 c0000201 00000000 0000 0000 0000000000000000")), `"router_id":"192.0.2.1"`)
}

func FuzzOSPF(f *testing.F) { fuzzTalks(f, "ospf", ospfMessage) }
