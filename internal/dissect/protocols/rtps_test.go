// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from §9.4: a header and a time stamp.
var rtpsData = udp(7400, CX("52545053 0203 010f 010203040506070809101112 09 01 0800 0000000000000000"))

func TestRTPS(t *testing.T) {
	wantProtocol(t, rtpsData, "rtps", `"version":2`, `"vendor_id":271`)
	wantProtocol(t, udp(7410, C("RTPS\x02\x01\x01\x01NDDSPING")), "rtps") // RTI's ping, from an unknown participant
	wantNot(t, udp(7400, C("RTPSESSION of the year ")), "rtps")
	testTruncations(t, "rtps", rtpsData, rtpsHeader)
	wantNoAllocations(t, "rtps", rtpsData)
}

func FuzzRTPS(f *testing.F) { fuzzTalks(f, "rtps", rtpsData) }
