// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The request is the first example of RFC 2865 §7.1.
var radiusRequest = udp(1812, CX("01 00 0038 0f403f9473978057bd83d5cb98f4227a 01 06 6e656d6f 02 12 "+
	"0dbe708d93d413ce3196e43f782a0aee 04 06 c0a80110 05 06 00000003"))

func TestRADIUS(t *testing.T) {
	wantProtocol(t, radiusRequest, "radius", `"code":"access-request"`, `"user_name":"nemo"`, `"nas_ip":"192.168.1.16"`)
	wantNot(t, udp(1812, CX("01 00 0038 0f403f9473978057bd83d5cb98f4227a 01 07 6e656d6f 02 12 "+
		"0dbe708d93d413ce3196e43f782a0aee 04 06 c0a80110 05 06 00000003")), "radius")
	wantNot(t, udp(4000, CX("05 00 0014 0f403f9473978057bd83d5cb98f4227a")), "radius")
	testTruncations(t, "radius", radiusRequest, 56)
	wantNoAllocations(t, "radius", radiusRequest)
}

func FuzzRADIUS(f *testing.F) { fuzzTalks(f, "radius", radiusRequest) }
