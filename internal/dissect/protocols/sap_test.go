// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The header is that of RFC 2974 §3, the description that of RFC 8866 §5.
const sapSDP = "v=0\r\no=jdoe 2890844526 2890842807 IN IP4 198.51.100.1\r\ns=SDP Seminar\r\n"

var (
	sapAnnounce = udp(9875, C("\x20\x00\x12\x34\xc0\x00\x02\x01application/sdp\x00"+sapSDP))
	sapPlain    = udp(9875, C("\x20\x01\x12\x34\xc0\x00\x02\x01auth"+sapSDP))
	sapDelete   = udp(9875, C("\x24\x00\x12\x34\xc0\x00\x02\x01o=jdoe 2890844526 2890842807 IN IP4 198.51.100.1\r\n"))
)

func TestSAP(t *testing.T) {
	wantProtocol(t, sapAnnounce, "sap", `"session":"SDP Seminar"`, `"deletion":false`)
	wantProtocol(t, sapPlain, "sap", `"session":"SDP Seminar"`)
	wantProtocol(t, sapDelete, "sap", `"deletion":true`)
	wantNot(t, udp(9875, C("\x40\x00\x12\x34\xc0\x00\x02\x01application/sdp\x00"+sapSDP)), "sap")
	wantNot(t, udp(9875, C("\x20\x00\x12\x34\xc0\x00\x02\x01v=1 something")), "sap")
	for _, k := range []talk{sapAnnounce, sapPlain, sapDelete} {
		testTruncations(t, "sap", k, 10)
		wantNoAllocations(t, "sap", k)
	}
}

func FuzzSAP(f *testing.F) { fuzzTalks(f, "sap", sapAnnounce, sapPlain, sapDelete) }
