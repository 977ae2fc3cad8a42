// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"strings"
	"testing"
)

// Built by hand from the specification's §6.2.1 and §6.4.1.
var (
	edonkeyHello = tcp(4662, CX("e3 2b000000 01 10 000102030e0405060708090a0b6f0c0d 01020304 3612 01000000"+
		"02 0100 01 0600 736f6d656f6e"+"00000000 0000"))
	edonkeyLogin = tcp(4661, CX("e3 24000000 01 000102030e0405060708090a0b6f0c0d 00000000 3612 01000000"+
		"02 0100 01 0200 6162"))
	edonkeyKadem = udp(4672, CX("e4 21 0b 000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f"),
		SX("e4 29 000102030405060708090a0b0c0d0e0f 01 202122232425262728292a2b2c2d2e2f 01020304 3612 3612 08"))
	edonkeyState = udp(4665, CX("e3 96 01020304"), SX("e3 97 01020304 10000000 20000000"))
)

func TestEdonkey(t *testing.T) {
	wantProtocol(t, edonkeyHello, "edonkey", `"user_hash":"000102030e`)
	wantProtocol(t, edonkeyLogin, "edonkey", `"user_hash":"000102030e`)
	wantProtocol(t, edonkeyKadem, "edonkey")
	wantProtocol(t, edonkeyState, "edonkey")
	contact := strings.Repeat("202122232425262728292a2b2c2d2e2f 01020304 3612 3612 08", 3)
	wantProtocol(t, udp(4672, SX("e4 29 000102030405060708090a0b0c0d0e0f 03"+contact)), "edonkey")
	wantNot(t, tcp(4662, CX("e3 2b000000 01 10 000102030e0405060708090a0b6f0c0d 01020304 3612 01000000 02 0200 01 "+
		"0600 736f6d656f6e")), "edonkey")
	wantNot(t, tcp(4662, CX("e3 2b0000ff 01 10 000102030e0405060708090a0b6f0c0d 01020304 3612 01000000 02 0100 01 "+
		"0600 736f6d656f6e")), "edonkey")
	wantNot(t, udp(4672, edonkeyKadem.Says[0], SX("e4 29 ff0102030405060708090a0b0c0d0e0f 01 "+
		"202122232425262728292a2b2c2d2e2f 01020304 3612 3612 08")), "edonkey")
	wantNot(t, udp(4665, CX("e3 96 01020304"), SX("e3 97 01020305 10000000 20000000")), "edonkey")
	for _, k := range []talk{edonkeyHello, edonkeyLogin, edonkeyKadem, edonkeyState} {
		testTruncations(t, "edonkey", k, 30)
		wantNoAllocations(t, "edonkey", k)
	}
}

func FuzzEdonkey(f *testing.F) { fuzzTalks(f, "edonkey", edonkeyHello, edonkeyLogin) }

func FuzzEdonkeyDatagrams(f *testing.F) { fuzzTalks(f, "edonkey", edonkeyKadem, edonkeyState) }
