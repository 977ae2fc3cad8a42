// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the distribution protocol's tables.
var (
	epmdRegister = tcp(4369, CX("0012 78 b2c1 4d 00 0006 0005 0005 "+"616c696365"+"0000"), SX("79 00 0001"))
	epmdLookup   = tcp(4369, CX("0006 7a 616c696365"), SX("77 00 b2c1 4d 00 0006 0005 0005 616c696365 0000"))
	epmdList     = tcp(4369, CX("0001 6e"), SX("00001111 6e616d6520616c69636520617420706f72742034353736310a"))
)

func TestEPMD(t *testing.T) {
	wantProtocol(t, epmdRegister, "epmd", `"node":"alice"`, `"port":45761`)
	wantProtocol(t, epmdLookup, "epmd", `"request":"port"`, `"node":"alice"`)
	wantProtocol(t, epmdList, "epmd", `"request":"names"`)
	wantNot(t, tcp(4369, CX("0001 6e"), SX("00001112 6e")), "epmd")
	wantNot(t, tcp(4369, CX("0006 7a 616c696365"), SX("78 00")), "epmd")
	for _, k := range []talk{epmdRegister, epmdLookup, epmdList} {
		testTruncations(t, "epmd", k, 99)
		wantNoAllocations(t, "epmd", k)
	}
}

func FuzzEPMD(f *testing.F) { fuzzTalks(f, "epmd", epmdRegister, epmdLookup, epmdList) }
