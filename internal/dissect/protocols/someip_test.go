// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the protocol specifications: service discovery without entries, and a request.
var (
	someipDiscovery = udp(30490, CX("ffff 8100 00000014 0000 0001 01 01 02 00 c0000000 00000000 00000000"))
	someipCall      = tcp(4000, CX("1234 0001 0000000a 0001 0001 01 01 00 00 0102"))
)

func TestSOMEIP(t *testing.T) {
	wantProtocol(t, someipDiscovery, "someip", `"service_id":65535`, `"message_type":2`)
	wantProtocol(t, someipCall, "someip", `"service_id":4660`)
	wantNot(t, udp(30490, CX("ffff 8100 00000015 0000 0001 01 01 02 00 c0000000 00000000 00000000")), "someip")
	wantNot(t, udp(30490, CX("ffff 8100 00000014 0000 0001 02 01 02 00 c0000000 00000000 00000000")), "someip")
	testTruncations(t, "someip", someipDiscovery, 28)
	wantNoAllocations(t, "someip", someipDiscovery)
}

func FuzzSOMEIP(f *testing.F) { fuzzTalks(f, "someip", someipDiscovery, someipCall) }
