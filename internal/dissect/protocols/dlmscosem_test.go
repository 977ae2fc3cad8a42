// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand: an association request (IEC 62056-5-3 §11's shape), a get request, and an HDLC connection request.
var (
	dlmsAssociate = tcp(4059, CX("0001 0010 0001 000d 60 0b a109060760857405080101"))
	dlmsGet       = udp(4059, CX("0001 0010 0001 000d c001c1 000f0000280000ff 01 00"))
	dlmsFrame     = tcp(4000, C(dlmsConnect()))
)

func dlmsConnect() []byte {
	b := unhex("a007 03 21 93")
	crc := crcX25(b)
	return append(append([]byte{dlmsFlag}, b...), byte(crc), byte(crc>>8), dlmsFlag)
}

func TestDLMS(t *testing.T) {
	if crc := crcX25([]byte("123456789")); crc != 0x906e { // the catalogue's check value
		t.Errorf("checksum %04x, want 906e", crc)
	}
	wantProtocol(t, dlmsAssociate, "dlms-cosem", `"tag":96`)
	wantProtocol(t, dlmsGet, "dlms-cosem", `"tag":192`)
	wantProtocol(t, dlmsFrame, "dlms-cosem")
	wantNot(t, tcp(4059, CX("0001 0010 0001 000d 60 0c a109060760857405080101")), "dlms-cosem")
	wantNot(t, tcp(4059, CX("7ea007032193 0000 7e")), "dlms-cosem")
	testTruncations(t, "dlms-cosem", dlmsAssociate, 21)
	testTruncations(t, "dlms-cosem", dlmsFrame, 9)
	wantNoAllocations(t, "dlms-cosem", dlmsAssociate)
}

func FuzzDLMS(f *testing.F) { fuzzTalks(f, "dlms-cosem", dlmsAssociate, dlmsGet, dlmsFrame) }
