// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from chapter 2 of the library's volume 2.
var (
	enipRegister = tcp(44818, CX("6500 0400 00000000 00000000 0000000000000000 00000000 01000000"))
	enipIdentity = udp(44818, CX("6300 0000 00000000 00000000 0000000000000000 00000000"))
)

func TestEthernetIP(t *testing.T) {
	wantProtocol(t, enipRegister, "ethernet-ip", `"command":101`)
	wantProtocol(t, enipIdentity, "ethernet-ip", `"command":99`)
	wantNot(t, tcp(44818, CX("6500 0400 00000000 00000000 0000000000000000 00000001 01000000")), "ethernet-ip")
	testTruncations(t, "ethernet-ip", enipRegister, 28)
	wantNoAllocations(t, "ethernet-ip", enipRegister)
}

func FuzzEthernetIP(f *testing.F) { fuzzTalks(f, "ethernet-ip", enipRegister, enipIdentity, cipInput) }
