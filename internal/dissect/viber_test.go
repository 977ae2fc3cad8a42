// SPDX-License-Identifier: Apache-2.0

package dissect

import (
	"strings"
	"testing"
)

// All messages are built by hand in the form that viber.go describes.
var (
	viberTCP    = tcp(4244, CX("0a00 01 000000 111111aa"+"0900 02 000000 222222"), SX("0a00 07 000000 33333333"), SX("0900 08 000000 444444"))
	viberSignIn = tcp(4244, CX("0c00 add4dc17fcff 03805900"+"0a00 01 000000 111111aa"+"0900 02 000000 222222"), SX("0a00 07 000000 33333333"+"0900 08 000000 444444"))
	viberNew    = tcp(5242, CX("1800 00000000 fcff 0580 0900"+strings.Repeat("00", 12)))
	viberUDP    = udp(7987, CX("abcd 1900 0102030405060708"+strings.Repeat("11", 22)), SX("abcd 1a00 0102030405060708"+strings.Repeat("22", 8)))
	viberTwo    = udp(7985, CX("abcd 0100 0100 0102030405060708"+strings.Repeat("11", 40)), SX("abcd 0c00 0100 0102030405060708"+strings.Repeat("22", 62)))
)

func TestViber(t *testing.T) {
	for _, k := range []talk{viberTCP, viberSignIn, viberNew, viberUDP, viberTwo} {
		if h := wantProtocol(t, k, "viber"); h.application != "viber" {
			t.Errorf("application %q", h.application)
		}
		testTruncations(t, "viber", k, 19)
		wantNoAllocations(t, "viber", k)
	}
	wantNot(t, tcp(4244, CX("0a00 01 000000 111111aa"+"0900 03 000000 222222"), SX("0a00 07 000000 33333333"), SX("0900 08 000000 444444")), "viber")
	wantNot(t, tcp(4244, CX("0a00 01 000000 111111aa"), SX("0a00 07 000000 33333333")), "viber")
	wantNot(t, udp(7987, CX("abcd 1900 0102030405060708"+strings.Repeat("11", 22)), SX("abcd 1a00 0102030405060709"+strings.Repeat("22", 8))), "viber")
}

func FuzzViber(f *testing.F) { fuzzTalks(f, "viber", viberTCP) }

func FuzzViberCalls(f *testing.F) { fuzzTalks(f, "viber", viberUDP, viberTwo) }
