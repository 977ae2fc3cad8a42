// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the documented headers.
var nebulaOpen = udp(4242, C("\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"+sealed(300)))

func TestNebula(t *testing.T) {
	wantProtocol(t, nebulaOpen, "nebula")
	wantNot(t, udp(4242, C("\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02"+sealed(300))), "nebula")
	testTruncations(t, "nebula", nebulaOpen, nebulaHeader)
	wantNoAllocations(t, "nebula", nebulaOpen)
}

func FuzzNebula(f *testing.F) { fuzzTalks(f, "nebula", nebulaOpen) }
