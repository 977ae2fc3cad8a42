// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from public descriptions.
var ubiquitiTell = udp(10001, CX("01000000"), SX("0100 0019 02000a 020000000001c0000205 0b0003 617031 0c0003 554150"))

func TestUbiquiti(t *testing.T) {
	wantProtocol(t, ubiquitiTell, "ubiquiti-discovery")
	wantProtocol(t, udp(4000, ubiquitiTell.Says[1]), "ubiquiti-discovery", `"hostname":"ap1"`, `"platform":"UAP"`)
	wantNot(t, udp(4000, ubiquitiTell.Says[0]), "ubiquiti-discovery")
	wantNot(t, udp(10001, SX("0100 000d 02000b 020000000001c0000205")), "ubiquiti-discovery")
	testTruncations(t, "ubiquiti-discovery", udp(4000, ubiquitiTell.Says[1]), 29)
	wantNoAllocations(t, "ubiquiti-discovery", ubiquitiTell)
}

func FuzzUbiquiti(f *testing.F) { fuzzTalks(f, "ubiquiti-discovery", ubiquitiTell) }
