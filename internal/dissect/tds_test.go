// SPDX-License-Identifier: Apache-2.0

package dissect

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
	wantProtocol(t, tdsPlain, "tds", `"client_version":"11.0.0"`, `"server_version":"16.0.1000"`, `"user":"sa"`, `"application_name":"app"`)
	wantProtocol(t, tcp(4000, C(tdsLoginPacket())), "tds", `"client_host":"pc"`)
	wantNot(t, tcp(1433, CX("12 01 001a 0000 00 00 | 00 000b 0005 | 01 0011 0001 ff | 0b0000000000 02")), "tds")
	wantNot(t, tcp(1433, CX("12 01 001a 0000 00 00 | 00 000b 0006 | 01 0012 0001 ff | 0b0000000000 02")), "tds")
	testTruncations(t, "tds", tdsPlain, 26)
	wantNoAllocations(t, "tds", tdsPlain)
}

func FuzzTDS(f *testing.F) { fuzzTalks(f, "tds", tdsPlain) }
