// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// sealed returns n bytes that look like ciphertext, for messages built by hand.
func sealed(n int) string {
	var s strings.Builder
	x := uint32(2463534242)
	for range n {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		s.WriteByte(byte(x >> 8))
	}
	return s.String()
}

// Built by hand from the paper's figures in §5.4.
var (
	wireguardFirst  = "\x01\x00\x00\x00" + "\x11\x22\x33\x44" + sealed(124) + strings.Repeat("\x00", 16)
	wireguardSecond = "\x02\x00\x00\x00" + "\x55\x66\x77\x88\x11\x22\x33\x44" + sealed(64) + strings.Repeat("\x00", 16)
	wireguardOpen   = udp(51820, C(wireguardFirst), S(wireguardSecond))
	wireguardLoaded = udp(443, C(wireguardFirst[:132]+sealed(16)), S("\x03\x00\x00\x00\x11\x22\x33\x44"+sealed(56)))
	wireguardMarked = udp(2408, C("\x01abc"+wireguardFirst[4:]), S("\x02abc"+wireguardSecond[4:]))
	wireguardMoving = udp(7777, C("\x04\x00\x00\x00\x11\x22\x33\x44\x05\x01\x00\x00\x00\x00\x00\x00"+sealed(48)),
		S("\x04\x00\x00\x00\x99\x22\x33\x44\x09\x00\x00\x00\x00\x00\x00\x00"+sealed(16)),
		C("\x04\x00\x00\x00\x11\x22\x33\x44\x06\x01\x00\x00\x00\x00\x00\x00"+sealed(80)),
		C("\x04\x00\x00\x00\x11\x22\x33\x44\x07\x01\x00\x00\x00\x00\x00\x00"+sealed(16)))
)

func TestWireguard(t *testing.T) {
	for _, k := range []talk{wireguardOpen, wireguardLoaded, wireguardMarked, wireguardMoving} {
		wantProtocol(t, k, "wireguard")
		testTruncations(t, "wireguard", k, wireguardInitiation)
		wantNoAllocations(t, "wireguard", k)
	}
	wantProtocol(t, udp(51820, S(wireguardSecond)), "wireguard")
	wantNot(t, udp(51820, C("\x01\x00\x00\x00"+strings.Repeat("\x00", 144))), "wireguard")
	wantNot(t, udp(51820, C("\x01abc"+wireguardFirst[4:]), S("\x02abc"+strings.Repeat("\x07", 88))), "wireguard")
	wantNot(t, udp(51820, C("\x04\x00\x00\x00"+sealed(28)), C("\x04\x00\x00\x00"+sealed(28)),
		C("\x04\x00\x00\x00"+sealed(28))), "wireguard")
}

func FuzzWireguard(f *testing.F) {
	fuzzTalks(f, "wireguard", wireguardOpen, wireguardLoaded, wireguardMoving)
}
