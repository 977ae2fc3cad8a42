// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The messages are built after RFC 2608 §8.1 and RFC 2165 §4.
var (
	slpRequest = udp(427, C("\x02\x01\x00\x00\x30\x20\x00\x00\x00\x00\x12\x34\x00\x02en\x00\x00\x00\x0fservice:printe"+
		"r\x00\x07DEFAULT\x00\x00\x00\x00"))
	slpVersion = udp(427, C("\x01\x01\x00\x18\x00\x00en\x00\x03\x12\x34\x00\x00\x00\x05abcd,\x00\x00\x00"))
)

func TestSLP(t *testing.T) {
	wantProtocol(t, slpRequest, "slp", `"version":2`, `"function":"service-request"`,
		`"service_type":"service:printer"`)
	wantProtocol(t, slpVersion, "slp", `"version":1`)
	wantNot(t, udp(427, C("\x02\x01\x00\x00\x33\x20\x00\x00\x00\x00\x12\x34\x00\x02en\x00\x00\x00\x0fservice:printer"+
		"\x00\x07DEFAULT\x00\x00\x00\x00")), "slp")
	wantNot(t, udp(427, C("\x02\x01\x00\x00\x30\x20\x00\x00\x00\x00\x12\x34\x00\x0212\x00\x00\x00\x0fservice:printer"+
		"\x00\x07DEFAULT\x00\x00\x00\x00")), "slp")
	testTruncations(t, "slp", slpRequest, 48)
	testTruncations(t, "slp", slpVersion, 24)
	wantNoAllocations(t, "slp", slpRequest)
}

func FuzzSLP(f *testing.F) { fuzzTalks(f, "slp", slpRequest, slpVersion) }
