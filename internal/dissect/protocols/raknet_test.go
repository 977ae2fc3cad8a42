// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// Built by hand from RakNet's message layouts.
var (
	raknetOpen = udp(19132, C("\x05"+raknetMagic+"\x0b"+strings.Repeat("\x00", 60)),
		S("\x06"+raknetMagic+"\x00\x01\x02\x03\x04\x05\x06\x07\x00\x05\xd4"))
	raknetShifted = udp(53385, C("\x7b"+raknetMagic+"\x05"+strings.Repeat("\x00", 990)))
	raknetPing    = udp(19132, C("\x01\x00\x00\x00\x00\x00\x00\x12\x34"+raknetMagic+"\x00\x01\x02\x03\x04\x05\x06\x07"))
	raknetPong    = udp(40000, S("\x1c\x00\x00\x00\x00\x00\x00\x12\x34\x00\x01\x02\x03\x04\x05\x06\x07"+raknetMagic+
		"\x00\x04MCPE"))
	raknetData = udp(40000, CX("84 020000 00 0048 00000000000013aabb"), SX("c0 0001 01 020000"),
		CX("84 030000 60 0010 050000 010000 00 aabb 00 0008 cc"), SX("84 070000 40 0008 010000 15"))
)

func TestRaknet(t *testing.T) {
	wantProtocol(t, raknetOpen, "raknet", `"version":11`)
	wantProtocol(t, raknetPing, "raknet")
	wantProtocol(t, raknetPong, "raknet")
	wantProtocol(t, raknetData, "raknet")
	wantProtocol(t, raknetShifted, "raknet", `"version":5`)
	wantProtocol(t, udp(40000, S("\x7e"+raknetMagic+"\x01\x02\x03\x04\x05\x06\x07\x08\x00\x05\x74")), "raknet")
	wantNot(t, udp(19132, C("\x05\x00\xff\xff\x00\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x79\x0b")), "raknet")
	bad := CX("84 020000 00 0050 00000000000013aabb")
	wantNot(t, udp(40000, bad, bad, bad, bad, bad), "raknet")
	for _, k := range []talk{raknetOpen, raknetShifted, raknetPing, raknetPong, raknetData} {
		testTruncations(t, "raknet", k, 17)
		wantNoAllocations(t, "raknet", k)
	}
}

func FuzzRaknet(f *testing.F) {
	fuzzTalks(f, "raknet", raknetOpen, raknetShifted, raknetPing, raknetData)
}
