// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are those of Valve's "Server queries" page, with names changed, and built by hand.
var (
	sourceInfo = udp(27015, C(outOfBand+"TSource Engine Query\x00"),
		S(outOfBand+"I\x11Example\x00de_dust\x00cstrike\x00Counter-Strike: "+
			"Source\x00\xf0\x00\x05\x20\x00dl\x00\x001.0.0.70\x00"))
	sourcePlayers = udp(27016, CX("ffffffff 55 ffffffff"), SX("ffffffff 41 4ba1d522"), CX("ffffffff 55 4ba1d522"),
		SX("ffffffff 44 00"))
	sourceGold = udp(27015, S(outOfBand+"m192.0.2.1:27015\x00Example\x00crossfire\x00valve\x00Half-Life\x00\x01\x20"+
		"\x2f"))
	sourceMaster = udp(27011, C("1\xff0.0.0.0:0\x00\\gamedir\\tf\x00"), SX("ffffffff 660a c0000201 6987"))
)

func TestSourceEngine(t *testing.T) {
	wantProtocol(t, sourceInfo, "source-engine")
	wantProtocol(t, udp(27015, S(sourceInfo.Says[1].Bytes)), "source-engine", `"map":"de_dust"`,
		`"game":"Counter-Strike: Source"`)
	wantProtocol(t, sourcePlayers, "source-engine")
	wantProtocol(t, sourceGold, "source-engine", `"game":"Half-Life"`)
	wantProtocol(t, sourceMaster, "source-engine")
	wantNot(t, udp(27015, CX("ffffffff 54 536f75726365")), "source-engine")
	wantNot(t, udp(27015, CX("ffffffff 55 ffffffff"), SX("ffffffff 55 ffffffff")), "source-engine")
	for _, k := range []talk{sourceInfo, sourcePlayers, sourceGold, sourceMaster} {
		testTruncations(t, "source-engine", k, 5)
		wantNoAllocations(t, "source-engine", k)
	}
}

func FuzzSourceEngine(f *testing.F) {
	fuzzTalks(f, "source-engine", sourceInfo, sourcePlayers, sourceGold, sourceMaster, quakeStatus, steamSearch)
}
