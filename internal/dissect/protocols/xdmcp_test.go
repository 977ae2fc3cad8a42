// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after the XDMCP specification §4.
var xdmcpQuery = udp(177, CX("0001 0002 0001 00"), SX("0001 0005 000c 0000 0003 616263 0003 6f6e65"))

func TestXDMCP(t *testing.T) {
	wantProtocol(t, xdmcpQuery, "xdmcp", `"message":"query"`)
	wantProtocol(t, udp(177, xdmcpQuery.Says[1]), "xdmcp", `"message":"willing"`)
	wantNot(t, udp(177, CX("0001 0002 0002 00")), "xdmcp")
	wantNot(t, udp(177, CX("0001 0002 0003 01 0005")), "xdmcp")
	testTruncations(t, "xdmcp", xdmcpQuery, 7)
	wantNoAllocations(t, "xdmcp", xdmcpQuery)
}

func FuzzXDMCP(f *testing.F) { fuzzTalks(f, "xdmcp", xdmcpQuery) }
