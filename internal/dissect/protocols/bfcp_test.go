// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built by hand after the figures of RFC 8855 §5.1 and §5.2: Hello and HelloAck, a floor's request and
// status.
var (
	bfcpGreeting = tcp(5070, CX("200b0000 00000001 0002 0003"),
		SX("200c0003 00000001 0002 0003 1504 0b0c 1608 02040608 0a0c"))
	bfcpRequest = udp(5070, CX("40010002 00000001 0005 0003 0504 0001 0504 0002"),
		SX("50040001 00000001 0005 0003 0704 0001"))
)

func TestBFCP(t *testing.T) {
	wantProtocol(t, bfcpGreeting, "bfcp", `"primitive":11`, `"conference":1`, `"user":3`)
	wantProtocol(t, bfcpRequest, "bfcp", `"primitive":1`)
	wantNot(t, udp(5070, CX("40010000 00000001 0005 0003")), "bfcp")
	wantNot(t, udp(5070, CX("40010002 00000001 0005 0003 0504 0001 0504 0002"),
		SX("50040001 00000002 0005 0003 0704 0001")), "bfcp")
	wantNot(t, udp(5070, CX("40010001 00000001 0005 0003 fe04 0001"), SX("50040001 00000001 0005 0003 0704 0001")),
		"bfcp")
	for _, k := range []talk{bfcpGreeting, bfcpRequest} {
		testTruncations(t, "bfcp", k, 12)
		wantNoAllocations(t, "bfcp", k)
	}
}

func FuzzBFCP(f *testing.F) { fuzzTalks(f, "bfcp", bfcpRequest) }

func FuzzBFCPOverTCP(f *testing.F) { fuzzTalks(f, "bfcp", bfcpGreeting) }
