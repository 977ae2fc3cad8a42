// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The message is built after IEEE 1588-2019 §13.6.
var ptpSync = udp(319, CX("00 02 002c 00 00 0200 0000000000000000 00000000 02005efffe100001 0001 0007 00 00"+
	"00000000000000000000"))

func TestPTP(t *testing.T) {
	wantProtocol(t, ptpSync, "ptpv2", `"message":"sync"`, `"domain":0`, `"clock":"02005efffe100001"`)
	wantNot(t, udp(319, CX("00 02 002b 00 00 0200 0000000000000000 00000000 02005efffe100001 0001 0007 00 00"+
		"00000000000000000000")), "ptpv2")
	wantNot(t, udp(319, CX("05 02 002c 00 00 0200 0000000000000000 00000000 02005efffe100001 0001 0007 00 00"+
		"00000000000000000000")), "ptpv2")
	testTruncations(t, "ptpv2", ptpSync, 44)
	wantNoAllocations(t, "ptpv2", ptpSync)
}

func FuzzPTP(f *testing.F) { fuzzTalks(f, "ptpv2", ptpSync) }
