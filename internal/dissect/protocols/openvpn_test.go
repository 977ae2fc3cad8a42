// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the wire protocol's description; 65000000 is a time in 2023.
var (
	openvpnClear = udp(1194, CX("38 0102030405060708 00 00000000"),
		SX("40 1112131415161718 01 00000000 0102030405060708 00000000"))
	openvpnSHA1 = udp(443, C("\x38\x01\x02\x03\x04\x05\x06\x07\x08"+sealed(20)+"\x00\x00\x00\x01\x65\x00\x00\x00"+
		"\x00\x00\x00\x00\x00"),
		S("\x40\x11\x02\x03\x04\x05\x06\x07\x08"+sealed(20)+"\x00\x00\x00\x01\x65\x00\x00\x00"+
			"\x01\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x00"))
	openvpnCrypt = udp(4000, C("\x38\x01\x02\x03\x04\x05\x06\x07\x08"+"\x00\x00\x00\x01\x65\x00\x00\x00"+sealed(37)),
		S("\x40\x11\x02\x03\x04\x05\x06\x07\x08"+"\x00\x00\x00\x01\x65\x00\x00\x00"+sealed(49)))
	openvpnCryptV2 = udp(4000, C("\x50\x01\x02\x03\x04\x05\x06\x07\x08"+"\x00\x00\x00\x01\x65\x00\x00\x00"+
		sealed(32+5+288)+"\x01\x22"))
	openvpnTCP = tcp(443, CX("000e 38 0102030405060708 00 00000000"),
		SX("001a 40 1112131415161718 01 00000000 0102030405060708 00000000"))
)

func TestOpenVPN(t *testing.T) {
	wantProtocol(t, openvpnClear, "openvpn", `"wrapping":"none"`)
	wantProtocol(t, openvpnSHA1, "openvpn", `"wrapping":"tls-auth"`, `"session":"0102030405060708"`)
	wantProtocol(t, openvpnCrypt, "openvpn", `"wrapping":"tls-crypt"`)
	wantProtocol(t, openvpnCryptV2, "openvpn", `"wrapping":"tls-crypt-v2"`)
	wantProtocol(t, openvpnTCP, "openvpn")
	wantProtocol(t, udp(1194, S(openvpnClear.Says[1].Bytes)), "openvpn")
	split := tcp(443, C(openvpnTCP.Says[0].Bytes[:9]), C(openvpnTCP.Says[0].Bytes[9:]), S(openvpnTCP.Says[1].Bytes))
	wantProtocol(t, split, "openvpn")
	wantNot(t, udp(1194, CX("38 0102030405060708 00 00000001")), "openvpn")
	wantNot(t, udp(1194, CX("38 0000000000000000 00 00000000")), "openvpn")
	wantNot(t, tcp(443, CX("000f 38 0102030405060708 00 00000000 00")), "openvpn")
	wantNot(t, udp(1194, C("\x38"+sealed(53))), "openvpn")
	for _, k := range []talk{openvpnClear, openvpnSHA1, openvpnCrypt, openvpnCryptV2, openvpnTCP} {
		testTruncations(t, "openvpn", k, 14)
		wantNoAllocations(t, "openvpn", k)
	}
}

func FuzzOpenVPN(f *testing.F) {
	fuzzTalks(f, "openvpn", openvpnClear, openvpnSHA1, openvpnCrypt, openvpnCryptV2)
}

func FuzzOpenVPNStream(f *testing.F) { fuzzTalks(f, "openvpn", openvpnTCP) }
