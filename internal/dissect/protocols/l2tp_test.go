// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from RFC 2661 §6.1 and RFC 3931 §3.2.1.
var (
	l2tpStart = udp(1701, CX("c802 002b 0000 0000 0000 0000 8008 0000 0000 0001 8008 0000 0002 0100 800f 0000 0007 "+
		"676174657761793132"))
	l2tpEmpty = udp(40000, CX("c802 000c 0005 0000 0001 0001"), SX("c802 000c 0007 0000 0001 0002"))
	l2tpThree = udp(1701, CX("c803 0014 00000000 0000 0000 8008 0000 0000 0001"))
)

func TestL2TP(t *testing.T) {
	wantProtocol(t, l2tpStart, "l2tp", `"version":2`, `"message_type":1`, `"host":"gateway12"`)
	wantProtocol(t, l2tpEmpty, "l2tp")
	wantProtocol(t, l2tpThree, "l2tp", `"version":3`)
	wantNot(t, udp(1701, CX("c802 0014 0000 0000 0000 0000 8009 0000 0000 0001")), "l2tp")
	wantNot(t, udp(1701, CX("c802 0014 0000 0000 0000 0000 8008 0000 0001 0001")), "l2tp")
	for _, k := range []talk{l2tpStart, l2tpEmpty, l2tpThree} {
		testTruncations(t, "l2tp", k, l2tpHeader+l2tpAVP+2)
		wantNoAllocations(t, "l2tp", k)
	}
}

func FuzzL2TP(f *testing.F) { fuzzTalks(f, "l2tp", l2tpStart, l2tpEmpty, l2tpThree) }

// Built after the specification.
var l2tpv3Message = ip(115, CX("00000000 c803 0010 00000000 0000 0000 00000000"))

func TestL2TPv3(t *testing.T) {
	testOnIP(t, "l2tp", l2tpv3Message, 20, ip(115, CX("00000000 c802 0010 00000000 0000 0000 00000000")))
}

func FuzzL2TPv3(f *testing.F) { fuzzTalks(f, "l2tp", l2tpv3Message) }
