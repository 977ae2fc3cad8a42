// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// tsData is packets built by hand: sync, PID 0x100, payload only, counter, payload.
func tsData(packets int) string {
	return strings.Repeat("47010010"+strings.Repeat("ff", 184), packets)
}

var (
	tsSeven  = udp(1234, CX(tsData(7)))
	tsSingle = udp(1234, CX(tsData(1)), CX(tsData(1)), CX(tsData(1)), CX(tsData(1)), CX(tsData(1)))
)

func TestMPEGTS(t *testing.T) {
	wantProtocol(t, tsSeven, "mpeg-ts")
	wantProtocol(t, tsSingle, "mpeg-ts")
	wantNot(t, udp(1234, CX(tsData(4))), "mpeg-ts")
	wantNot(t, udp(1234, CX(tsData(7)+"00")), "mpeg-ts")
	wantNot(t, udp(1234, CX(tsData(1)+strings.Replace(tsData(6), "47010010", "47010000", 1))), "mpeg-ts")
	for _, k := range []talk{tsSeven, tsSingle} {
		testTruncations(t, "mpeg-ts", k, 5*188)
		wantNoAllocations(t, "mpeg-ts", k)
	}
}

func FuzzMPEGTS(f *testing.F) { fuzzTalks(f, "mpeg-ts", tsSeven, tsSingle) }
