// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand: one frame.
var canFrame = udp(11898, C("ISO11898\x01\x01\x00\x00\x00\x01\x23\x02\x01\x02"))

func TestCANOverIP(t *testing.T) {
	wantProtocol(t, canFrame, "can-over-ip", `"version":1`)
	wantNot(t, udp(11898, C("ISO11897\x01\x01\x00")), "can-over-ip")
	testTruncations(t, "can-over-ip", canFrame, 11)
	wantNoAllocations(t, "can-over-ip", canFrame)
}

func FuzzCANOverIP(f *testing.F) { fuzzTalks(f, "can-over-ip", canFrame) }
