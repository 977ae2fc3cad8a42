// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Built by hand from the specification's header.
var (
	kcpTalk = udp(8000, CX("11223344 51 00 2000 01000000 00000000 00000000 05000000 68656c6c6f"),
		SX("11223344 52 00 8000 01000000 00000000 01000000 00000000 11223344 51 00 8000 01000000 00000000 01000000 02000000 6869"),
		CX("11223344 52 00 2000 01000000 00000000 01000000 00000000"))
	kcpAck         = CX("11223344 52 00 2000 01000000 00000000 01000000 00000000")
	genshinConnect = udp(22101, CX("000000ff 00000000 00000000 499602d2 ffffffff"), SX("00000145 00000007 00000008 499602d2 14514545"))
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

func TestGenshinImpact(t *testing.T) {
	if h := wantProtocol(t, genshinConnect, "genshin-impact"); h.application != "genshin-impact" {
		t.Errorf("application %q", h.application)
	}
	wantProtocol(t, udp(4000, S(genshinConnect.says[1].bytes)), "genshin-impact")
	wantNot(t, udp(22101, CX("000000ff 00000000 00000000 499602d2 fffffffe")), "genshin-impact")
	testTruncations(t, "genshin-impact", genshinConnect, 20)
	wantNoAllocations(t, "genshin-impact", genshinConnect)
}

func FuzzKCP(f *testing.F)           { fuzzTalks(f, "kcp", kcpTalk) }
func FuzzGenshinImpact(f *testing.F) { fuzzTalks(f, "genshin-impact", genshinConnect) }
