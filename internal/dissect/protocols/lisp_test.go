// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after RFC 9300 §5.1 and RFC 9301 §5.6.
var (
	lispData     = udp(4341, CX("80 123456 00000001 45000014 00000000 40060000 c0000201 c0000202"))
	lispSession  = tcp(4342, CX("0011 0010 00000001 aabbccdd 9facade9"))
	lispRegister = udp(4342, CX("38 000101 0102030405060708 0001 0014 00112233445566778899aabbccddeeff00112233 "+
		"000005a0 01 20 1000 0000 0001 c0000201 01640a32 0005 0001 c0000202"))
)

func TestLISP(t *testing.T) {
	wantProtocol(t, lispData, "lisp", `"message":"data"`)
	wantProtocol(t, lispRegister, "lisp", `"message":"map-register"`)
	wantProtocol(t, lispSession, "lisp", `"message":"session"`)
	wantNot(t, tcp(4342, CX("0011 0010 00000001 aabbccdd 9facade8")), "lisp")
	testTruncations(t, "lisp", lispSession, 16)
	wantNot(t, udp(4341, CX("87 123456 00000001 45000014 00000000 40060000 c0000201 c0000202")), "lisp")
	wantNot(t, udp(4342, CX("38 000101 0102030405060708 0001 0015 00112233445566778899aabbccddeeff00112233 000005a0 "+
		"01 20 1000 0000 0001 c0000201 01640a32 0005 0001 c0000202")), "lisp")
	testTruncations(t, "lisp", lispData, 28)
	testTruncations(t, "lisp", lispRegister, 24)
	wantNoAllocations(t, "lisp", lispData)
}

func FuzzLISP(f *testing.F) { fuzzTalks(f, "lisp", lispData, lispRegister) }
