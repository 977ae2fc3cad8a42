// SPDX-License-Identifier: Apache-2.0

package protocols

import (
	"slices"
	"testing"
)

// The messages are built after C706 §12.6.4.3 (bind to the endpoint mapper) and §12.5 (connectionless request).
var dceBind = tcp(135, CX("05 00 0b 03 10000000 4800 0000 01000000"+"d016 d016 00000000 01 000000"+
	"0000 01 00 0883afe1 1f5d c911 91a4 08002b14a0fa 03000000"+"045d888a eb1c c911 9fe8 08002b104860 02000000"))

func TestDCE(t *testing.T) {
	wantProtocol(t, dceBind, "dcerpc", `"type":"bind"`, `"interface":"e1af8308-5d1f-11c9-91a4-08002b14a0fa"`)
	lsarpc := slices.Clone(dceBind.Says[0].Bytes)
	copy(lsarpc[32:], unhex("78573412 3412 cdab ef00 0123456789ab 00000000")) // a variant outside RFC 9562
	wantProtocol(t, tcp(49152, C(lsarpc)), "dcerpc", `"interface":"12345778-1234-abcd-ef00-0123456789ab"`)
	wantNot(t, tcp(49152, C(lsarpc[:len(lsarpc)-19]), S("x")), "dcerpc")
	wantNot(t, tcp(135, CX("05 02 00 01 0a000001 0050 0000 00000000 00000000")), "dcerpc")
	wantNot(t, udp(135, C(make([]byte, 90))), "dcerpc")
	testTruncations(t, "dcerpc", dceBind, dceHeader)
	wantNoAllocations(t, "dcerpc", dceBind)
}

func FuzzDCE(f *testing.F)         { fuzzTalks(f, "dcerpc", dceBind) }
func FuzzDCEDatagram(f *testing.F) { fuzzTalks(f, "dcerpc", dceProfinet) }
