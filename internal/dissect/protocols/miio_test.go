// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand: the hello to everybody, and an answer.
var miioHello = udp(54321, CX("2131 0020 ffffffff ffffffff ffffffff ffffffffffffffffffffffffffffffff"))

func TestMiIO(t *testing.T) {
	if h := wantProtocol(t, miioHello, "miio"); h.Application != "xiaomi" {
		t.Errorf("application %q", h.Application)
	}
	wantProtocol(t, udp(4000, CX("2131 0020 00000000 0102a0b0 00000010 00000000000000000000000000000000")), "miio",
		`"device_id":"0102a0b0"`)
	wantNot(t, udp(54321, CX("2131 0021 ffffffff ffffffff ffffffff ffffffffffffffffffffffffffffffff")), "miio")
	testTruncations(t, "miio", miioHello, 32)
	wantNoAllocations(t, "miio", miioHello)
}

func FuzzMiIO(f *testing.F) { fuzzTalks(f, "miio", miioHello) }
