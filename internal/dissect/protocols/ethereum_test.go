// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specification's field tables.
var (
	ethereumPing = udp(30303, C(sealed(96)+"\x00\x01"+string(unhex("db 04 c9 840102030482765f80 c9 "+
		"840102030582765f80 8465000000 05"))))
	ethereumFind  = udp(30303, C(sealed(96)+"\x01\x03\xf8\x47\xb8\x40"+sealed(64)+"\x84\x65\x00\x00\x00"))
	rlpxHandshake = tcp(30303, C("\x01\x40\x04"+sealed(0x13f)), S("\x01\x30\x04"+sealed(0x12f)))
	ethereumPong  = udp(30303, C(sealed(96)+"\x01\x02\xf0\xc9\x84\x01\x02\x03\x04\x82\x76\x5f\x80\xa0"+sealed(32)+
		"\x84\x65\x00\x00\x00"))
)

// ethereumOthers are a ping of another version with more elements and bytes behind the list (EIP-8), a list of nodes,
// and both messages of EIP-868.
var ethereumOthers = []talk{
	udp(30303, C(sealed(96)+"\x00\x01"+string(unhex("e0 05 cb 84c000020a82765f82765f cb 84c000020b82765f82765f "+
		"8465000000 05 ffff")))),
	udp(30303, C(sealed(96)+"\x01\x04\xf8\x55\xf8\x4d\xf8\x4b\x84\x01\x02\x03\x04\x82\x76\x5f\x80\xb8\x40"+sealed(64)+
		"\x84\x65\x00\x00\x00\x05\x00")),
	udp(30303, C(sealed(96)+"\x00\x05\xc5\x84\x65\x00\x00\x00")),
	udp(30303, C(sealed(96)+"\x00\x06\xe4\xa0"+sealed(32)+"\xc2\x01\x02")),
}

func TestEthereum(t *testing.T) {
	wantProtocol(t, ethereumPing, "ethereum", `"packet_type":1`)
	wantProtocol(t, ethereumFind, "ethereum")
	wantProtocol(t, ethereumPong, "ethereum")
	for _, k := range ethereumOthers {
		wantProtocol(t, k, "ethereum")
		testTruncations(t, "ethereum", k, 99)
	}
	wantNot(t, udp(30303, C(sealed(96)+"\x00\x05\xc4\x84\x65\x00\x00\x00")), "ethereum")
	wantNot(t, udp(30303, C(sealed(96)+"\x00\x07\xc5\x84\x65\x00\x00\x00")), "ethereum")
	wantNot(t, udp(30303, C(sealed(96)+"\x01\x03\xf8\x48\xb8\x40"+sealed(64)+"\x84\x65\x00\x00\x00")), "ethereum")
	testTruncations(t, "ethereum", ethereumFind, 24)
	testTruncations(t, "ethereum", ethereumPing, 99)
	testTruncations(t, "ethereum", ethereumPong, 99)
	wantNoAllocations(t, "ethereum", ethereumFind)
}

func TestRLPx(t *testing.T) {
	wantProtocol(t, rlpxHandshake, "ethereum")
	wantNot(t, tcp(30303, rlpxHandshake.Says[0], S("\x01\x31\x04"+sealed(0x12f))), "ethereum")
	testTruncations(t, "ethereum", rlpxHandshake, 999)
	wantNoAllocations(t, "ethereum", rlpxHandshake)
}

func FuzzRLPx(f *testing.F) { fuzzTalks(f, "ethereum", rlpxHandshake) }
func FuzzEthereum(f *testing.F) {
	fuzzTalks(f, "ethereum", append(ethereumOthers, ethereumPing, ethereumFind, ethereumPong)...)
}
