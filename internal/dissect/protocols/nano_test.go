// SPDX-License-Identifier: Apache-2.0

package protocols

import "testing"

// Built by hand from the specification's field tables.
var nanoHandshake = tcp(7075, C("RC\x14\x14\x12\x0a\x01\x00"+sealed(32)), S("RC\x14\x14\x12\x0a\x03\x00"+sealed(128)))

func TestNano(t *testing.T) {
	wantProtocol(t, nanoHandshake, "nano", `"version":20`)
	wantNot(t, tcp(7075, C("RC\x14\x14\x12\x0a\x01\x00"+sealed(32)), S("RB\x14\x14\x12\x0a\x03\x00"+sealed(128))),
		"nano")
	testTruncations(t, "nano", nanoHandshake, 24)
	wantNoAllocations(t, "nano", nanoHandshake)
}

func FuzzNano(f *testing.F) { fuzzTalks(f, "nano", nanoHandshake) }
