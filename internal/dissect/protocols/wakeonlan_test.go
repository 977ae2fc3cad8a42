// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// The packet is built after AMD's white paper.
var wakeTalk = udp(9, CX("ffffffffffff"+strings.Repeat("02005e100001", 16)))

func TestWakeOnLAN(t *testing.T) {
	wantProtocol(t, wakeTalk, "wake-on-lan", `"mac":"02:00:5e:10:00:01"`)
	wantNot(t, udp(9, CX("ffffffffffff"+strings.Repeat("02005e100001", 15)+"02005e100002")), "wake-on-lan")
	wantNot(t, udp(9, CX(strings.Repeat("ff", 102))), "wake-on-lan")
	testTruncations(t, "wake-on-lan", wakeTalk, 102)
	wantNoAllocations(t, "wake-on-lan", wakeTalk)
}

func FuzzWakeOnLAN(f *testing.F) { fuzzTalks(f, "wake-on-lan", wakeTalk) }
