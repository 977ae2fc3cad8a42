// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from §8.2: a data packet.
var cnpData = udp(1628, CX("0018 01 01 00 00 0000 00000001 00000002 00000003 01020304"))

func TestCNPIP(t *testing.T) {
	wantProtocol(t, cnpData, "cnp-ip", `"packet_type":1`)
	wantNot(t, udp(1628, CX("0019 01 01 00 00 0000 00000001 00000002 00000003 01020304")), "cnp-ip")
	wantNot(t, udp(1628, CX("0018 01 02 00 00 0000 00000001 00000002 00000003 01020304")), "cnp-ip")
	testTruncations(t, "cnp-ip", cnpData, 24)
	wantNoAllocations(t, "cnp-ip", cnpData)
}

func FuzzCNPIP(f *testing.F) { fuzzTalks(f, "cnp-ip", cnpData) }
