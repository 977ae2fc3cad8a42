// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from RFC 5415 §4 and §5.1: a discovery request with its discovery type and MAC type, and DTLS.
var (
	capwapDiscovery = udp(5246, CX("00 10 0200 0000 0000 00000001 00 000d 00 0014 0001 01 002c 0001 01"))
	capwapDTLS      = udp(5246, CX("01 000000 16 feff 0000 000000000000 0004 01000000"))
)

func TestCAPWAP(t *testing.T) {
	wantProtocol(t, capwapDiscovery, "capwap", `"message_type":1`)
	wantProtocol(t, capwapDTLS, "capwap")
	wantNot(t, udp(5246, CX("00 10 0200 0000 0000 00000001 00 000e 00 0014 0001 01 002c 0001 01")), "capwap")
	wantNot(t, udp(5246, CX("00 10 0200 0000 0000 00000001 00 000d 00 0014 0002 01 002c 0001 01")), "capwap")
	wantNot(t, udp(5246, CX("01 000000 16 0303 0000 000000000000 0004 01000000")), "capwap")
	for _, k := range []talk{capwapDiscovery, capwapDTLS} {
		testTruncations(t, "capwap", k, 17)
		wantNoAllocations(t, "capwap", k)
	}
}

func FuzzCAPWAP(f *testing.F) { fuzzTalks(f, "capwap", capwapDiscovery, capwapDTLS) }
