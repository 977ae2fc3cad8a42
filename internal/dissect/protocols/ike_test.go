// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from RFC 2408 §3, RFC 7296 §3 and RFC 3948 §2.
var (
	ikeInit2 = udp(500, CX("0102030405060708 0000000000000000 21 20 22 08 00000000 00000050"+
		"22000014 000102030405060708090a0b0c0d0e0f"+"28000008 000e0000"+"2b00000c aabbccddeeff0011"+
		"0000000c 4f45755c645c6a79"))
	ikeAuth2 = udp(4500, CX("00000000 0102030405060708 1112131415161718 2e 20 23 08 00000001 00000030"+
		"29000014 aabbccddeeff00112233445566778899"))
	ikeMain1 = udp(500, CX("0102030405060708 0000000000000000 01 10 02 00 00000000 0000003c"+
		"0d00000c 0000000100000001"+"00000014 4a131c81070358455c5728f20e95452f"))
	ikeQuick1 = udp(500, CX("0102030405060708 1112131415161718 08 10 20 01 12345678 0000002c"+
		"aabbccddeeff00112233445566778899"))
	ikeTCP   = tcp(4500, C("IKETCP\x00\x20"))
	espInUDP = udp(4500, CX("ff"), C("\xc0\xff\xee\x01\x00\x00\x01\x07"+sealed(72)),
		C("\xc0\xff\xee\x01\x00\x00\x01\x08"+sealed(80)[8:]))
)

func TestIKE(t *testing.T) {
	wantProtocol(t, ikeInit2, "ike", `"version":2`, `"exchange":"ike-sa-init"`, `"vendor_id":"4f45755c645c6a79"`)
	wantProtocol(t, ikeAuth2, "ike", `"exchange":"ike-auth"`, `"responder_spi":"1112131415161718"`)
	wantProtocol(t, ikeMain1, "ike", `"version":1`, `"exchange":"main"`, `"vendor_id":"4a131c81`)
	wantProtocol(t, ikeQuick1, "ike", `"exchange":"quick"`)
	wantProtocol(t, ikeTCP, "ike")
	// Reserved bits of the flags and of a payload, a payload of private use, and a minor version (RFC 7296 §2.5, §3.1,
	// §3.2).
	wantProtocol(t, udp(500, CX("0102030405060708 0000000000000000 21 23 22 cf 00000000 00000050"+
		"227f0014 000102030405060708090a0b0c0d0e0f"+"c8000008 000e0000"+"2b00000c aabbccddeeff0011"+
		"0000000c 4f45755c645c6a79")), "ike")
	wantProtocol(t, espInUDP, "esp", `"spi":"c0ffee01"`)
	wantNot(t, udp(500, CX("0102030405060708 0000000000000000 01 10 02 00 00000000 0000003d 0d00000c "+
		"0000000100000001 00000014 4a131c81070358455c5728f20e95452f")), "ike")
	wantNot(t, udp(500, CX("0102030405060708 0000000000000000 01 10 02 00 00000000 0000003c 0d00000d "+
		"0000000100000001 00000014 4a131c81070358455c5728f20e95452f")), "ike")
	wantNot(t, udp(4500, C("\xc0\xff\xee\x01\x00\x00\x01\x07"+sealed(72)), C("\xc0\xff\xee\x01\x00\x00\x11\x08"+
		sealed(80)[8:])), "esp")
	wantNot(t, udp(4500, C("\xc0\xff\xee\x01\x00\x00\x01\x07"+sealed(72)), C("\xc0\xff\xee\x01\x00\x00\x01\x08"+
		sealed(72))), "esp")
	for _, k := range []talk{ikeInit2, ikeAuth2, ikeMain1, ikeQuick1, espInUDP} {
		testTruncations(t, "ike", k, 28)
		wantNoAllocations(t, "ike", k)
	}
}

func FuzzIKE(f *testing.F) { fuzzTalks(f, "ike", ikeInit2, ikeAuth2, ikeMain1, ikeQuick1, espInUDP) }
