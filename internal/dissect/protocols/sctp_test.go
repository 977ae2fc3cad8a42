// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"testing"

	"github.com/weirnet/weir/internal/dissect"
)

// The packets, after the common header, are built after RFC 9260 §3.3.
var sctpTalk = talk{Over: dissect.SCTP, ServerPort: 9000, Says: []say{
	CX("01 00 0014 12345678 0000ffff 000a 000a 00000001"),
	SX("02 00 0018 87654321 0000ffff 000a 000a 00000009 00070004"),
	CX("0a 00 0004"), SX("0b 00 0004"),
	CX("00 03 0013 00000001 0000 0000 00000000 616263 00"),
}}

func sctpChunk(data string) string {
	n := len(data) + sctpDataHeader
	return "\x00\x03" + string([]byte{byte(n >> 8), byte(n)}) + "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x2e" +
		data + "\x00\x00\x00"[:(4-n&3)&3]
}

func TestSCTP(t *testing.T) {
	wantProtocol(t, sctpTalk, "sctp")
	wantProtocol(t, talk{Over: dissect.SCTP, ServerPort: 9000, Says: []say{CX("06 00 0004")}}, "sctp")
	wantNot(t, talk{Over: dissect.SCTP, ServerPort: 9000, Says: []say{CX("00 03 0003 00000001 0000 0000 00000000 " +
		"616263 00")}}, "sctp")
	testTruncations(t, "sctp", sctpTalk, 99)
	wantNoAllocations(t, "sctp", sctpTalk)
}

func FuzzSCTP(f *testing.F) { fuzzTalks(f, "sctp", sctpTalk) }
