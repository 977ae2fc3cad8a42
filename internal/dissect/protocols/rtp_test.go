// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// All packets are built by hand after the figures of RFC 3550 §5.1 and §6.4.
const (
	rtcpSenderReport = "80c80006 00001234 e0000000 00000000 00000010 00000001 000000a0"
	rtcpDescription  = "81ca0003 00001234 0104616263640000"
)

func rtpTalk(over dissect.Transport, packets ...string) talk {
	k := talk{Over: over, ServerPort: 40000}
	for _, p := range packets {
		if over == dissect.TCP {
			p = fmt.Sprintf("%04x", len(unhex(p))) + p
		}
		k.Says = append(k.Says, CX(p))
	}
	return k
}

var (
	rtpOneWay = rtpTalk(dissect.UDP, rtpPacket(0, 7, 0x1234), rtpPacket(0, 8, 0x1234), rtpPacket(0, 10, 0x1234))
	rtpBoth   = udp(40000, CX(rtpPacket(8, 65535, 0x1234)), SX(rtpPacket(8, 9, 0x5678)),
		CX(rtpPacket(8, 65536, 0x1234)), SX(rtpPacket(8, 10, 0x5678)))
	rtpFramed = rtpTalk(dissect.TCP, rtpPacket(96, 7, 0x1234), rtpPacket(96, 8, 0x1234), rtpPacket(96, 9, 0x1234))
)

func TestRTP(t *testing.T) {
	wantProtocol(t, rtpOneWay, "rtp", `"payload_type":0`)
	wantProtocol(t, rtpBoth, "rtp", `"payload_type":8`)
	wantProtocol(t, rtpFramed, "rtp", `"payload_type":96`)
	nobody := rtpTalk(dissect.TCP)
	for i := range rtpRowNobody {
		nobody.Says = append(nobody.Says, rtpTalk(dissect.TCP, rtpPacket(8, i, 0)).Says...)
	}
	wantProtocol(t, nobody, "rtp", `"payload_type":8`)
	for name, k := range map[string]talk{
		"one packet":            rtpTalk(dissect.UDP, rtpPacket(0, 7, 0x1234)),
		"two of one direction":  rtpTalk(dissect.UDP, rtpPacket(0, 7, 0x1234), rtpPacket(0, 8, 0x1234)),
		"three sources":         rtpTalk(dissect.UDP, rtpPacket(0, 7, 1), rtpPacket(0, 8, 2), rtpPacket(0, 9, 3)),
		"the same packet again": rtpTalk(dissect.UDP, rtpPacket(0, 7, 1), rtpPacket(0, 7, 1), rtpPacket(0, 7, 1)),
		"sequence going back":   rtpTalk(dissect.UDP, rtpPacket(0, 9, 1), rtpPacket(0, 8, 1), rtpPacket(0, 7, 1)),
		"payload type of RTCP": rtpTalk(dissect.UDP, rtpPacket(72, 7, 1), rtpPacket(72, 8, 1),
			rtpPacket(72, 9, 1)),
		"source 0": rtpTalk(dissect.UDP, rtpPacket(0, 7, 0), rtpPacket(0, 8, 0), rtpPacket(0, 9, 0)),
		"something else in between": rtpTalk(dissect.UDP, rtpPacket(0, 7, 1), "ff"+strings.Repeat("00", 40),
			rtpPacket(0, 8, 1), rtpPacket(0, 9, 1)),
		"extension past the end": rtpTalk(dissect.UDP, "9000000100000000000000010001ffff00",
			"9000000200000000000000010001ffff00", "9000000300000000000000010001ffff00"),
	} {
		if h := listen(t, k); h.Protocol == "rtp" {
			t.Errorf("%s is named rtp", name)
		}
	}
	for _, k := range []talk{rtpOneWay, rtpBoth, rtpFramed} {
		testTruncations(t, "rtp", k, 999)
		wantNoAllocations(t, "rtp", k)
	}
}

func FuzzRTP(f *testing.F) { fuzzTalks(f, "rtp", rtpOneWay, rtpBoth) }
