// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"encoding/binary"
	"testing"
)

// Built by hand from §6.6: the command to turn transmission on.
var synchroCommand = tcp(4712, C(synchroFrame("aa41 0012 0007 5f000000 00000000 0002")))

func synchroFrame(h string) []byte {
	b := unhex(h)
	return binary.BigEndian.AppendUint16(b, uint16(crcCCITT(0xffff, b)))
}

func TestSynchrophasor(t *testing.T) {
	if crc := crcCCITT(0xffff, []byte("123456789")); crc != 0x29b1 { // the catalogue's check value
		t.Errorf("checksum %04x, want 29b1", crc)
	}
	wantProtocol(t, synchroCommand, "synchrophasor", `"frame_type":4`, `"id_code":7`)
	wantProtocol(t, udp(4000, synchroCommand.Says[0]), "synchrophasor")
	wantNot(t, tcp(4712, CX("aa41 0012 0007 5f000000 00000000 0002 0000")), "synchrophasor")
	testTruncations(t, "synchrophasor", synchroCommand, 18)
	wantNoAllocations(t, "synchrophasor", synchroCommand)
}

func FuzzSynchrophasor(f *testing.F) { fuzzTalks(f, "synchrophasor", synchroCommand) }
