// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"testing"
)

// Built by hand: read of one register.
var sbusRead = udp(5050, C(sbusMessage("00000010 01 00 0001 00 05 06 00 0000")))

func sbusMessage(h string) []byte {
	b := unhex(h)
	return binary.BigEndian.AppendUint16(b, uint16(crcCCITT(0, b)))
}

func TestSBus(t *testing.T) {
	if crc := crcCCITT(0, []byte("123456789")); crc != 0x31c3 { // the catalogue's check value
		t.Errorf("checksum %04x, want 31c3", crc)
	}
	wantProtocol(t, sbusRead, "s-bus", `"station":5`, `"command":6`)
	wantNot(t, udp(5050, CX("00000010 01 00 0001 00 05 06 00 0000 0000")), "s-bus")
	testTruncations(t, "s-bus", sbusRead, 16)
	wantNoAllocations(t, "s-bus", sbusRead)
}

func FuzzSBus(f *testing.F) { fuzzTalks(f, "s-bus", sbusRead) }
