// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after C706 §12.5 (connectionless request).
var dceProfinet = udp(34964, CX("04 00 20 00 100000 00"+"0000a0de976cd1118271000100010001"+
	"0100a0de976cd111827100a02442df7d"+
	"000102030405060708090a0b0c0d0e0f"+"00000000 01000000 00000000 0000 ffff ffff 0400 0000 00 00"+"aabbccdd"))

func TestProfinetIO(t *testing.T) {
	wantProtocol(t, dceProfinet, "profinet-io", `"interface":"dea00001-6c97-11d1-8271-00a02442df7d"`)
	testTruncations(t, "dcerpc", dceProfinet, dceDatagramHeader)
	wantNoAllocations(t, "dcerpc", dceProfinet)
}
