// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built from CORBA 3.3 part 2 §9.4.1, and MIOP 1.0 §29.4.1: one packet of one, little endian.
var (
	giopTalk = tcp(2000, C("GIOP\x01\x02\x00\x00\x00\x00\x00\x04abcd"))
	miopTalk = udp(50000, C("MIOP\x10\x03\x10\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0c\x00\x00\x00identifierABGIOP\x01"+
		"\x02\x01\x00\x04\x00\x00\x00abcd"))
)

func TestGIOP(t *testing.T) {
	wantProtocol(t, giopTalk, "giop", `"minor_version":2`)
	wantNot(t, tcp(2000, C("GIOP\x01\x09\x00\x00\x00\x00\x00\x04abcd")), "giop")
	wantNot(t, tcp(2000, C("GIOPelement!")), "giop")
	wantProtocol(t, miopTalk, "giop")
	wantProtocol(t, udp(50000, C("MIOP\x10\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x02ab\x00\x00GIOP")),
		"giop")
	wantNot(t, udp(50000, C("MIOP\x10\x02\x00\x05\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x02ab\x00\x00GIOP")),
		"giop")
	wantNot(t, udp(50000, C("MIOP\x10\x02\x00\x04\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x02ab\x00\x00GIOP")),
		"giop")
	testTruncations(t, "giop", miopTalk, len(miopTalk.Says[0].Bytes))
	wantNoAllocations(t, "giop", miopTalk)
	testTruncations(t, "giop", giopTalk, 12)
	wantNoAllocations(t, "giop", giopTalk)
}

func FuzzGIOP(f *testing.F) { fuzzTalks(f, "giop", giopTalk) }

func FuzzMIOP(f *testing.F) { fuzzTalks(f, "giop", miopTalk) }
