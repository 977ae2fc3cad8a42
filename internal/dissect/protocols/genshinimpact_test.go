// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specification's header.
var genshinConnect = udp(22101, CX("000000ff 00000000 00000000 499602d2 ffffffff"),
	SX("00000145 00000007 00000008 499602d2 14514545"))

func TestGenshinImpact(t *testing.T) {
	if h := wantProtocol(t, genshinConnect, "genshin-impact"); h.Application != "genshin-impact" {
		t.Errorf("application %q", h.Application)
	}
	wantProtocol(t, udp(4000, S(genshinConnect.Says[1].Bytes)), "genshin-impact")
	wantNot(t, udp(22101, CX("000000ff 00000000 00000000 499602d2 fffffffe")), "genshin-impact")
	testTruncations(t, "genshin-impact", genshinConnect, 20)
	wantNoAllocations(t, "genshin-impact", genshinConnect)
}

func FuzzGenshinImpact(f *testing.F) { fuzzTalks(f, "genshin-impact", genshinConnect) }
