// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The handshakes are built by hand after the draft's figures 3 and 5: induction, request and response.
const srtRest = "00000001 000005dc 00002000 00000001 0000abcd"

var srtTalk = udp(9000, CX("80000000 00000000 00000001 00000000 00000004 0000 0002"+srtRest+"00000000 0100007f"+
	strings.Repeat("00", 12)),
	SX("80000000 00000000 00000001 0000abcd 00000005 0000 4a17"+srtRest+"11223344 0100007f"+strings.Repeat("00", 12)))

func TestSRT(t *testing.T) {
	wantProtocol(t, srtTalk, "srt", `"version":4`)
	wantProtocol(t, udp(9000, srtTalk.Says[1]), "srt", `"version":5`)
	wantNot(t, udp(9000, CX("80000000 00000000 00000001 00000000 00000004 0000 0001"+srtRest+"00000000 0100007f"+
		strings.Repeat("00", 12))), "srt")
	testTruncations(t, "srt", srtTalk, 64)
	wantNoAllocations(t, "srt", srtTalk)
}

func FuzzSRT(f *testing.F) { fuzzTalks(f, "srt", srtTalk) }
