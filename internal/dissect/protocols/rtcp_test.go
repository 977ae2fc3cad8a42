// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

var (
	rtcpPair = udp(40001, CX(rtcpSenderReport+rtcpDescription))
	rtcpThen = udp(40000, CX("80c90001 00001234"), CX(rtpPacket(0, 7, 0x1234)), CX(rtpPacket(0, 8, 0x1234)),
		CX(rtpPacket(0, 9, 0x1234)))
	srtcpPair = udp(40001, CX("80c90001 00001234 80000001 0102030405060708090a"),
		CX("80c90001 00001234 80000002 0102030405060708090a"),
		CX("80c90001 00001234 80000003 0102030405060708090a"))
)

func TestRTCP(t *testing.T) {
	wantProtocol(t, rtcpPair, "rtcp")
	wantProtocol(t, srtcpPair, "rtcp")
	wantProtocol(t, rtcpThen, "rtp", `"payload_type":0`)
	wantNot(t, udp(40001, CX("80c90001 00001234")), "rtcp")
	wantNot(t, udp(40001, CX(rtcpSenderReport+rtcpDescription+"00")), "rtcp")
	wantNot(t, udp(40001, CX("80c80001 00001234"+rtcpDescription)), "rtcp")
	wantNot(t, udp(40001, CX(rtcpSenderReport+"01ca0003 00001234 0104616263640000")), "rtcp")
	for _, k := range []talk{rtcpPair, srtcpPair, rtcpThen} {
		testTruncations(t, "rtcp", k, 36)
		wantNoAllocations(t, "rtcp", k)
	}
}

func FuzzRTCP(f *testing.F) { fuzzTalks(f, "rtcp", rtcpPair, srtcpPair, rtcpThen) }
