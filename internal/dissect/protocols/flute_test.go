// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from RFC 5651 and RFC 6726: a half-word flag, no further identifiers, EXT_FDT.
var fluteTable = udp(4000, C("\x10\x10\x05\x00"+"\x00\x00\x00\x00"+"\x00\x01\x00\x00"+"\xc0\x20\x00\x01"+
	"\x00\x00\x00\x00"+"\x00\x00\x00\x00<?xml version=\"1.0\"?><FDT-Instance Expires=\"1\"/>"))

func TestFLUTE(t *testing.T) {
	wantProtocol(t, fluteTable, "flute")
	wantNot(t, udp(4000, C("\x20\x10\x05\x00"+"\x00\x00\x00\x00"+"\x00\x01\x00\x00"+"\xc0\x20\x00\x01"+
		"\x00\x00\x00\x00"+"<FDT-Instance Expires=\"1\"/>")), "flute")
	testTruncations(t, "flute", fluteTable, 57)
	wantNoAllocations(t, "flute", fluteTable)
}

func FuzzFLUTE(f *testing.F) { fuzzTalks(f, "flute", fluteTable) }
