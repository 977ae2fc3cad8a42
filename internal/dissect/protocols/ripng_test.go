// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built after RFC 2080 §2.1.
var ripngTalk = udp(521, CX("02 01 0000 20010db8000000000000000000000000 0000 20 01"))

func TestRIPng(t *testing.T) {
	wantProtocol(t, ripngTalk, "ripng", `"command":"response"`)
	wantNot(t, udp(521, CX("02 01 0000 20010db8000000000000000000000000 0000 90 01")), "ripng")
	testTruncations(t, "ripng", ripngTalk, 24)
	wantNoAllocations(t, "ripng", ripngTalk)
}

func FuzzRIPng(f *testing.F) { fuzzTalks(f, "ripng", ripngTalk) }
