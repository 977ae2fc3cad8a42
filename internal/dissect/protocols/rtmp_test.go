// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The handshake is built by hand after the figures of RTMP 1.0 §5.2, connect after §7.2.1.1.
var (
	rtmpC1      = "00000001 00000000" + strings.Repeat("c1", 1528)
	rtmpS1      = "00000002 00000000" + strings.Repeat("51", 1528)
	rtmpConnect = C("\x03\x00\x00\x00\x00\x00\x40\x14\x00\x00\x00\x00\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00" +
		"\x00\x00\x03" +
		"\x00\x03app\x02\x00\x04live\x00\x05tcUrl\x02\x00\x18rtmp://198.51.100.1/live\x00\x00\x09")
	rtmpSigned = tcp(1935, CX("03 00000001 09007c02"+strings.Repeat("c1", 1528)),
		SX("03 00000001 03000101"+strings.Repeat("51", 1528)+strings.Repeat("aa", 1536)),
		CX(strings.Repeat("bb", 1536)), rtmpConnect)
	rtmpTalk = tcp(1935, CX("03"+rtmpC1), SX("03"+rtmpS1+rtmpC1), CX(rtmpS1), rtmpConnect)
)

func TestRTMP(t *testing.T) {
	wantProtocol(t, rtmpTalk, "rtmp", `"app":"live"`, `"url":"rtmp://198.51.100.1/live"`)
	wantNot(t, tcp(1935, CX("03"+rtmpC1), SX("03"+rtmpS1)), "rtmp")
	wantNot(t, tcp(1935, CX("03"+rtmpC1), SX("06"+rtmpS1+rtmpC1), CX(rtmpS1), rtmpConnect), "rtmp")
	wantNot(t, tcp(1935, CX("03"+rtmpC1), SX("03"+rtmpS1+strings.Repeat("77", 1536)), CX(strings.Repeat("66", 1536)),
		rtmpConnect), "rtmp")
	wantProtocol(t, rtmpSigned, "rtmp", `"app":"live"`)
	wantNot(t, tcp(1935, rtmpSigned.Says[0], rtmpSigned.Says[1], CX(strings.Repeat("bb", 1600))), "rtmp")
	testTruncations(t, "rtmp", rtmpTalk, 9999)
	wantNoAllocations(t, "rtmp", rtmpTalk)
}

func FuzzRTMP(f *testing.F) { fuzzTalks(f, "rtmp", rtmpTalk) }
