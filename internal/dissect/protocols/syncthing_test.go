// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the specifications of local discovery and relay protocol.
var (
	syncthingAnnounce = udp(21027, CX("2ea7d90b 0a20 0102030405060708"))
	syncthingRelay    = tcp(22067, CX("9e79bc40 00000003 00000000"))
)

func TestSyncthing(t *testing.T) {
	wantProtocol(t, syncthingAnnounce, "syncthing")
	wantProtocol(t, syncthingRelay, "syncthing")
	wantNot(t, udp(21027, CX("2ea7d90b 0b20 0102030405060708")), "syncthing")
	wantNot(t, tcp(22067, CX("9e79bc40 00000033 00000000")), "syncthing")
	for _, k := range []talk{syncthingAnnounce, syncthingRelay} {
		testTruncations(t, "syncthing", k, 12)
		wantNoAllocations(t, "syncthing", k)
	}
}

func FuzzSyncthing(f *testing.F) { fuzzTalks(f, "syncthing", syncthingAnnounce, syncthingRelay) }
