// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"testing"
)

// Built by hand from [MS-TDS] §2.2.6.5 and §2.2.6.4.
var (
	tdsHello  = CX("12 01 001a 0000 00 00 | 00 000b 0006 | 01 0011 0001 ff | 0b0000000000 02")
	tdsAnswer = SX("04 01 001a 0000 01 00 | 00 000b 0006 | 01 0011 0001 ff | 100003e80000 02")
	tdsPlain  = tcp(1433, tdsHello, tdsAnswer, C(tdsLoginPacket()))
)

func tdsLoginPacket() []byte {
	b := make([]byte, tdsLoginFixed)
	binary.LittleEndian.PutUint32(b[4:], 0x74000004)
	for at, name := range map[int]string{36: "pc", 40: "sa", 48: "app"} {
		binary.LittleEndian.PutUint16(b[at:], uint16(len(b)))
		binary.LittleEndian.PutUint16(b[at+2:], uint16(len(name)))
		for _, c := range []byte(name) {
			b = append(b, c, 0)
		}
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	return append([]byte{tdsLogin7, 1, 0, byte(len(b) + tdsHeader), 0, 0, 1, 0}, b...)
}

func TestTDS(t *testing.T) {
	wantProtocol(t, tdsPlain, "tds", `"client_version":"11.0.0"`, `"server_version":"16.0.1000"`, `"user":"sa"`,
		`"application_name":"app"`)
	wantProtocol(t, tcp(4000, C(tdsLoginPacket())), "tds", `"client_host":"pc"`)
	wantNot(t, tcp(1433, CX("12 01 001a 0000 00 00 | 00 000b 0005 | 01 0011 0001 ff | 0b0000000000 02")), "tds")
	wantNot(t, tcp(1433, CX("12 01 001a 0000 00 00 | 00 000b 0006 | 01 0012 0001 ff | 0b0000000000 02")), "tds")
	for _, port := range []uint16{1433, 4000} {
		for _, k := range tdsMidflow(port) {
			wantProtocol(t, k, "tds")
			testTruncations(t, "tds", k, 30)
			wantNoAllocations(t, "tds", k)
		}
	}
	// Ignored bits
	wantProtocol(t, tcp(1433, CX("12 f1 001a 0000 00 09 | 00 000b 0006 | 01 0011 0001 ff | 0b0000000000 02")), "tds")
	wantNot(t, tcp(1433, CX("01 01 0026 0000 01 00 | 16000000 11000000 0200 0000000000000000 01000000 7300 6500 6c00 "+
		"6500")), "tds")
	wantNot(t, tcp(1433, CX("01 01 0010 0000 01 00 | 7300 6500 6c00 6500"), SX("04 01 0011 0000 01 00 | 00 1000 c100 "+
		"00000000")), "tds")
	wantNot(t, tcp(1433, CX("01 01 0010 0000 01 00 | 7300 6501 6c00 6500"), SX("04 01 0011 0000 01 00 | fd 1000 c100 "+
		"00000000")), "tds")
	testTruncations(t, "tds", tdsPlain, 26)
	wantNoAllocations(t, "tds", tdsPlain)
}

// tdsMidflow are sessions that began earlier: a batch with headers, a call and a batch without, each with its answer.
func tdsMidflow(port uint16) []talk {
	done := SX("04 01 0011 0033 01 00 | fd 1000 c100 00000000")
	talks := []talk{
		tcp(port, CX("01 01 0026 0000 01 00 | 16000000 12000000 0200 0000000000000000 01000000 7300 6500 6c00 6500"),
			done),
		tcp(port, CX("03 09 0020 0000 01 00 | ffff 0a00 0000 0000 e7 0000 0102030405060708090a0b"), done),
		tcp(port, done, CX("01 01 0010 0000 01 00 | 7300 6500 6c00 6500")),
	}
	for i := range talks {
		talks[i].Midstream = true
	}
	return talks
}

func FuzzTDS(f *testing.F) { fuzzTalks(f, "tds", append(tdsMidflow(1433), tdsPlain)...) }
