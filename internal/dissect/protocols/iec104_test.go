// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from §5: start of data transfer, and a general interrogation with its confirmation.
var (
	iec104Begin   = tcp(2404, CX("68 04 07000000"), SX("68 04 0b000000"))
	iec104Command = tcp(4000, CX("68 0e 0000 0000 64 01 0600 0100 000000 14"),
		SX("68 0e 0000 0200 64 01 0700 0100 000000 14"))
)

func TestIEC104(t *testing.T) {
	wantProtocol(t, iec104Begin, "iec-104")
	wantProtocol(t, iec104Command, "iec-104", `"type_id":100`, `"cause":6`, `"common_address":1`)
	wantProtocol(t, tcp(2404, CX("68 04 0100 0200 68 04 0100 0400")), "iec-104")
	wantNot(t, tcp(2404, CX("68 04 07000001")), "iec-104")
	wantNot(t, tcp(2404, C("hello\r\n")), "iec-104")
	testTruncations(t, "iec-104", iec104Begin, 6)
	testTruncations(t, "iec-104", iec104Command, 99)
	wantNoAllocations(t, "iec-104", iec104Command)
}

func FuzzIEC104(f *testing.F) { fuzzTalks(f, "iec-104", iec104Begin, iec104Command) }
