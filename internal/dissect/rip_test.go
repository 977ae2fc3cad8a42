// SPDX-License-Identifier: Apache-2.0

package dissect

import "testing"

// The messages are built after RFC 2453 §3.9.1, §4 and RFC 2080 §2.1.
var (
	ripRequest  = udp(520, CX("01 01 0000 0000 0000 00000000 00000000 00000000 00000010"))
	ripResponse = udp(520, CX("02 02 0000 0002 0000 c0000200 ffffff00 00000000 00000001"))
	ripngTalk   = udp(521, CX("02 01 0000 20010db8000000000000000000000000 0000 20 01"))
)

func TestRIP(t *testing.T) {
	wantProtocol(t, ripRequest, "rip", `"command":"request"`, `"version":1`)
	wantProtocol(t, ripResponse, "rip", `"command":"response"`, `"version":2`)
	wantNot(t, udp(520, CX("02 02 0000 0002 0000 c0000200 ffffff00 00000000 00000011")), "rip")
	testTruncations(t, "rip", ripResponse, 24)
	wantNoAllocations(t, "rip", ripResponse)
}

func TestRIPng(t *testing.T) {
	wantProtocol(t, ripngTalk, "ripng", `"command":"response"`)
	wantNot(t, udp(521, CX("02 01 0000 20010db8000000000000000000000000 0000 90 01")), "ripng")
	testTruncations(t, "ripng", ripngTalk, 24)
	wantNoAllocations(t, "ripng", ripngTalk)
}

func FuzzRIP(f *testing.F)   { fuzzTalks(f, "rip", ripRequest, ripResponse) }
func FuzzRIPng(f *testing.F) { fuzzTalks(f, "ripng", ripngTalk) }
