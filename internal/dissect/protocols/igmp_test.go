// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after RFC 2236 §2 and RFC 3376 §4.
var (
	igmpV2 = ip(2, CX("1600 fa04 ef010203"))
	igmpV3 = ip(2, CX("2200 0000 0000 0001 0400 0000 ef010203"))
)

func TestIGMP(t *testing.T) {
	wantProtocol(t, igmpV2, "igmp", `"message":"report"`, `"version":2`, `"group":"239.1.2.3"`)
	wantProtocol(t, igmpV3, "igmp", `"version":3`, `"group":"239.1.2.3"`)
	wantProtocol(t, ip(2, CX("1164 ee9b 00000000")), "igmp", `"message":"query"`)
	wantNot(t, ip(2, CX("7700 fa04 ef010203")), "igmp")
	testTruncations(t, "igmp", igmpV2, 8)
	testTruncations(t, "igmp", igmpV3, 8)
	wantNoAllocations(t, "igmp", igmpV3)
}

func FuzzIGMP(f *testing.F) { fuzzTalks(f, "igmp", igmpV2, igmpV3) }
