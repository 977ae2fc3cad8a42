// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from the example of the discovery protocol's specification.
var (
	tivoconnectUDP = udp(2190, C("TiVoConnect=1\nMethod=Broadcast\nPlatform=pc/win-nt\nMachine=Living Room\n"+
		"Identity=1\n"))
	tivoconnectTCP = tcp(2190, C("\x00\x00\x00\x2bTiVoConnect=1\nMethod=Connected\nMachine=Den\n"))
)

func TestTiVoConnect(t *testing.T) {
	wantProtocol(t, tivoconnectUDP, "tivoconnect", `"machine":"Living Room"`, `"platform":"pc/win-nt"`)
	wantProtocol(t, tivoconnectTCP, "tivoconnect", `"machine":"Den"`)
	wantNot(t, udp(2190, C("TiVo=1\nMethod=Broadcast\n")), "tivoconnect")
	for _, k := range []talk{tivoconnectUDP, tivoconnectTCP} {
		testTruncations(t, "tivoconnect", k, 12)
		wantNoAllocations(t, "tivoconnect", k)
	}
}

func FuzzTiVoConnect(f *testing.F) { fuzzTalks(f, "tivoconnect", tivoconnectUDP, tivoconnectTCP) }
