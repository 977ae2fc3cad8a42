// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from public descriptions of the header.
var oracleOpen = tcp(1521,
	C("\x00\x5d\x00\x00\x01\x00\x00\x00"+"\x01\x3e\x01\x2c"+string(make([]byte, 46))+
		"(DESCRIPTION=(CONNECT_DATA=(SID=shop)))"),
	SX("0008 0000 0b 00 0000"))

func TestOracle(t *testing.T) {
	wantProtocol(t, oracleOpen, "oracle", `"sid":"shop"`)
	wantProtocol(t, tcp(4000, SX("0020 0000 02 00 0000 013b 0000 0800 7fff 01000000 00200000 000000000000 0000")),
		"oracle")
	wantProtocol(t, tcp(1521, S("\x00\x20\x00\x00\x04\x00\x00\x00\x22\x00\x00\x14(ERR=12514)(CODE=1)")), "oracle")
	wantNot(t, tcp(1521, C("\x00\x5d\x00\x00\x01\x00\x00\x00"+"\x02\x3e\x01\x2c"+string(make([]byte, 46)))), "oracle")
	wantNot(t, tcp(1521, CX("0008 0000 0b 00 0000")), "oracle")
	testTruncations(t, "oracle", oracleOpen, 28)
	wantNoAllocations(t, "oracle", oracleOpen)
}

func FuzzOracle(f *testing.F) { fuzzTalks(f, "oracle", oracleOpen) }
