// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"testing"
)

// dnp3Frame builds a link header with its checksum; the rest is a read request of class 0, built by hand.
func dnp3Frame() []byte {
	b := unhex("05 64 0b c4 0a00 0100")
	b = binary.LittleEndian.AppendUint16(b, dnp3Checksum(b))
	return append(b, unhex("c0 c1 01 3c 01 06 0000")...)
}

var dnp3Read = tcp(20000, C(dnp3Frame()))

func TestDNP3(t *testing.T) {
	// The reset link frame is a common published example: 05 64 05 c0 01 00 0a 00 has checksum e0 8c.
	if crc := dnp3Checksum(unhex("05 64 05 c0 0100 0a00")); crc != 0x8ce0 {
		t.Errorf("checksum %04x, want 8ce0", crc)
	}
	wantProtocol(t, dnp3Read, "dnp3", `"destination":10`, `"source":1`, `"function":1`)
	wantProtocol(t, udp(4000, dnp3Read.Says[0]), "dnp3")
	wantNot(t, tcp(20000, CX("05 64 0b c4 0a00 0100 0000 c0c101")), "dnp3")
	testTruncations(t, "dnp3", dnp3Read, dnp3Header)
	wantNoAllocations(t, "dnp3", dnp3Read)
}

func FuzzDNP3(f *testing.F) { fuzzTalks(f, "dnp3", dnp3Read) }
