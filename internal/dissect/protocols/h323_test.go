// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built by hand after Q.931 §3.1 and H.225.0 annex H: a set-up with display, both parties and the
// user-user element, a gatekeeper request.
var (
	h323Setup = tcp(1720, CX("0300 0038 08 02 0001 05 04038890a5 2806416c69636500 6c06 00 81 31303031 7005 81 "+
		"32303032 7e0010 05 200006 0008914a0004 000102030405"))
	// H.245 annex A in aligned PER: the request with its answer, and a set of capabilities behind an empty packet.
	h245Determination = tcp(1232, CX("0300 000b 0100 32 80 7513d1"), SX("0300 0006 2080"))
	h245Capabilities  = tcp(1232, CX("0300 0004 0300 0018 02 70 01 06 0008817500 07 00 010203040506070809"))
	h323RAS           = udp(1719, CX("0000 0001 06 0008914a0004 0ac0000201"))
)

func TestH323(t *testing.T) {
	wantProtocol(t, h323Setup, "h323", `"message":"setup"`, `"display":"Alice"`, `"calling":"1001"`, `"called":"2002"`)
	wantProtocol(t, h323RAS, "h323")
	wantProtocol(t, h245Determination, "h323", `"message":"master-slave-determination"`)
	wantProtocol(t, h245Capabilities, "h323", `"message":"terminal-capability-set"`)
	wantNot(t, tcp(1232, CX("0300 000c 0100 32 80 7513d1")), "h323")
	wantNot(t, tcp(1232, CX("0300 000b 0100 32 40 7513d1")), "h323")
	wantNot(t, tcp(1232, CX("0300 0018 02 70 01 06 0008817600 07 00 010203040506070809")), "h323")
	testTruncations(t, "h323", h245Determination, 11)
	testTruncations(t, "h323", h245Capabilities, 13)
	wantNoAllocations(t, "h323", h245Determination)
	wantNot(t, tcp(1720, CX("0300 000d 08 02 0001 05 2802 4142")), "h323")
	wantNot(t, tcp(1720, CX("0300 000d 09 02 0001 05 7e0001 05")), "h323")
	wantNot(t, tcp(1720, CX("0300 000e 08 02 0001 05 7e0003 0500")), "h323")
	wantNot(t, udp(1719, CX("0000 0001 06 0008914b0004 0ac0000201")), "h323")
	for _, k := range []talk{h323Setup, h323RAS} {
		testTruncations(t, "h323", k, 9)
		wantNoAllocations(t, "h323", k)
	}
}

func FuzzH323(f *testing.F) { fuzzTalks(f, "h323", h323Setup, h245Determination, h245Capabilities) }

func FuzzRAS(f *testing.F) { fuzzTalks(f, "h323", h323RAS) }
