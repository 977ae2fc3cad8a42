// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after RFC 3768 §5.1, RFC 9568 §5.1 and the header in carp(4).
var (
	vrrpV2 = ip(112, CX("21 01 64 01 00 01 0000 c0000201 0000000000000000"))
	vrrpV3 = ip(112, CX("31 07 c8 01 0064 0000 c0000201"))
)

func TestVRRP(t *testing.T) {
	wantProtocol(t, vrrpV2, "vrrp", `"version":2`, `"router_id":1`, `"address":"192.0.2.1"`)
	wantProtocol(t, vrrpV3, "vrrp", `"version":3`, `"priority":200`)
	wantNot(t, ip(112, CX("41 01 64 01 00 01 0000 c0000201 0000000000000000")), "vrrp")
	wantNot(t, ip(112, CX("31 07 c8 02 0064 0000 c0000201")), "vrrp")
	testTruncations(t, "vrrp", vrrpV2, 20)
	wantNoAllocations(t, "vrrp", vrrpV2)
}

func FuzzVRRP(f *testing.F) { fuzzTalks(f, "vrrp", vrrpV2, vrrpV3, vrrpCARP) }
