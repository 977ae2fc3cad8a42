// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after RFC 4271 §4.2 and §4.4.
var (
	bgpOpen      = tcp(179, C(bgpMarker+"\x00\x1d\x01\x04\xfd\xe9\x00\xb4\xc0\x00\x02\x01\x00"))
	bgpKeepalive = tcp(179, C(bgpMarker+"\x00\x13\x04"))
)

func TestBGP(t *testing.T) {
	wantProtocol(t, bgpOpen, "bgp", `"message":"open"`, `"autonomous_system":65001`, `"router_id":"192.0.2.1"`)
	wantProtocol(t, bgpKeepalive, "bgp", `"message":"keepalive"`)
	wantNot(t, tcp(179, C(bgpMarker+"\x00\x1d\x01\x03\xfd\xe9\x00\xb4\xc0\x00\x02\x01\x00")), "bgp")
	wantNot(t, tcp(179, C(bgpMarker+"\xff\xff\xff")), "bgp")
	testTruncations(t, "bgp", bgpOpen, 29)
	testTruncations(t, "bgp", bgpKeepalive, 19)
	wantNoAllocations(t, "bgp", bgpOpen)
}

func FuzzBGP(f *testing.F) { fuzzTalks(f, "bgp", bgpOpen, bgpKeepalive) }
