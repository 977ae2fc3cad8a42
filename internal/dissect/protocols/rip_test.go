// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after RFC 2453 §3.9.1 and §4.
var (
	ripRequest  = udp(520, CX("01 01 0000 0000 0000 00000000 00000000 00000000 00000010"))
	ripResponse = udp(520, CX("02 02 0000 0002 0000 c0000200 ffffff00 00000000 00000001"))
)

func TestRIP(t *testing.T) {
	wantProtocol(t, ripRequest, "rip", `"command":"request"`, `"version":1`)
	wantProtocol(t, ripResponse, "rip", `"command":"response"`, `"version":2`)
	wantNot(t, udp(520, CX("02 02 0000 0002 0000 c0000200 ffffff00 00000000 00000011")), "rip")
	testTruncations(t, "rip", ripResponse, 24)
	wantNoAllocations(t, "rip", ripResponse)
}

func FuzzRIP(f *testing.F) { fuzzTalks(f, "rip", ripRequest, ripResponse) }
