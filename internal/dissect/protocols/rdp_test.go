// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"slices"
	"testing"
)

// The first two messages are MS-RDPBCGR §4.1.1 and §4.1.2.
var (
	rdpLogin = tcp(3389,
		CX("0300002c 27 e0 0000 0000 00 436f6f6b69653a206d737473686173683d656c746f6e730d0a 01 00 0800 00000000"),
		SX("03000013 0e d0 0000 1234 00 02 00 0800 00000000"))
	rdpTLS = tcp(3390, CX("03000013 0e e0 0000 0000 00 01 00 0800 0b000000"),
		SX("03000013 0e d0 0000 1234 00 02 1f 0800 02000000"),
		CX("1603010005 0100000100"))
	rdpSYN = udp(3389, C(slices.Concat(unhex("ffffffff 0040 1001 00000001 04d0 04d0"), make([]byte, 1216))))
)

func TestRDP(t *testing.T) {
	wantProtocol(t, rdpLogin, "rdp", `"user":"eltons"`, `"requested_protocols":0`)
	wantProtocol(t, rdpTLS, "rdp", `"selected_protocol":2`)
	wantProtocol(t, tcp(1, S(rdpTLS.Says[1].Bytes)), "rdp")
	wantProtocol(t, rdpSYN, "rdp")
	wantNot(t, tcp(102, CX("03000016 11 e0 0000 0001 00 c0010a c1020100 c2020102")), "rdp")
	wantNot(t, tcp(3389, CX("0300000b 06 e0 0000 0000 00"), SX("0300000b 06 d0 0000 1234 00")), "rdp")
	wantNot(t, udp(3389, CX("ffffffff 0040 1001 00000001 04d0 04d0")), "rdp")
	testTruncations(t, "rdp", rdpLogin, 44)
	testTruncations(t, "rdp", rdpTLS, 19)
	testTruncations(t, "rdp", rdpSYN, 1132)
	wantNoAllocations(t, "rdp", rdpLogin)
	wantNoAllocations(t, "rdp", rdpTLS)
}

func FuzzRDP(f *testing.F) { fuzzTalks(f, "rdp", rdpLogin, rdpTLS) }
