// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Built by hand.
var (
	dropboxLAN = udp(17500, C(`{"host_int": 1, "version": [2, 0], "displayname": "", "port": 17500, "namespaces": [1, 2]}`))
	spotifyLAN = udp(57621, C("SpotUdp0\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x04"))
	clusterXL  = talk{over: UDP, clientPort: 8116, serverPort: 8116, says: []say{CX("1a90 0c31 0001 0001 0003 1234 0001 fffe 00e0 4a01 0001")}}
)

func TestDropbox(t *testing.T) {
	if h := wantProtocol(t, dropboxLAN, "dropbox"); h.application != "dropbox" {
		t.Errorf("application %q", h.application)
	}
	wantNot(t, udp(17500, C(`{"host": 1, "version": [2, 0], "displayname": "", "port": 17500}`)), "dropbox")
	testTruncations(t, "dropbox", dropboxLAN, 60)
	wantNoAllocations(t, "dropbox", dropboxLAN)
}

func TestSpotify(t *testing.T) {
	if h := wantProtocol(t, spotifyLAN, "spotify"); h.application != "spotify" {
		t.Errorf("application %q", h.application)
	}
	wantNot(t, udp(57621, C("SpotUdp1\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x04")), "spotify")
	testTruncations(t, "spotify", spotifyLAN, 8)
	wantNoAllocations(t, "spotify", spotifyLAN)
}

func TestCheckPointHA(t *testing.T) {
	wantProtocol(t, clusterXL, "check-point-ha", `"cluster":1`)
	wantNot(t, udp(8116, clusterXL.says[0]), "check-point-ha")
	testTruncations(t, "check-point-ha", clusterXL, 20)
}

func FuzzDropbox(f *testing.F)      { fuzzTalks(f, "dropbox", dropboxLAN) }
func FuzzSpotify(f *testing.F)      { fuzzTalks(f, "spotify", spotifyLAN) }
func FuzzCheckPointHA(f *testing.F) { fuzzTalks(f, "check-point-ha", clusterXL) }
