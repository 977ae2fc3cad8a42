// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// Built by hand from chapter 2 of the library's volume 2.
var (
	enipRegister = tcp(44818, CX("6500 0400 00000000 00000000 0000000000000000 00000000 01000000"))
	enipIdentity = udp(44818, CX("6300 0000 00000000 00000000 0000000000000000 00000000"))
	cipInput     = udp(2222, CX("0200 0280 0800 01020304 01000000 b100 0400 01000000"))
)

func TestEthernetIP(t *testing.T) {
	wantProtocol(t, enipRegister, "ethernet-ip", `"command":101`)
	wantProtocol(t, enipIdentity, "ethernet-ip", `"command":99`)
	wantNot(t, tcp(44818, CX("6500 0400 00000000 00000000 0000000000000000 00000001 01000000")), "ethernet-ip")
	testTruncations(t, "ethernet-ip", enipRegister, 28)
	wantNoAllocations(t, "ethernet-ip", enipRegister)
}

func TestCIP(t *testing.T) {
	wantProtocol(t, cipInput, "cip")
	wantNot(t, udp(2222, CX("0200 0280 0800 01020304 01000000 b100 0500 01000000")), "cip")
	testTruncations(t, "ethernet-ip", cipInput, 22)
	wantNoAllocations(t, "ethernet-ip", cipInput)
}

func FuzzEthernetIP(f *testing.F) { fuzzTalks(f, "ethernet-ip", enipRegister, enipIdentity, cipInput) }
