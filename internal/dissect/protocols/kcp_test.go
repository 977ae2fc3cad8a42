// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specification's header.
var (
	kcpTalk = udp(8000, CX("11223344 51 00 2000 01000000 00000000 00000000 05000000 68656c6c6f"),
		SX("11223344 52 00 8000 01000000 00000000 01000000 00000000 11223344 51 00 8000 01000000 00000000 01000000 "+
			"02000000 6869"),
		CX("11223344 52 00 2000 01000000 00000000 01000000 00000000"))
	kcpAck = CX("11223344 52 00 2000 01000000 00000000 01000000 00000000")
)

func TestKCP(t *testing.T) {
	wantProtocol(t, kcpTalk, "kcp")
	wantProtocol(t, udp(8000, kcpAck, kcpAck, kcpAck), "kcp")
	wantNot(t, udp(8000, kcpAck, SX("11223345 52 00 8000 01000000 00000000 01000000 00000000"), kcpAck, kcpAck), "kcp")
	wantNot(t, udp(8000, kcpAck, kcpAck, CX("11223344 52 00 2000 01000000 00000000 01000000 01000000 00")), "kcp")
	wantNot(t, udp(8000, CX("11223344 51 00 2000 01000000 00000000 00000000 06000000 68656c6c6f")), "kcp")
	testTruncations(t, "kcp", kcpTalk, 29)
	wantNoAllocations(t, "kcp", kcpTalk)
}

func FuzzKCP(f *testing.F) { fuzzTalks(f, "kcp", kcpTalk) }
