// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// A presence ping (DSP0136 §3.2.4.3), Get Channel Authentication Capabilities and an Open Session Request (IPMI 2.0
// §22.13, §13.17).
var (
	rmcpPing = udp(623, CX("06 00 ff 06 000011be 80 00 00 00"))
	rmcpIPMI = udp(623, CX("06 00 ff 07 00 00000000 00000000 09 20 18 c8 81 00 38 8e 04 b5"))
	rmcpPlus = udp(623, CX("06 00 ff 07 06 10 00000000 00000000 0400 00000000"))
)

func TestRMCP(t *testing.T) {
	wantProtocol(t, rmcpPing, "rmcp", `"class":"asf"`)
	wantProtocol(t, rmcpIPMI, "rmcp", `"class":"ipmi"`)
	wantProtocol(t, rmcpPlus, "rmcp", `"class":"ipmi"`)
	wantProtocol(t, udp(623, rmcpPing.Says[0], SX("06 00 ff 06 000011be 40 00 00 10 000011be 00000000 81 00 "+
		"000000000000"), rmcpIPMI.Says[0]), "rmcp", `"class":"ipmi"`)
	wantProtocol(t, udp(623, rmcpPing.Says[0], SX("06 00 ff 86"), rmcpPlus.Says[0]), "rmcp", `"class":"ipmi"`)
	wantNot(t, udp(623, CX("06 00 ff 06 000011be 80 00 00 01")), "rmcp")
	wantNot(t, udp(623, CX("06 00 ff 07 00 00000000 00000000 07 20 18 c8 81 00 38 8e 04 b5")), "rmcp")
	wantNot(t, udp(623, CX("06 00 ff 07 00 00000000 00000000 00")), "rmcp")                            // no message
	wantNot(t, udp(623, CX("06 00 ff 07 00 00000000 00000000 09 20 18 c9 81 00 38 8e 04 b5")), "rmcp") // its checksum
	testTruncations(t, "rmcp", rmcpPing, 12)
	testTruncations(t, "rmcp", rmcpIPMI, 17)
	testTruncations(t, "rmcp", rmcpPlus, 20)
	wantNoAllocations(t, "rmcp", rmcpIPMI)
}

func FuzzRMCP(f *testing.F) { fuzzTalks(f, "rmcp", rmcpPing, rmcpIPMI, rmcpPlus) }
