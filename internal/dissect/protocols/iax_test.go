// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The frames are built by hand after RFC 5456 §8.1.1: NEW with version, called number and user, ACCEPT, and a poke with
// its pong.
var (
	iaxNew = udp(4569, CX("8001 0000 00000003 00 00 06 01 0b020002 0103313030 0605616c696365"),
		SX("8002 8001 00000005 00 01 06 07 090400000004"))
	iaxPoke = udp(4569, CX("8001 0000 00000003 00 00 06 1e"), SX("8002 0001 00000003 00 01 06 03"))
)

func TestIAX(t *testing.T) {
	wantProtocol(t, iaxNew, "iax", `"subclass":1`, `"called":"100"`, `"user":"alice"`)
	wantProtocol(t, iaxPoke, "iax", `"subclass":30`)
	wantNot(t, udp(4569, CX("8001 0000 00000003 00 00 06 1e")), "iax")
	wantNot(t, udp(4569, CX("8001 0000 00000003 00 00 06 1e"), SX("8002 0002 00000003 00 01 06 03")), "iax")
	wantNot(t, udp(4569, CX("8001 0000 00000003 00 00 06 01 0b020002 01ff")), "iax")
	for _, k := range []talk{iaxNew, iaxPoke} {
		testTruncations(t, "iax", k, 16)
		wantNoAllocations(t, "iax", k)
	}
}

func FuzzIAX(f *testing.F) { fuzzTalks(f, "iax", iaxNew, iaxPoke) }
