// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// The payload is the specification's example, shortened; the parts are built by hand.
var (
	gelfMessage = udp(12201, C(
		`{"version": "1.1","host": "example.org","short_message": "A short message","level": 5}`))
	gelfParts  = udp(12201, CX("1e0f 0102030405060708 00 02 1f8b"), CX("1e0f 0102030405060708 01 02 aabb"))
	gelfStream = tcp(12201, C(`{"version":"1.1","host":"example.org",`), C("\"short_message\":\"x\"}\x00"))
)

func TestGELF(t *testing.T) {
	wantProtocol(t, gelfMessage, "gelf", `"host":"example.org"`)
	wantProtocol(t, gelfParts, "gelf")
	wantProtocol(t, gelfStream, "gelf")
	wantNot(t, udp(12201, C(`{"version": "2.1","host": "example.org","short_message": "A short message"}`)), "gelf")
	wantNot(t, udp(12201, CX("1e0f 0102030405060708 00 02 1f8b"), CX("1e0f 0102030405060709 01 02 aabb")), "gelf")
	testTruncations(t, "gelf", gelfMessage, 60)
	testTruncations(t, "gelf", gelfParts, 99)
	testTruncations(t, "gelf", gelfStream, 99)
	wantNoAllocations(t, "gelf", gelfParts)
}

func FuzzGELF(f *testing.F) { fuzzTalks(f, "gelf", gelfMessage, gelfParts) }

func FuzzGELFStream(f *testing.F) { fuzzTalks(f, "gelf", gelfStream) }
