// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from "DSS": exchange server attributes (1041) with a manager level list, and its reply (1443).
var drdaExchange = tcp(50000, CX("0016 d0 01 0001 0010 1041 000c 1404 14030007 24070007"),
	SX("000e d0 02 0001 0008 1443 0004 115e"))

func TestDRDA(t *testing.T) {
	wantProtocol(t, drdaExchange, "drda", `"code_point":4161`)
	wantNot(t, tcp(50000, CX("0016 d1 01 0001 0010 1041 000c 1404 14030007 24070007")), "drda")
	wantNot(t, tcp(50000, CX("0016 d0 01 0001 0012 1041 000c 1404 14030007 24070007")), "drda")
	testTruncations(t, "drda", drdaExchange, 22)
	wantNoAllocations(t, "drda", drdaExchange)
}

func FuzzDRDA(f *testing.F) { fuzzTalks(f, "drda", drdaExchange) }
