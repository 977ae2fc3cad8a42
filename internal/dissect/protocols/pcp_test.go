// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after RFC 6887 §7 and §11.1.
var pcpMap = udp(5351, CX("02 01 0000 00000e10 00000000000000000000ffffc0000205"+"000102030405060708090a0b 06 000000 "+
	"1f90 1f90 00000000000000000000ffff00000000"))

func TestPCP(t *testing.T) {
	wantProtocol(t, pcpMap, "pcp", `"operation":"map"`)
	wantNot(t, udp(5351, CX("0207 0000 00000e10 00000000000000000000ffffc0000205")), "pcp")
	testTruncations(t, "nat-pmp", pcpMap, 60)
	wantNoAllocations(t, "nat-pmp", pcpMap)
}
