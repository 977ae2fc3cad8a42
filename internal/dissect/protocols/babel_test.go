// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from RFC 8966 §4.6.5 and §4.6.6: a hello and "I heard you", a field of an unknown type, and padding.
var babelHello = udp(6696, CX("2a 02 001d 04 06 0000 0001 0190 05 0e 0300 0060 0258 0000000000000001 e0 02 ffff 00"))

func TestBabel(t *testing.T) {
	wantProtocol(t, babelHello, "babel", `"first_type":4`)
	wantNot(t, udp(6696, CX("2a 02 0008 04 07 0000 0001 0190")), "babel")
	wantNot(t, udp(6696, CX("2a 03 0008 04 06 0000 0001 0190")), "babel")
	testTruncations(t, "babel", babelHello, len(babelHello.Says[0].Bytes))
	wantNoAllocations(t, "babel", babelHello)
}

func FuzzBabel(f *testing.F) { fuzzTalks(f, "babel", babelHello) }
