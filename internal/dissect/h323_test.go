// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// The messages are built by hand after Q.931 §3.1 and H.225.0 annex H: a set-up with display, both parties and the
// user-user element, a gatekeeper request.
var (
	h323Setup = tcp(1720, CX("0300 0038 08 02 0001 05 04038890a5 2806416c69636500 6c06 00 81 31303031 7005 81 32303032 7e0010 05 200006 0008914a0004 000102030405"))
	h323RAS   = udp(1719, CX("0000 0001 06 0008914a0004 0ac0000201"))
)

func TestH323(t *testing.T) {
	wantProtocol(t, h323Setup, "h323", `"message":"setup"`, `"display":"Alice"`, `"calling":"1001"`, `"called":"2002"`)
	wantProtocol(t, h323RAS, "h323")
	wantNot(t, tcp(1720, CX("0300 000d 08 02 0001 05 2802 4142")), "h323")
	wantNot(t, tcp(1720, CX("0300 000d 09 02 0001 05 7e0001 05")), "h323")
	wantNot(t, tcp(1720, CX("0300 000e 08 02 0001 05 7e0003 0500")), "h323")
	wantNot(t, udp(1719, CX("0000 0001 06 0008914b0004 0ac0000201")), "h323")
	for _, k := range []talk{h323Setup, h323RAS} {
		testTruncations(t, "h323", k, 9)
		wantNoAllocations(t, "h323", k)
	}
}

func FuzzH323(f *testing.F) { fuzzTalks(f, "h323", h323Setup) }

func FuzzRAS(f *testing.F) { fuzzTalks(f, "h323", h323RAS) }
